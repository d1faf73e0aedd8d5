"""MQTT topics (SPEC section 9): `amos/1/<site>/<device>/<leaf>`, device as 32 hex digits."""

from amos.protocol.errors import MessageError

PREFIX = "amos/1"
USAGE = "usage"
RECEIPT = "receipt"
STATUS = "status"
TIME = "time"
ANCHOR = "anchor"
RECEIPTED = "receipted"
DIRECTIVE = "directive"
ENROLMENT = "enrolment"
ENROLLED = "enrolled"
PAIRING = "pairing"
PAIRED = "paired"
ALL_USAGE = PREFIX + "/+/+/" + USAGE
ALL_TIME = PREFIX + "/+/+/" + TIME
ALL_ENROLMENTS = PREFIX + "/+/+/" + ENROLMENT
ALL_PAIRINGS = PREFIX + "/+/+/" + PAIRING
OPT_OUTS = PREFIX + "/opt-outs"
"""One retained message for every player: the publisher's opt-out list."""
DELEGATED_OPT_OUTS = PREFIX + "/delegated-opt-outs"
"""One retained message for every player: the delegated key's opt-out list."""
ALL_OPT_OUTS = (OPT_OUTS, DELEGATED_OPT_OUTS)
CHECKPOINT = PREFIX + "/checkpoint"
"""One retained message for every courier: the ledger's tree head."""
FORGONE = PREFIX + "/forgone"
"""One retained message for every courier: what was receipted and is to be sent again."""
ROTATIONS = PREFIX + "/rotation/+"
"""A retained message for every courier for each rotation of the ledger's or the operator's key: players follow."""
ALL_RECEIPTED = PREFIX + "/+/+/" + RECEIPTED
ALL_COURIER_CHECKPOINTS = PREFIX + "/+/courier/checkpoint"


def device_topic(site: str, device_id: bytes, leaf: str) -> str:
    """Topic of one device's `leaf` at `site`."""
    return "%s/%s/%s/%s" % (PREFIX, site, device_id.hex(), leaf)


def courier_status_topic(site: str) -> str:
    """Topic of the courier's own retained status."""
    return "%s/%s/courier/status" % (PREFIX, site)


def courier_checkpoint_topic(site: str) -> str:
    """Topic on which the courier shows the ledger a tree head that it keeps."""
    return "%s/%s/courier/checkpoint" % (PREFIX, site)


def rotation_topic(number: int) -> str:
    """Topic of the ledger's rotation of that number."""
    return "%s/rotation/%d" % (PREFIX, number)


def operator_rotation_topic(number: int) -> str:
    """Topic of the operator's rotation of that number."""
    return "%s/rotation/operator-%d" % (PREFIX, number)


def is_rotation(topic: str) -> bool:
    """Whether what comes there is a rotation of the ledger's or the operator's key."""
    return topic.startswith(PREFIX + "/rotation/")


def is_operator_rotation(topic: str) -> bool:
    """Whether what comes there is a rotation of the operator's key."""
    return topic.startswith(PREFIX + "/rotation/operator-")


def shows_head(topic: str) -> bool:
    """Whether what comes there shows the ledger something that it signed."""
    return topic == CHECKPOINT or is_rotation(topic) or topic.endswith(("/courier/checkpoint", "/" + RECEIPTED))


def parse_device_topic(topic: str):
    """(site, device_id, leaf) of a device topic. Raises `MessageError`."""
    parts = topic.split("/")
    if len(parts) != 5 or parts[0] + "/" + parts[1] != PREFIX or not parts[2]:
        raise MessageError("topic: expected %s/<site>/<device>/<leaf>, found %s" % (PREFIX, topic[:80]))
    try:
        device_id = bytes.fromhex(parts[3])
    except ValueError:
        device_id = b""
    if len(device_id) != 16 or device_id.hex() != parts[3]:
        raise MessageError("topic: expected a device of 32 lower-case hex digits, found %s" % parts[3][:40])
    return parts[2], device_id, parts[4]
