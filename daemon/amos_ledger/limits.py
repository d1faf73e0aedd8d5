"""Every size and count that bounds the ledger, each with its reason."""

TOPIC_CHARACTERS_MAX = 256
"""Our longest topic is about 120 characters; MQTT allows 65,535 bytes of somebody else's."""

TOPICS_CACHED_MAX = 16_384
"""Topics whose parts are remembered, a few hundred bytes each: those of a large fleet."""

BATCH_MESSAGES_MAX = 256
"""Messages of one transaction: enough to make the disk's flush cheap, few enough to answer within a second."""

HELD_SEGMENTS_MAX = 4096
"""Held segments of one device, 64 MiB at most: a month of them. Beyond, the courier is told to come again."""

EVIDENCE_SEGMENTS_MAX = 1024
"""Kept segments of one quarantined device, 16 MiB at most. What is beyond adds nothing to the proof."""

MANIFESTS_CACHED_MAX = 64
"""Decoded manifests in memory; a fleet plays few packs at a time."""

ANCHORS_PER_HOUR_MAX = 120
"""Time anchors for one device, each of which is remembered: a courier asks once a minute while a clock is not set."""

PAYLOADS_CACHED_MAX = 4096
"""Decoded segments in memory, 16 KiB each at most and a third of that as a rule: the last one of each device of a large
fleet, since its next one is compared with it."""

NUMBER_MAX = (1 << 63) - 1
"""SQLite's largest integer. At 192 kHz, frames reach it after 1.5 million years."""

DELIVERED_MS_MAX = 1 << 40
"""35 years: so much of one segment is added at most, so that no sum leaves what a database holds."""

DETAIL_BYTES_MAX = 200
"""The answer's `detail` field."""

AHEAD_HEADS_MAX = 64
"""Tree heads kept that the log does not contain: one is enough to refuse, and the highest says what is missing."""

FORGONE_LEAVES_MAX = 1_000_000
"""Leaves that say nothing after an entry that gives up a tree head: ten minutes of the busiest ledger's entries."""

REFUSAL_LINES_MAX = 60
"""Refusals told one by one in a minute: a person reads no more, and a flood must not fill the log's disk."""

STATEMENT_BYTES_MAX = 64 << 20
"""A payee with 100,000 stems in play, at about 400 bytes a line, with room; as whoever verifies one reads it."""

OWN_JSON_BYTES_MAX = 32 << 20
"""A JSON file of the ledger's folder: the alerts of a hundred thousand devices, at 300 bytes each."""

DISK_FREE_BYTES_MIN = 256 << 20
"""Below, the ledger says that it is not well: SQLite's log and a day of bundles need some room to end cleanly."""

TURN_S_MAX = 60
"""A service that has not turned for so long hangs: the longest batch waits for the disk, for seconds."""
