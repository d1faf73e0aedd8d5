"""Every bound of the MQTT client, with its reason."""

QOS = 1
"""At least once: a resend brings the same answer, so that exactly once would only cost two more messages."""

KEEPALIVE_S = 30
"""A silent broker is noticed within a minute."""

CONNECT_WAIT_S = 10.0
"""For an address to answer, and for TLS to be agreed: a mobile network may take seconds."""

SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps messages for a client that is away; couriers keep segments for ever and send them again."""

INFLIGHT_MAX = 20
"""Messages that the broker has not acknowledged (1,000 was measured slower)."""

DELIVERED_MAX = 256
"""Messages that the broker may deliver before the first is acknowledged. The ledger acknowledges a batch when it is
stored, so no batch is larger, and one of 20 costs twice as much a segment as one of 256."""

OUTGOING_QUEUED_MAX = 4096
"""Messages that wait for a place in flight; beyond, a message is dropped and a resend asks for it again."""

ARRIVALS_QUEUED_MAX = 1024
"""Messages between the client's thread and whoever polls; more are dropped, since each is sent again unanswered."""

DECIDED_MAX = 4096
"""Messages remembered as decided, 32 bytes each: more than any broker has in flight to one client."""

CONNACK_WAIT_MS = {5: 2000, 4: 10_000}
"""MQTT level -> wait for CONNACK. A broker without MQTT 5 may take its CONNECT for an unfinished one, and wait."""

PAUSES_S = (1, 60)
"""First and longest wait before a connection is tried again; doubled each time, with jitter."""

STEADY_MS = 10_000
"""A connection that lasts so long has proved useful even when nothing was said on it."""

SHORT_LIVED_MAX = 3
"""Connections accepted and broken off before they were steady, in a row, that are still taken for chance."""

SENDS_MAX = 3
"""Connections on which one message is sent: it may be the one at which the broker hangs up."""

SAY_AGAIN_MS = 60_000
"""Between two times that the same sentence about the connection is told."""

UNANSWERED_MS = 60_000
"""After so long without an answer of the ledger the operator is told: in MQTT 3.1.1 nobody says that access is denied,
and in MQTT 5 not of what may not be read."""
