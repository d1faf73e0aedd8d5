"""From the pinned key to a closing, for the light check: checkpoint, rotations, the closing in the tree, its pool.

Statements and reading proofs both begin with these three parts of their files.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amos_tools.verify.errors import Difference, same
from amos_tools.verify.light_formats import (
    U8,
    U32,
    U63,
    UNIX_S_MAX,
    Schema,
    base64_bytes,
    checkpoint,
    fields,
    good_signature,
    hash_path,
    hex_bytes,
    objects,
    record,
    signed,
    typed,
    unverified,
)
from amos_tools.verify.light_trees import NO_LEAVES, Summed, check_path, leaf_hash

CLOSING: Schema = {
    **{1: ("version", int, U8), 2: ("period", str, 7), 3: ("currency", str, 3), 4: ("income_micro", int, U63)},
    **{5: ("carry_in_micro", int, U63), 6: ("pool_micro", int, U63), 7: ("carry_out_micro", int, U63)},
    **{8: ("catalogue_sha256", bytes, 32), 9: ("previous?", int, U63), 11: ("statements_root", bytes, 32)},
    **{12: ("statements", int, U32), 13: ("pool", str, 64), 14: ("segments", int, U63), 15: ("ticks_hz", int, U63)},
    **{16: ("ticks", bytes, 16), 17: ("devices", int, U32), 18: ("devices_root", bytes, 32)},
    **{19: ("stems", int, U32), 20: ("stems_root", bytes, 32), 21: ("readings_of?", int, U63)},
}
PART: Schema = {
    **{1: ("rights", int, U63), 2: ("standing", int, 6), 3: ("accrual", int, 3), 4: ("tier", int, U8)},
    **{5: ("rate_hz", int, 192_000), 6: ("frames", int, U63), 7: ("plays", int, U63)},
    **{8: ("first_unix_s?", int, UNIX_S_MAX), 9: ("last_unix_s?", int, UNIX_S_MAX)},
}
STEM_ROW: Schema = {
    **{1: ("stem_id", bytes, 16), 2: ("lead", str, 64), 3: ("ticks", bytes, 16), 4: ("parts", [PART], 4096)},
    **{5: ("cells", int, U32), 6: ("cells_root", bytes, 32)},
}
ROTATION: Schema = {
    **{1: ("version", int, U8), 2: ("role", int, U8), 3: ("origin", str, 64), 4: ("number", int, 64)},
    **{5: ("old_key", bytes, 32), 6: ("new_key", bytes, 32), 7: ("unix_s", int, UNIX_S_MAX)},
    **{8: ("until_unix_s?", int, UNIX_S_MAX), 9: ("possession", bytes, 64)},
}
LEDGER = 2
"""The ledger's role in a rotation."""
EARNING = 2
"""Standings below earn: paid, frozen late."""


@dataclass(frozen=True)
class Head:
    """A tree head that the ledger signed, and its line of keys: since which entry each is in force."""

    origin: str
    size: int
    root: bytes
    line: list[tuple[int, bytes]]

    def key_at(self, index: int) -> bytes:
        """The key in force for an entry: that of the last rotation before it."""
        return [key for since, key in self.line if since < index or since < 0][-1]


def read_head(label: str, part: dict[str, Any], pinned: bytes, origin: str | None, later: Sequence[bytes] = ()) -> Head:
    """The checkpoint by the ledger's key in force after its entries, found by the rotations. `later`: keys of the line
    that whoever has read the log knows to follow; the ledger may have signed with one of them as well."""
    rotations = objects(f"{label}.rotations", part["rotations"], entry=str, index=int, path=list)
    line = _line(f"{label}.rotations", rotations, pinned)
    name, size, root = _signed_by_one(f"{label}.checkpoint", part["checkpoint"], [line[-1][1], *later], origin)
    for number, item in enumerate(rotations):
        place = f"{label}.rotations[{number}]"
        said = record(place, unverified(place, base64_bytes(f"{place}.entry", item["entry"]), _ROTATION_TYP), ROTATION)
        same(f"{place}.entry, origin", name, said["origin"])
        leaf = leaf_hash(base64_bytes(f"{place}.entry", item["entry"]))
        check_path(place, leaf, item["index"], size, hash_path(f"{place}.path", item["path"]), root)
    return Head(name, size, root, line)


def _signed_by_one(label: str, note: str, keys: list[bytes], origin: str | None) -> tuple[str, int, bytes]:
    refusal: Difference | None = None
    for key in keys:
        try:
            return checkpoint(label, note, key, origin)
        except Difference as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


_ROTATION_TYP = "amos-rotation+cose"


def _line(label: str, rotations: list[dict[str, Any]], pinned: bytes) -> list[tuple[int, bytes]]:
    """Each key is signed by the one before, and signs that it follows it; the pinned key is one of them."""
    line: list[tuple[int, bytes]] = []
    for number, item in enumerate(rotations):
        place = f"{label}[{number}].entry"
        entry = base64_bytes(place, item["entry"])
        old = line[-1][1] if line else record(place, unverified(place, entry, _ROTATION_TYP), ROTATION)["old_key"]
        said = record(place, signed(place, entry, _ROTATION_TYP, old, "the key before"), ROTATION)
        line = line or [(-1, old)]
        expected = {"version": 1, "role": LEDGER, "number": number + 1, "old_key": old}
        for name, value in expected.items():
            same(f"{place}, {name}", value, said[name])
        if item["index"] <= line[-1][0] or said["new_key"] in [key for _since, key in line]:
            raise Difference(f"{label}[{number}]", "an entry and a key after those before", "others")
        message = b"amos/1/rotation\0" + bytes([LEDGER]) + said["number"].to_bytes(8, "big")
        message += said["unix_s"].to_bytes(8, "big") + said.get("until_unix_s", 0).to_bytes(8, "big")
        message += old + said["new_key"] + said["origin"].encode()
        if not good_signature(said["new_key"], message, said["possession"]):
            raise Difference(f"{place}, possession", "a signature by the new key", "one that does not verify")
        line.append((item["index"], said["new_key"]))
    line = line or [(-1, pinned)]
    if pinned not in [key for _since, key in line]:
        keys = ", ".join(key.hex() for _since, key in line)
        raise Difference(label, f"a line of keys with the pinned one, {pinned.hex()}", keys)
    return line


