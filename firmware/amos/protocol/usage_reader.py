"""Usage segments as ledger and courier read them; a player writes them, and opens none."""

from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.errors import MessageError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import OUTPUT_KINDS, PACES, Usage

CLOCK_LETTERS = "UISR"
"""Of each clock status, as signed energy meters have it (OCMF)."""

OUTPUT_KIND_ALSA = OUTPUT_KINDS.index("alsa")
OUTPUT_KIND_I2S = OUTPUT_KINDS.index("i2s")
OUTPUT_KIND_WAV = OUTPUT_KINDS.index("wav")

PACE_CLOCKED = PACES.index("clocked")
PACE_FREE = PACES.index("free")

ANY_DEVICE = b""
"""No device's id: the segment says whose it is."""


def open_usage(data, public_key: bytes, verify, device_id=None) -> Usage:
    """Verify, then decode; `device_id` is whose segment it must be, without it that of the signer's first key. Whether
    the key was in force at that sequence, and with `ANY_DEVICE` whether it is the device's, is for whoever knows the
    handovers. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    message = parse_typed(data, TYP_USAGE, SEGMENT_BYTES_MAX)
    message.check(public_key, verify)
    usage = Usage.decode(message.payload)
    expected = message.kid if device_id is None else device_id
    if device_id != ANY_DEVICE and usage.device_id != expected:
        raise MessageError("usage.device_id: expected %s, found %s" % (expected.hex(), usage.device_id.hex()))
    return usage
