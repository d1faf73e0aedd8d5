"""Every size and count that bounds the ledger, each with its reason."""

QUEUE_MESSAGES_MAX = 1024
"""Messages between the MQTT thread and intake: at most 17 MiB, which a flood of garbage cannot exceed."""

TOPIC_CHARACTERS_MAX = 256
"""Our longest topic is about 120 characters; MQTT allows 65,535 bytes of somebody else's."""

INFLIGHT_MESSAGES_MAX = 20
"""Unacknowledged messages of the broker, and so of a batch under load; 1,000 was measured slower."""

BATCH_MESSAGES_MAX = 256
"""Messages of one transaction: enough to make the disk's flush cheap, few enough to answer within a second."""

ANSWERS_QUEUED_MAX = 4096
"""Answers that wait for the broker; beyond, an answer is dropped and the courier's resend asks for it again."""

HELD_SEGMENTS_MAX = 4096
"""Held segments of one device, 64 MiB at most: a month of them. Beyond, the courier is told to come again."""

EVIDENCE_SEGMENTS_MAX = 1024
"""Kept segments of one quarantined device, 16 MiB at most. What is beyond adds nothing to the proof."""

MANIFESTS_CACHED_MAX = 64
"""Decoded manifests in memory; a fleet plays few packs at a time."""

NUMBER_MAX = (1 << 63) - 1
"""SQLite's largest integer. At 192 kHz, frames reach it after 1.5 million years."""

DETAIL_BYTES_MAX = 200
"""The answer's `detail` field."""
