"""Every size and count that bounds a message, each with its reason."""

CBOR_DEPTH_MAX = 8
"""Our deepest message (receipt: envelope, Sign1, header, proof list) is 5 deep."""

SEGMENT_BYTES_MAX = 16 * 1024
"""A sealed segment, signature included: fits a board's RAM twice and one MQTT packet."""

SEGMENT_ROWS_MAX = 1200
"""Rows before a segment is sealed as full: 11 bytes a row leaves 2 KiB for inputs and the envelope."""

SEGMENT_INPUTS_MAX = 128
"""Inputs before a segment is sealed as full: 9 bytes each."""

SEGMENT_INPUTS_OWN_MAX = 72
"""Of these, kept free for what the player itself has to say at any moment: 64 to withdraw every stem, and the time."""

MANIFEST_BYTES_MAX = 256 * 1024
"""1,024 stems of about 180 bytes, with room."""


SCORE_BYTES_MAX = 64 * 1024
"""A compiled score must stay in the RAM of a 520 KB board."""

STEMS_MAX = 1024
"""Stems of one pack; the stem column is 16 bits wide."""

RECEIPT_BYTES_MAX = 2048
"""A path of 40 hashes (a tree of 10^12 leaves) with signature is 1.5 KB."""

OPT_OUTS_MAX = 1024
"""Stems on one opt-out list: as many as a pack has."""

OPT_OUTS_BYTES_MAX = 16 * OPT_OUTS_MAX + 512
"""Ids of 16 bytes and the envelope: what a board can hold while it verifies them."""

ANCHOR_BYTES_MAX = 512
"""A time anchor is about 190 bytes."""

TIME_NONCE_BYTES = 16
"""A player's challenge for a time anchor."""

HANDOVERS_MAX = 8
"""Keys that a device may have had before the one in force: one a year for eight years, and the whole list fits into one
answer of the link. After that the board gets a key as another device."""

KEY_HISTORY_BYTES_MAX = 1024
"""8 handovers of 113 bytes, and 39 around them."""

ROTATIONS_MAX = 64
"""Keys that the operator or the ledger of a log may have had before the one in force: one a year for a long life."""

ROTATION_BYTES_MAX = 512
"""A rotation is about 370 bytes, its log's name included."""

TRANSITION_S_MAX = 1096 * 86_400
"""Three years: a player that lay in a drawer for two is still in the time of transition."""

APPOINTMENT_BYTES_MAX = ROTATION_BYTES_MAX + RECEIPT_BYTES_MAX + 16
"""A rotation with the receipt for its entry."""

DIRECTIVE_BYTES_MAX = 2048
"""16 sliders of 75 bytes, a place, the rest and the envelope are 1.8 KB; an ordinary one is 200 bytes."""

SMALL_TEXT_BYTES_MAX = 64
"""Payees, sites, roles, board names."""


REQUEST_BYTES_MAX = 240
"""CBOR body of a request: with CRC, COBS and delimiter at most 247 bytes; a Pico's USB input ring is 512."""

REQUEST_OVERHEAD_BYTES_MAX = 48
"""Of a request's body, what is not data: 38 bytes with an offer's fields at their largest, and some room."""

PUT_CHUNK_BYTES_MAX = 8192
"""Data bytes of one put to a player without a small input ring; each player says what it takes. Measured over a Unix
socket to one that plays, on two busy cores: 0.04 MB/s with 192 bytes, 1.1 with 4,096, 1.9 with 8,192."""

REQUEST_WIDE_BYTES_MAX = PUT_CHUNK_BYTES_MAX + REQUEST_OVERHEAD_BYTES_MAX
"""CBOR body of a request to such a player."""

STREAM_BYTES_MAX = 1 << 17
"""Bytes of a blob that follow one request as they are, over a socket, which holds 208 KiB on Linux: few waits, and of
the player half a millisecond's work."""

FETCH_BYTES = 1 << 18
"""Bytes of a local file that one request has a player take: 9 ms of hashing for a Pi Zero."""

RESPONSE_BYTES_MAX = 1536
"""CBOR body of a response: one chunk plus its map, small enough for a preallocated buffer."""

READ_CHUNK_BYTES_MAX = 1024
"""Bytes of a segment answered to one read request."""

LIST_ENTRIES_MAX = 16
"""Segments named in one list answer: 16 x about 45 bytes."""

NAMES_MAX = 16
"""Names told in one answer: 16 x 80 bytes at most, and 60 bytes around them."""

NONCE_BYTES_MIN = 16
NONCE_BYTES_MAX = 64

INPUT_NONCES_MAX = 8
"""Inputs that a player remembers to have taken: a courier has three requests under way, and may come back on a second
line."""


STATUS_BYTES_MAX = 2048
