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

FAULT_AGAIN_MS = 3_600_000
"""Between two times that a fault which lasts is told: a log that is read once a day still has it on its last page."""

FAULT_FORMS_MAX = 6
"""Of one fault, so many different sentences in an hour: most have two or three causes that follow each other."""

RETURNS_MAX = 3
"""Times that a fault may come back and count as a new one: a broker that is started anew twice is no riddle."""

RETURN_AGAIN_MS = 60_000
"""Before one that is back is told in the same words; what is over again by then is not told."""

STAYS_AWAY_MS = 600_000
"""After which a fault that comes and goes counts as over: longer than any pause before something is tried again."""

DENIAL_LASTS_MS = 1_200_000
"""After the last refusal of a kind of message: segments are sent again after ten minutes at most."""

UNANSWERED_MS = 60_000
"""After so long without an answer of the ledger the operator is told: in MQTT 3.1.1 nobody says that access is denied,
and in MQTT 5 not of what may not be read."""
