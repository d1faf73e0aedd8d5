"""Every bound of the courier, with its reason. The formats' own are in `amos.protocol.limits`."""

SPOOL_BYTES_MAX = 256 * 1024 * 1024
"""Payload bytes kept before pulling stops: half a million ten-minute segments of 500 bytes, deflated."""

SPOOL_ENTRIES_MAX = 200_000
"""Entries not yet returned: each costs about 500 bytes of memory; 38 player-months."""

RETURNED_ROWS_MAX = 10_000
"""Compact rows of finished segments kept per device for the curious; the next start folds older ones into sums."""

KEPT_DAYS = 35
"""How long a returned segment is kept for a ledger that has lost it: longer than a month's closing waits."""

KEPT_BYTES_MAX = 64 * 1024 * 1024
"""Of returned segments with their receipts: of one player, a year; the oldest go first."""

HEAD_AGAIN_MS = (1_000, 3_600_000)
"""First and longest wait before a ledger that shows a lower tree head is shown the higher one again."""

ROTATIONS_OF_A_NUMBER_MAX = 4
"""Of the ledger's key: without the key that players know, a true one cannot be told from what a stranger made."""

FORGONE_AGAIN_MS = 600_000
"""Between two requests to send returned segments again: they are not signed for the courier."""

SEQUENCE_MAX = (1 << 63) - 1
"""SQLite's integers are signed; at a segment a second a player gets there in 292 thousand million years."""

UNANSWERED_MAX = 64
"""Segments of one device sent and not yet answered: a dead ledger is not flooded, and no device starves another."""

PORT_RETRY_MS = (500, 15_000)
"""First and longest wait before a connection is tried again; doubled each time, with jitter."""

POLL_MS = 1000
"""Between two looks at an idle player: one request of 8 bytes."""

RELIST_MS = 60_000
"""Before segments that could not be read are listed and tried again."""

LOOK_MS = 2000
"""Between two looks at what keeps segments from their receipts: one through a full spool takes some 20 ms."""

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

PACK_MEND_MS = 3_600_000
"""Between two times that spoilt blobs are sent again on one connection: a dying card is not to be worn out by it."""

PACK_RETRY_MS = 600_000
"""Before a pack that a player refused is offered to it again: room may have been made, a newer firmware installed."""