def read_closing(label: str, part: object, head: Head) -> tuple[int, dict[str, Any]]:
    """(leaf index, closing) of the entry that the head's tree has and the ledger's key in force there signed."""
    found = fields(label, part, entry=str, index=int, path=list)
    entry = base64_bytes(f"{label}.entry", found["entry"])
    path = hash_path(f"{label}.path", found["path"])
    check_path(label, leaf_hash(entry), found["index"], head.size, path, head.root)
    key = head.key_at(found["index"])
    payload = signed(f"{label}.entry", entry, "amos-statement+cose", key, "the ledger's key in force there")
    closing = record("closing", payload, CLOSING)
    _check_closing(closing, found["index"])
    return found["index"], closing


def _check_closing(closing: dict[str, Any], index: int) -> None:
    """What must hold within a closing by itself."""
    if closing["version"] not in (4, 5, 6):
        raise Difference("closing.version", "4 to 6", closing["version"])
    if ("readings_of" in closing) != (closing["version"] == 5) and closing["version"] != 6:
        found = closing.get("readings_of", "none")
        raise Difference("closing.readings_of", "a value in version 5, none before", found)
    if closing.get("readings_of", -1) > closing.get("previous", -1):
        raise Difference("closing.previous", f"from {closing['readings_of']}", closing.get("previous", "none"))
    if closing["version"] < 6:
        same("closing.pool", "communal", closing["pool"])
    if not re.fullmatch("[a-z0-9_-]{1,64}", closing["pool"]):
        raise Difference("closing.pool", "1 to 64 of the letters a-z, digits, - and _", closing["pool"])
    period, currency = closing["period"], closing["currency"]
    digits = period[:4] + period[5:]
    month = len(period) == 7 and period[4] == "-" and digits.isascii() and digits.isdigit()
    if not month or not 2000 <= int(period[:4]) <= 9998 or not 1 <= int(period[5:]) <= 12:
        raise Difference("closing.period", "a month like 2026-11", period)
    if len(currency) != 3 or not all("A" <= letter <= "Z" for letter in currency):
        raise Difference("closing.currency", "three capital letters", currency)
    same("closing.pool_micro", closing["income_micro"] + closing["carry_in_micro"], closing["pool_micro"])
    ticks = int.from_bytes(closing["ticks"], "big")
    same("closing.carry_out_micro", 0 if ticks else closing["pool_micro"], closing["carry_out_micro"])
    if closing.get("previous", -1) >= index:
        raise Difference("closing.previous", f"below {index}", closing["previous"])
    if not closing["ticks_hz"]:
        raise Difference("closing.ticks_hz", "from 1", 0)
    if closing["devices"] > closing["segments"]:
        raise Difference("closing.devices", f"at most {closing['segments']}, the segments", closing["devices"])
    for name in ("devices", "stems", "statements"):
        if (closing[name] == 0) != (closing[f"{name}_root"] == NO_LEAVES):
            raise Difference(f"closing.{name}_root", f"one over {closing[name]} leaves", closing[f"{name}_root"])
    if ticks and not closing["stems"]:
        raise Difference("closing.ticks", 0, ticks)


def nodes_of(label: str, items: object) -> list[Summed]:
    """Nodes of a proof: hash and sum, 48 bytes in hexadecimal each."""
    nodes = [hex_bytes(f"{label}[{at}]", item, 48) for at, item in enumerate(typed(label, items, list))]
    return [(item[:32], int.from_bytes(item[32:], "big")) for item in nodes]


def ticks_of(label: str, parts: list[dict[str, Any]], ticks_hz: int) -> int:
    """Stem-time of the parts that earn. They ascend, each kind once, and all that they say is possible."""
    total, before = 0, None
    for number, part in enumerate(parts):
        place = f"{label}.parts[{number}]"
        kind = tuple(part[name] for name in ("rights", "standing", "accrual", "tier", "rate_hz"))
        if before is not None and kind <= before:
            raise Difference(place, f"above {before}", kind)
        before = kind
        if not part["rate_hz"] or ticks_hz % part["rate_hz"]:
            raise Difference(f"{place}.rate_hz", f"a divisor of {ticks_hz}", part["rate_hz"])
        if not part["frames"]:
            raise Difference(f"{place}.frames", "from 1", 0)
        if part["plays"] > part["frames"]:
            raise Difference(f"{place}.plays", f"at most {part['frames']}, the frames", part["plays"])
        first, last = part.get("first_unix_s"), part.get("last_unix_s")
        if (first is None) != (last is None) or (first is not None and last is not None and first > last):
            raise Difference(f"{place}.last_unix_s", f"from {first}", last)
        total += part["frames"] * (ticks_hz // part["rate_hz"]) if part["standing"] < EARNING else 0
    return total
