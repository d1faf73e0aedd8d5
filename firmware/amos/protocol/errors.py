"""Named errors of the protocol. The class says whose fault it is; the message names field, expected and found.

`ProtocolError` is what came from outside and is wrong; `LocalError` is what our own caller asked for and may not.
"""


class ProtocolError(ValueError):
    """Bytes from outside are not what SPEC.md says."""


class CborError(ProtocolError):
    """Not the CBOR subset, or not its one canonical encoding (SPEC section 1)."""


class CoseError(ProtocolError):
    """Not a COSE_Sign1 of the expected type, algorithm and key (SPEC section 2)."""


class SignatureError(CoseError):
    """Well-formed, but the signature does not verify with the pinned key."""


class MessageError(ProtocolError):
    """A field of a message is missing, of the wrong type, or out of range."""


class FrameError(ProtocolError):
    """A frame of the link is damaged: checksum, stuffing or size (SPEC section 7)."""


class ProofError(ProtocolError):
    """A Merkle proof does not lead to the signed root."""


class NotNow(Exception):
    """What was asked for is right, and cannot be done at this moment: it may be asked for again."""


class LocalError(ValueError):
    """Our own caller passed a value that has no place in the format."""
