"""Sizes and counts of the messages that no player reads, each with its reason."""

from amos.protocol.limits import OPT_OUTS_BYTES_MAX, RECEIPT_BYTES_MAX, SEGMENT_BYTES_MAX

CATALOGUE_BYTES_MAX = 16 * 1024 * 1024
"""Titles, splits and credits of a whole repertoire: about 60,000 stems."""

ENROLMENT_BYTES_MAX = 2048
"""What a device is takes 450 bytes at most, its handovers 950."""

PAIRING_BYTES_MAX = 512
"""What a request says takes 290 bytes at most."""

PAIRING_ANSWER_BYTES_MAX = 512
"""With a name of 64 bytes and particulars of 200."""

REVOCATION_BYTES_MAX = 512
"""A revocation is about 150 bytes."""

RULED_SEGMENTS_MAX = 1024
"""Segments that one ruling rejects: as many as a ledger keeps as evidence of one device."""

RULING_BYTES_MAX = 34 * RULED_SEGMENTS_MAX + 1024
"""Hashes of 32 bytes and their heads, the reason and the envelope: below what an entry of the log holds."""

PLACED_SITES_MAX = 256
"""Sites that one entry places in a pool; a larger chain takes several entries."""

POOL_BYTES_MAX = 72 * PLACED_SITES_MAX + 1024
"""Names of 64 bytes and their heads, the reason and the envelope."""

LOSS_BYTES_MAX = 512
"""About 160 bytes."""

FORGONE_BYTES_MAX = 512
"""About 190 bytes."""

TRANSFER_BYTES_MAX = 1024
"""Two names of accounts, a reason and the envelope take 640 bytes at most."""

CHECKPOINT_BYTES_MAX = 8192
"""A signed tree head is about 200 bytes, and each witness adds about 150."""

RECEIPTED_BYTES_MAX = RECEIPT_BYTES_MAX + SEGMENT_BYTES_MAX + 32
"""A receipt and the envelope that it was given for."""

CLOSING_BYTES_MAX = 65_535
"""An entry of a tlog-tiles bundle has a 16-bit length."""

TITLE_BYTES_MAX = 256

ENVELOPE_BYTES_MAX = SEGMENT_BYTES_MAX + 16
"""An MQTT usage message: content marker plus a segment that deflate could not shrink."""

SEVERAL_BYTES_MAX = 64 * 1024
"""Of one message with several envelopes or answers: a slow line has it sent in seconds, and at 4.5 KB a segment its own
cost is a tenth of theirs."""

SEVERAL_MAX = 64
"""Items of such a message: what a broker loses with one is soon sent again."""

ANSWER_BYTES_MAX = RECEIPT_BYTES_MAX + 512
"""An MQTT answer of the ledger: receipt or refusal with its sentence."""

SPLITS_MAX = 32
"""Payees of one stem."""

COMPOSERS_MAX = 16
"""Who wrote one stem's music: more than sign for any song."""

PPM = 1_000_000
"""Splits are parts per million and sum to this."""

BUNDLE_CONTENT_BYTES_MAX = OPT_OUTS_BYTES_MAX
"""The largest thing that a courier carries by hand, beside packs, which are files of their own."""

BUNDLE_ITEM_BYTES_MAX = BUNDLE_CONTENT_BYTES_MAX + 256
"""With the item's other fields."""

BUNDLE_BYTES_MAX = 32 * 1024 * 1024
"""Of one file; a courier writes several. What is torn or damaged costs no more than this."""

BUNDLE_ITEMS_MAX = 200_000
"""Of one file: as many segments as a courier keeps."""
