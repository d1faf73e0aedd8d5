"""COSE_Sign1 (RFC 9052 §4.2) with Ed25519 (`alg` -19, RFC 9864), explicitly typed (RFC 9596).

The algorithm is pinned: any other is refused before the signature is looked at. Signing and verifying are passed in as
functions, so that this module stays pure and each runtime brings its own Ed25519.
"""

from amos.compat import const
from amos.protocol.cbor import Pieces, Tag, dump_pieces, dumps, loads
from amos.protocol.errors import CoseError, SignatureError

ALG_ED25519 = -19
HEADER_ALG = 1
HEADER_KID = 4
HEADER_TYP = 16
HEADER_VDS = 395
HEADER_VDP = 396
TAG_SIGN1 = 18
KID_BYTES = 16
_SIGNATURE_BYTES = const(64)

TYP_USAGE = "amos-usage+cose"
TYP_MANIFEST = "amos-manifest+cose"
TYP_OPT_OUTS = "amos-opt-outs+cose"
TYP_ANCHOR = "amos-anchor+cose"
TYP_ROTATION = "amos-rotation+cose"
TYP_DIRECTIVE = "amos-directive+cose"


def signature_input(protected: bytes, payload: bytes) -> bytes:
    """The `Sig_structure` whose bytes are signed (RFC 9052 §4.4), with empty external data."""
    return dumps(["Signature1", protected, b"", payload])


class Sign1:
    """A parsed COSE_Sign1, not yet verified.

    protected   bytes, the protected header as received (what is signed)
    header      dict, the decoded protected header
    unprotected dict
    payload     bytes, or None when detached
    signature   bytes (64)
    """

    __slots__ = ("header", "payload", "protected", "signature", "unprotected")

    def __init__(self, protected: bytes, header: dict, unprotected: dict, payload, signature: bytes):
        self.protected = protected
        self.header = header
        self.unprotected = unprotected
        self.payload = payload
        self.signature = signature

    @property
    def kid(self) -> bytes:
        """Key id, 16 bytes: the first half of the SHA-256 of the signer's public key."""
        return self.header[HEADER_KID]

    def check(self, public_key: bytes, verify, payload=None) -> None:
        """Raise `SignatureError` unless `verify(public_key, message, signature)`; `payload` when it is detached."""
        content = self.payload if payload is None else payload
        if content is None or not verify(public_key, signature_input(self.protected, content), self.signature):
            raise SignatureError("signature: expected one by key %s" % self.kid.hex())


def sign(payload: bytes, typ: str, kid: bytes, sign_message) -> bytes:
    """The tagged message. `sign_message(message) -> 64 bytes` holds the key."""
    protected = dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: kid, HEADER_TYP: typ})
    return dumps(Tag(TAG_SIGN1, [protected, {}, payload, sign_message(signature_input(protected, payload))]))


def sign_pieces(payload: Pieces, typ: str, kid: bytes, sign_message) -> Pieces:
    """As `sign`, without a copy of the payload; `sign_message(message: Pieces) -> 64 bytes` holds the key."""
    protected = dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: kid, HEADER_TYP: typ})
    signature = sign_message(dump_pieces(["Signature1", protected, b"", payload]))
    return dump_pieces(Tag(TAG_SIGN1, [protected, {}, payload, signature]))


def parse(data, bytes_max: int) -> Sign1:
    """Take a COSE_Sign1 apart without trusting it. Raises `CoseError`, `CborError`; the payload is not decoded."""
    if len(data) > bytes_max:
        raise CoseError("message: expected at most %d bytes, found %d" % (bytes_max, len(data)))
    item = loads(data)
    if not isinstance(item, Tag) or item.number != TAG_SIGN1:
        raise CoseError("message: expected a COSE_Sign1 (tag 18)")
    fields = item.value
    if not isinstance(fields, list) or len(fields) != 4:
        raise CoseError("message: expected an array of 4")
    protected, unprotected, payload, signature = fields
    if not isinstance(protected, bytes) or not isinstance(unprotected, dict):
        raise CoseError("header: expected bytes and a map")
    if not isinstance(payload, bytes) and payload is not None:
        raise CoseError("payload: expected bytes or null")
    if not isinstance(signature, bytes) or len(signature) != _SIGNATURE_BYTES:
        raise CoseError("signature: expected 64 bytes")
    header = loads(protected)
    if not isinstance(header, dict) or header.get(HEADER_ALG) != ALG_ED25519:
        raise CoseError("alg: expected -19 (Ed25519) in the protected header")
    kid = header.get(HEADER_KID)
    if not isinstance(kid, bytes) or len(kid) != KID_BYTES:
        raise CoseError("kid: expected 16 bytes in the protected header")
    return Sign1(protected, header, unprotected, payload, signature)


def parse_typed(data, typ: str, bytes_max: int) -> Sign1:
    """`parse`, and refuse any other type, an absent payload or an unprotected header."""
    message = parse(data, bytes_max)
    if message.header.get(HEADER_TYP) != typ or len(message.header) != 3:
        raise CoseError("typ: expected %s" % typ)
    if message.payload is None or message.unprotected:
        raise CoseError("message: expected an attached payload and no unprotected header")
    return message


def open_typed(data, typ: str, bytes_max: int, public_key: bytes, verify) -> bytes:
    """The payload of a message of this type by this key. Raises `CoseError`, `SignatureError`, `CborError`."""
    message = parse_typed(data, typ, bytes_max)
    message.check(public_key, verify)
    return message.payload
