"""Every bound of the courier, with its reason. The formats' own are in `amos.protocol.limits`."""

SPOOL_BYTES_MAX = 256 * 1024 * 1024
"""Payload bytes kept before pulling stops: half a million ten-minute segments of 500 bytes, deflated."""

SPOOL_ENTRIES_MAX = 200_000
"""Entries not yet returned: each costs about 500 bytes of memory; 38 player-months."""

RETURNED_ROWS_MAX = 1_000
"""Compact rows of finished segments kept per device for the curious, a week's; older ones are folded into sums: those
of 200 players take some 60 MB."""

LET_GO_AT_ONCE = 50
"""Kept segments let go of, and compact rows folded, at a time, beside twice those that just came to them: what a
start or an earlier version leaves too many gets fewer step by step, and no step holds up a player."""

KEPT_DAYS = 35
"""How long a returned segment is kept for a ledger that has lost it: longer than a month's closing waits."""

KEPT_BYTES_MAX = 64 * 1024 * 1024
"""Of returned segments and their receipts: of one player, half a year; the oldest go first."""

HEAD_AGAIN_MS = (1_000, 3_600_000)
"""First and longest wait before a ledger that shows a lower tree head is shown the higher one again."""

ROTATIONS_OF_A_NUMBER_MAX = 4
"""Of the ledger's key: without the key that players know, a true one cannot be told from what a stranger made."""

SIGNATURES_KNOWN_MAX = 16
"""Of roots, remembered as verified: receipts for one come one after another."""

FORGONE_AGAIN_MS = 600_000
"""Between two requests to send returned segments again: they are not signed for the courier."""

SEQUENCE_MAX = (1 << 63) - 1
"""SQLite's integers are signed; at a segment a second a player gets there in 292 thousand million years."""

UNANSWERED_MAX = 64
"""Segments of one device sent and not yet answered: a dead ledger is not flooded, and no device starves another."""

UNANSWERED_TOGETHER_MAX = 256
"""The same once the ledger has shown that it takes several in one message: enough that it never waits for us."""

TOGETHER_FIRST = 2
"""Segments of the first message with several: no larger than what a ledger that knows none of such takes, to refuse."""

TOGETHER_QUICK_MS, TOGETHER_SLOW_MS = 2_000, 5_000
"""An answer within the former has more segments go together, one after the latter fewer: half of what has them sent
again."""

TOGETHER_AGAIN_MS = 600_000
"""After a message with several that had no answer all go alone for so long."""

PORT_RETRY_MS = (500, 15_000)
"""First and longest wait before a connection is tried again; doubled each time, with jitter."""

LOOK_AGAIN_MS = 150
"""After an input that somebody who looks on has given: a block or two, and what it did is seen."""

ACTS_WAITING_MAX = 16
"""Of one player, from all who look on; a player takes 40 at once, and one in five seconds."""

POLL_MS = 1000
"""Between two looks at an idle player: one request of 8 bytes."""

POLL_TOGETHER_MS = 250
"""Looks begin at multiples of it, so that many players are looked at in few turns of the loop, each of which costs
something for every player."""

RELIST_MS = 60_000
"""Before segments that could not be read are listed and tried again."""

LOOK_MS = 2000
"""Between two looks at what keeps segments from their receipts: one through a full spool takes some 20 ms."""

NOTE_SENT_MS = 1500
"""A segment that has had no answer for so long is noted as sent at the next look, for whoever reads the spool."""

SAYINGS_MAX, SAYINGS_REFILL_MS = 6, 60_000
"""Changes of one subject told at once, and the time after which one more may be: a state may change every second."""

FAULTS_KEPT_MAX = 32
"""In the spool, for `amos courier status`."""

FAULTS_KEPT_MS = 60_000
"""Between two times that what is wrong is written there, where only numbers in it differ: a card is not to be worn."""

CLOCK_OFF_MS = 120_000
"""Of this machine's clock against the ledger's, beside the time that the answer took: more is said."""

STATUS_MS = 10_000
"""Between two publications of an unchanged player's status."""

ANCHOR_AGAIN_MS = 24 * 3_600_000
ANCHOR_RETRY_MS = 60_000
"""Before a player's clock is anchored again: once a day, and sooner while it is not synchronised."""

ANCHOR_WAIT_MS = 3000
"""How long a courier that has nothing else to do waits for an anchor on its way."""

OFFER_AGAIN_MS = 600_000
"""Before an opt-out list that a player refused is offered to it again."""

COMMIT_WAIT_MS = 50
"""The longest that answers of the ledger wait for others to be written with."""

