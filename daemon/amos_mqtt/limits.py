"""Every bound of the MQTT client, with its reason."""

QOS = 1
"""At least once: a resend brings the same answer, so that exactly once would only cost two more messages."""

KEEPALIVE_S = 30
"""A silent broker is noticed within a minute."""

SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps messages for a client that is away; couriers keep segments for ever and send them again."""

INFLIGHT_MAX = 20
"""Messages that the other side has not acknowledged, each way (1,000 was measured slower)."""

OUTGOING_QUEUED_MAX = 4096
"""Messages that wait for a place in flight; beyond, a message is dropped and a resend asks for it again."""

ARRIVALS_QUEUED_MAX = 1024
"""Messages between the client's thread and whoever polls; more are dropped, since each is sent again unanswered."""

CONNACK_WAIT_MS = {5: 2000, 4: 10_000}
"""MQTT level -> wait for CONNACK. A broker without MQTT 5 may take its CONNECT for an unfinished one, and wait."""

PAUSES_S = (1, 60)
"""First and longest wait before a connection is tried again; doubled each time, with jitter."""
