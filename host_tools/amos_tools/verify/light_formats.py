"""The formats of the light check: JSON in one spelling, CBOR in one encoding, COSE_Sign1, signed notes (SPEC.md).

Independent of the ledger and of `amos.protocol`: it reads with cbor2, PyNaCl and the standard library. Each reader
refuses what it does not know, so nothing in a file is passed over.
"""

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

import cbor2
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from amos_tools.verify.errors import Difference, Unreadable, same

U8, U32, U63 = (1 << 8) - 1, (1 << 32) - 1, (1 << 63) - 1
UNIX_S_MAX = 253_402_300_799
ALG_ED25519 = -19
NOTE_BYTES_MAX = 8_192
PATH_HASHES_MAX = 64

Schema = dict[int, tuple[str, type | list[Any], int]]
"""Key of a CBOR map → (name, type, bound): of integers the largest, of bytes the exact size, of text the most bytes. A
list of one schema stands for a list of such maps, of at most `bound`; a name that ends with ? may be absent."""


def read_json(what: str, data: bytes, bytes_max: int) -> dict[str, Any]:
    """The object of a file in its one spelling: sorted keys, each once, no spaces, a line feed; integers and text."""
    if len(data) > bytes_max:
        raise Unreadable(f"{what}: expected at most {bytes_max} bytes, found {len(data)}")

    def no_float(text: str) -> object:
        raise ValueError(f"a number that is no integer, {text[:40]}")

    try:
        whole = json.loads(data.decode(), parse_float=no_float, parse_constant=no_float)
        spelled = core_bytes(whole) + b"\n"
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{what}: expected JSON of whole numbers and text, found {other_text(error)}") from None
    if spelled != data:
        at = next((at for at, (a, b) in enumerate(zip(data, spelled, strict=False)) if a != b), len(spelled))
        raise Difference(f"{what}: spelling", "sorted keys, each once, no spaces", f"otherwise at byte {at}")
    found: dict[str, Any] = typed(what, whole, dict)
    return found


def other_text(error: Exception) -> str:
    """What stands there in place of JSON, as far as it tells a person where to look."""
    if isinstance(error, json.JSONDecodeError):
        return "an empty file" if not error.doc else f"other text in line {error.lineno}, column {error.colno}"
    return "bytes that are no text" if isinstance(error, UnicodeDecodeError) else "other values"


def typed(label: str, item: object, kind: type) -> Any:
    """The item, which is of exactly this type; integers are from 0. True is no integer."""
    if type(item) is not kind or (kind is int and item < 0):  # type: ignore[operator]
        names = {int: "an integer from 0", str: "text", list: "an array", dict: "an object"}
        raise Difference(label, names[kind], "another value")
    return item


def fields(label: str, item: object, **kinds: type) -> dict[str, Any]:
    """A JSON object with exactly these fields, each of its type."""
    found: dict[str, Any] = typed(label, item, dict)
    for name in sorted(found.keys() | kinds.keys()):
        if name not in found:
            raise Difference(f"{label}.{name}", "a value", "nothing")
        if name not in kinds:
            raise Difference(f"{label}.{name}", "nothing", found[name])
        typed(f"{label}.{name}", found[name], kinds[name])
    return found


def objects(label: str, items: object, **kinds: type) -> list[dict[str, Any]]:
    """A JSON array of such objects."""
    return [fields(f"{label}[{number}]", item, **kinds) for number, item in enumerate(typed(label, items, list))]


def hex_bytes(label: str, text: object, size: int) -> bytes:
    """Exactly `size` bytes in lower-case hexadecimal."""
    try:
        data = bytes.fromhex(typed(label, text, str))
    except ValueError:
        data = b""
    if len(data) != size or data.hex() != text:
        raise Difference(label, f"{2 * size} lower-case hexadecimal digits", text)
    return data


def base64_bytes(label: str, text: object) -> bytes:
    """The bytes of standard base64 in its one canonical spelling."""
    try:
        data = b64decode(typed(label, text, str).encode("ascii"), validate=True)
    except ValueError:
        raise Difference(label, "base64", text) from None
    if b64encode(data).decode() != text:
        raise Difference(label, "canonical base64", text)
    return data


def hash_path(label: str, items: object) -> list[bytes]:
    """The hashes of an inclusion path."""
    path = typed(label, items, list)
    if len(path) > PATH_HASHES_MAX:
        raise Difference(f"{label}, count", f"at most {PATH_HASHES_MAX}", len(path))
    return [hex_bytes(f"{label}[{number}]", item, 32) for number, item in enumerate(path)]


