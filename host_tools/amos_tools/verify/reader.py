"""The statement's file taken apart: nothing in it is believed, and nothing in it is passed over."""

import json
from dataclasses import dataclass

from amos_tools.verify.errors import Difference, Unreadable
from amos_tools.verify.light import read_core as read_light_core
from amos_tools.verify.light import speaks_for_itself
from amos_tools.verify.light_formats import other_text
from amos_tools.verify.note import base64_bytes

PATH_HASHES_MAX = 64


@dataclass(frozen=True)
class PathTo:
    """A leaf index and the hashes from there up."""

    index: int
    path: list[bytes]


@dataclass(frozen=True)
class Statement:
    """A statement's parts. `core` is compared as a whole; `usage` is (path, leaf hash) of each segment proved."""

    core: dict[str, object]
    checkpoint: str
    closing_entry: bytes
    closing: PathTo
    place: PathTo
    usage: list[tuple[PathTo, bytes]]
    usage_left_out: int


def read_core(data: bytes) -> dict[str, object]:
    """What a statement of any version says, nothing of it verified. Raises `VerifyError` for what is none."""
    return read_light_core(data) if speaks_for_itself(data) else read_statement(data).core


def read_statement(data: bytes) -> Statement:
    """Take the file apart. Raises `Unreadable` for what is no statement, `Difference` where its spelling differs."""
    whole = _json(data)
    _fields("statement", whole, "core proof")
    core, proof = _object("core", whole["core"]), _object("proof", whole["proof"])
    _fields("proof", proof, "checkpoint closing statement usage usage_left_out")
    closing, place = _object("proof.closing", proof["closing"]), _object("proof.statement", proof["statement"])
    _fields("proof.closing", closing, "entry index path")
    _fields("proof.statement", place, "index path")
    usage = []
    for number, item in enumerate(_list("proof.usage", proof["usage"])):
        label = f"proof.usage[{number}]"
        step = _object(label, item)
        _fields(label, step, "index leaf_hash path")
        usage.append((_path(label, step), _hash(f"{label}.leaf_hash", step["leaf_hash"])))
    return Statement(
        core,
        _text("proof.checkpoint", proof["checkpoint"]),
        base64_bytes("proof.closing.entry", _text("proof.closing.entry", closing["entry"])),
        _path("proof.closing", closing),
        _path("proof.statement", place),
        usage,
        _integer("proof.usage_left_out", proof["usage_left_out"]),
    )


def _json(data: bytes) -> dict[str, object]:
    def no_float(text: str) -> object:
        raise ValueError(f"a number that is no integer, {text[:40]}")

    try:
        whole = json.loads(data.decode(), parse_float=no_float, parse_constant=no_float)
        spelled = (json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"expected a statement: JSON of whole numbers and text, found {other_text(error)}") from None
    if spelled != data:
        at = next((at for at, (a, b) in enumerate(zip(data, spelled, strict=False)) if a != b), len(spelled))
        line = data[:at].count(b"\n") + 1
        raise Difference(
            "statement: spelling", "sorted keys, each once, one space of indent", f"otherwise in line {line}"
        )
    return _object("statement", whole)


def _object(label: str, item: object) -> dict[str, object]:
    if not isinstance(item, dict):
        raise Unreadable(f"{label}: expected a JSON object")
    return item


def _list(label: str, item: object) -> list[object]:
    if not isinstance(item, list):
        raise Unreadable(f"{label}: expected a JSON array")
    return item


def _text(label: str, item: object) -> str:
    if not isinstance(item, str):
        raise Unreadable(f"{label}: expected text")
    return item


def _integer(label: str, item: object) -> int:
    if type(item) is not int or item < 0:
        raise Unreadable(f"{label}: expected an integer from 0")
    return item


def _fields(label: str, item: dict[str, object], names: str) -> None:
    if sorted(item) != names.split():
        raise Difference(f"{label}: fields", names, " ".join(sorted(item)))


def _hash(label: str, item: object) -> bytes:
    text = _text(label, item)
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32 or value.hex() != text:
        raise Unreadable(f"{label}: expected 64 lower-case hexadecimal digits")
    return value


def _path(label: str, item: dict[str, object]) -> PathTo:
    steps = _list(f"{label}.path", item["path"])
    if len(steps) > PATH_HASHES_MAX:
        raise Unreadable(f"{label}.path: expected at most {PATH_HASHES_MAX} hashes, found {len(steps)}")
    return PathTo(_integer(f"{label}.index", item["index"]), [_hash(f"{label}.path", step) for step in steps])