SPOOL_RETRY_MS = 10_000
"""Before a spool that could not be written is tried again."""

READ_BYTES_MAX = 64 * 1024
"""Taken from a port at once: more than the answers in flight, less than a loop turn."""

WRITE_BYTES_MAX = 1024 * 1024
"""Unsent bytes of a port: a window of a blob's pieces is under 512 KiB, so that more means a bug."""

PACK_SLICE_BYTES = 256 * 1024
"""Of a pack sent before the courier looks again for segments and receipts, which go first."""

PACK_BYTES_MAX = 2 * 1024 * 1024 * 1024
"""A whole pack: what a manifest from an untrusted server may have the courier fetch."""

DIRECTED_PACKS_MAX = 4
"""Places of packs that directives name and the courier looks at, at a time: a roll-out has two."""

PACK_LOOK_S = 30
"""Between two looks at the source of packs."""

PACK_FETCH_TIMEOUT_S = 30
"""Silence of a web server after which a fetch is given up, and tried again at the next look."""

FETCH_PIECE_BYTES = 1 << 18
"""Of a web server's answer held at once."""

FETCH_TRIES = 4
"""Times that a body which was broken off is gone on with at once; then at the next look."""

REDIRECTS_MAX = 5
"""That are followed: a static server needs one or two."""

SLOW_S, SLOW_BYTES = 60, 16 * 1024
"""A server that sends less in this time is given up for now: at that pace a pack of 70 MB takes three days."""

STALL_S = 90
"""A server that gives no piece of a body, or no whole head of an answer, in this time is hung up on."""

PACK_MEND_MS = 3_600_000
"""Between two times that spoilt blobs are sent again on one connection: a dying card is not to be worn out by it."""

PACK_RETRY_MS = 600_000
"""Before a pack that a player refused is offered to it again: room may have been made, a newer firmware installed."""

CARRIED_BYTES_MAX = 128 * 1024 * 1024
CARRIED_ENTRIES_MAX = 100_000
"""Of segments that sticks bring for shops elsewhere: apart from the players' own, which they never displace."""

CARRIED_DEVICES_MAX = 1000
"""Players elsewhere whose segments are carried: what a stick says may be made up. Then those give way that the ledger
never vouched for."""

CARRIED_ROOM_DEVICES = 50
"""Devices that the ledger never vouched for and that give way to others at a time: to find them takes a look at all
that is carried."""

CARRIED_AGAIN_S = 86_400
"""A carried segment that came so long ago and has its answer, and that its shop sends all the same, goes to the ledger
again: the answer was lost or is none."""

CARRIED_DAYS, CARRIED_REFUSED_DAYS = 120, 7
"""How long a carried segment is kept for its receipt to be fetched, and a refused one: its shop has it."""

DOCUMENTS_MAX = 4096
"""Retained messages and anchors that the spool keeps."""

INBOX_BYTES_MAX = 256 * 1024 * 1024
"""Bundles that were brought and are not taken in yet."""

UNTAKEN_KEPT_MAX = 32
"""Bundles of which the spool remembers that they were not taken whole, for whoever brings them."""

INBOX_ITEMS_A_TURN = 200
"""Taken from a bundle in one turn of the loop, so that it holds up no player: some 50 ms of a Pi Zero."""

CARRIED_LOOK_MS = 3_600_000
"""Between two looks for carried segments that were kept for long enough."""

INBOX_LOOK_MS = 1000
"""Between two looks for bundles."""

STICK_NAMES_MAX = 512
"""Names of one kind in a stick's folder that are looked at, but for blobs."""

STICK_ENTRIES_MAX = 65_536
STICK_BLOBS_MAX = STICK_ENTRIES_MAX
"""What is looked at in one folder at all: FAT32 has no more entries in one."""

TIME_ASK_MS = 3_600_000
"""Between two times that a player of a shop without a broker is asked for a nonce, which the next stick takes along."""

BUNDLE_PART_BYTES = 16 * 1024 * 1024
"""Of one file on a stick: a stick that is pulled out costs the file under way."""

ROSTER_LOOK_MS = 2000
"""Between two looks for players that patterns stand for: one reads a folder."""

FOUND_PLAYERS_MAX = 256
"""Players that patterns find: a folder may hold anything."""

RESERVE_BYTES = 64 * 1024
"""Of the disk, kept for letting go of what fills it."""

DROPPED_AT_ONCE = 50
"""Kept segments that a full disk has the spool let go of in one transaction: the reserve holds it."""

INPUTS_WAITING_MAX = 4
"""Inputs of different kinds that a player is to be handed; whoever asks for more at once asks in vain."""