def core_bytes(core: object) -> bytes:
    """JSON as files have it, and as it is hashed of a statement's core."""
    return json.dumps(core, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def cbor(label: str, data: bytes) -> Any:
    """The one item that `data` encodes, in core deterministic encoding. Its types are for the caller to check."""
    try:
        item = cbor2.loads(data)
        again = cbor2.dumps(item, canonical=True)
    except Exception as error:  # a decoder of strangers' bytes may raise anything
        raise Difference(label, "CBOR", f"a fault ({error})") from None
    if again != data:
        raise Difference(label, "CBOR in its deterministic encoding", data)
    return item


def record(label: str, data: bytes, schema: Schema) -> dict[str, Any]:
    """The message that `data` encodes, by name."""
    return _named(label, cbor(label, data), schema)


def _named(label: str, item: object, schema: Schema) -> dict[str, Any]:
    if type(item) is not dict or any(type(key) is not int for key in item):
        raise Difference(label, "a CBOR map with integer keys", "another item")
    unknown = sorted(item.keys() - schema.keys())
    if unknown:
        raise Difference(f"{label}, key {unknown[0]}", "nothing", "a value")
    found = {}
    for key, (name, kind, bound) in schema.items():
        place = f"{label}.{name.rstrip('?')}"
        if key in item:
            found[name.rstrip("?")] = _value(place, item[key], kind, bound)
        elif not name.endswith("?"):
            raise Difference(place, "a value", "nothing")
    return found


def _value(label: str, value: object, kind: type | list[Any], bound: int) -> object:
    if isinstance(kind, list):
        if type(value) is not list or len(value) > bound:
            raise Difference(label, f"an array of at most {bound}", "another value")
        if kind[0] is not int:
            return [_named(f"{label}[{number}]", item, kind[0]) for number, item in enumerate(value)]
        return [_value(f"{label}[{number}]", item, int, U63) for number, item in enumerate(value)]
    if type(value) is int and kind is int and 0 <= value <= bound:
        return value
    if type(value) is bytes and kind is bytes and len(value) == bound:
        return value
    if type(value) is str and kind is str and 1 <= len(value.encode(errors="replace")) <= bound:
        return value
    assert isinstance(kind, type)
    size = {int: f"an integer from 0 to {bound}", bytes: f"{bound} bytes", str: f"text of 1 to {bound} bytes"}
    raise Difference(label, size[kind], "another value")


def signed(label: str, entry: bytes, typ: str, key: bytes, whose: str) -> bytes:
    """The payload of a COSE_Sign1 (RFC 9052) of this type, signed with this Ed25519 key."""
    protected, payload, signature = _sign1(label, entry, typ, sha256(key).digest()[:16])
    message = cbor2.dumps(["Signature1", protected, b"", payload])
    if not good_signature(key, message, signature):
        raise Difference(f"{label}, signature", f"one by {whose}, {key.hex()}", "one that does not verify")
    return payload


def unverified(label: str, entry: bytes, typ: str) -> bytes:
    """The payload of a COSE_Sign1 of this type whose signer is not known here."""
    return _sign1(label, entry, typ, None)[1]


def _sign1(label: str, entry: bytes, typ: str, kid: bytes | None) -> tuple[bytes, bytes, bytes]:
    """(protected header, payload, signature); `kid`: the signer's key id, None where any will do."""
    if not entry.startswith(b"\xd2"):
        raise Difference(label, "a COSE_Sign1 (tag 18)", entry[:40])
    parts = cbor(label, entry[1:])
    if type(parts) is not list or len(parts) != 4:
        raise Difference(label, "a COSE_Sign1 of four parts", "another item")
    protected, unprotected, payload, signature = parts
    if not all(type(part) is bytes for part in (protected, payload, signature)) or unprotected != {}:
        raise Difference(label, "a COSE_Sign1 with a payload and nothing unprotected", "another")
    header = cbor(f"{label}, header", protected)
    if type(header) is not dict or header.get(1) != ALG_ED25519 or header.get(16) != typ or len(header) != 3:
        raise Difference(f"{label}, header", f"Ed25519, a key id, and the type {typ}", header)
    found = header.get(4)
    if type(found) is not bytes or len(found) != 16 or (kid is not None and found != kid):
        raise Difference(f"{label}, key id", kid or "16 bytes", found)
    return protected, payload, signature


def good_signature(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's Ed25519 signature."""
    try:
        VerifyKey(key).verify(message, signature)
    except (BadSignatureError, ValueError, TypeError):
        return False
    return True


def checkpoint(label: str, text: str, key: bytes, origin: str | None) -> tuple[str, int, bytes]:
    """(origin, size, root) of a signed note (c2sp.org/tlog-checkpoint) with a good signature by this key."""
    if len(text) > NOTE_BYTES_MAX:
        raise Difference(label, f"at most {NOTE_BYTES_MAX} characters", len(text))
    body, blank, signatures = text.rpartition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != 3 or not signatures.endswith("\n"):
        raise Difference(label, "a signed note: name, size, root, an empty line, signatures", "another text")
    name, size, root = lines
    if origin is not None and name != origin:
        raise Difference(f"{label}.origin", origin, name)
    if not (size.isascii() and size.isdigit()) or str(int(size[:20])) != size or int(size) > U63:
        raise Difference(f"{label}.size", "a decimal number", size)
    hashed = base64_bytes(f"{label}.root", root)
    same(f"{label}.root, bytes", 32, len(hashed))
    key_hash = sha256(name.encode() + b"\n\x01" + key).digest()[:4]
    for line in signatures[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        signer, space, encoded = rest.rpartition(" ")
        if dash != "\N{EM DASH}" or not space:
            raise Difference(f"{label}, signature lines", "— name base64", line)
        data = base64_bytes(f"{label}.signature", encoded)
        if (signer, data[:4]) == (name, key_hash):
            if not good_signature(key, (body + "\n").encode(), data[4:]):
                raise Difference(f"{label}.signature", f"one by {key.hex()}", "one that does not verify")
            return name, int(size), hashed
    raise Difference(f"{label}.signature", f"a line by {name} with key hash {key_hash.hex()}", "none")
