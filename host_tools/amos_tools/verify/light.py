"""The light check of a version 4 statement: from its file and the ledger's pinned key alone, offline (SPEC section 12).

It imports nothing of the ledger and nothing of `amos.protocol`. What takes part, in the order of reading:

    light_formats.py   JSON, CBOR, COSE_Sign1 and signed notes, read strictly
    light_trees.py     inclusion paths and sum trees
    light_closing.py   checkpoint, rotations and closing
    light_accounts.py  transfers and balances
    light_figures.py   every figure of a statement, from rows, shares and the pool
    light.py           the rows of the payee's stems, and the statement held against what follows from them
    light_detail.py    days and venues, where the statement has them

What it proves: the ledger signed this statement, in its log, for this period. Every stem of it has the play that the
closing commits to; play, weights, rates and amounts follow from that play, from the shares (`ppm`) that it states, and
from the pool; the amount is the exact share, rounded down or up; the lines add up.

What it cannot see, and `--full` recomputes from the log: that no segment was left out or counted twice, the shares
and texts of the catalogue, which payee got the last micro-units, how play stands and accrues, the counts of the pool,
whether a stem of this payee or a transfer was left out (of the stems that the payee leads, only one between two others
would be missed), and what the income and the opening balances rest on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from amos_tools.verify.errors import Difference, same
from amos_tools.verify.light_accounts import Transfer, proved_transfers, stated_balance
from amos_tools.verify.light_closing import EARNING, STEM_ROW, nodes_of, read_closing, read_head, ticks_of
from amos_tools.verify.light_detail import check_detail
from amos_tools.verify.light_figures import (
    ACCRUALS,
    COUNTS,
    FORMATS,
    PPM,
    STANDINGS,
    Shares,
    build_core,
    build_pool,
    fraction,
    played_ms,
)
from amos_tools.verify.light_formats import (
    base64_bytes,
    core_bytes,
    fields,
    hash_path,
    objects,
    read_json,
    record,
    typed,
)
from amos_tools.verify.light_trees import check_path, check_summed, leaf_hash, summed_leaf

STATEMENT_BYTES_MAX = 64 * 1024 * 1024
"""A payee with 100,000 stems in play, at about 400 bytes a line, with room."""
PAYEES_OF_A_STEM_MAX = 32
_CORE = dict(
    **{"format": str, "period": str, "currency": str, "payee": str, "pool": dict, "amount_micro": int, "amount": str},
    **{"minor_units": dict, "play_ms": str, "earning_ms": str, "frozen_late_micro": int, "lines": list},
    **{"unpaid": list, "balance": dict},
)
_PLAYED = dict(
    **{"stem": str, "title": str, "artist": str, "isrc": str, "rights": int, "ppm": int, "frames": list, "plays": int},
    **{"first": str, "last": str, "devices": int, "play_ms": str},
)

PROVED = (
    "the ledger signed this statement in its log, and each stem's play is that of the period's closing",
    "play, weights, rates, lines and the amount follow from that play, the stated shares and the pool",
)
NOT_PROVED = (
    "only --full shows that no segment was left out, of another pool or counted twice, that shares and texts are the"
    " catalogue's,"
    " how play was judged and on which days it was, that no stem or transfer of this payee is missing, the income,"
    " and the opening balances"
)


@dataclass(frozen=True)
class LightVerified:
    """A statement and what it rests on. `rows`: its stem rows, by index; `transfers`: (leaf index, transfer); `place`
    and `path`: its own in the closing; `detail`: its days and venues; `head_key`: the ledger's that signed the head."""

    core: dict[str, Any]
    closing_index: int
    closing: dict[str, Any]
    rows: dict[int, dict[str, Any]]
    transfers: list[tuple[int, Transfer]]
    checkpoint: str
    closing_entry: bytes
    place: int
    path: list[bytes]
    checked: tuple[str, ...]
    detail: dict[str, Any] | None
    head_key: bytes

    @property
    def payee(self) -> str:
        """Whose it is."""
        return str(self.core["payee"])

    @property
    def period(self) -> str:
        """For which month."""
        return str(self.closing["period"])

    @property
    def pool(self) -> str:
        """Of which pool, empty where the ledger has one alone."""
        return str(self.closing["pool"]) if self.closing["version"] == 6 else ""

    @property
    def currency(self) -> str:
        """In which the amounts are."""
        return str(self.closing["currency"])

    @property
    def amount_micro(self) -> int:
        """What the payee earned."""
        return int(self.core["amount_micro"])


def speaks_for_itself(data: bytes) -> bool:
    """Whether a file is for this check: all but what says that it is a statement of an earlier version."""
    return not any(f'"format": "amos-statement/{version}"'.encode() in data for version in (1, 2, 3))


def check_statement(data: bytes, ledger_key: bytes, origin: str | None = None) -> LightVerified:
    """Raises `Unreadable` for a file that is no statement, `Difference` at the first field that does not follow."""
    said = read_rows(data, ledger_key, origin)
    check_core(said)
    if said.detail is not None:
        check_detail(said.detail, said.core, said.head_key)
    return said


def read_core(data: bytes) -> dict[str, Any]:
    """What a statement says, nothing of it verified but its form."""
    core, _proof, _detail = _parts(data)
    return core


def read_detail(data: bytes) -> dict[str, Any] | None:
    """Days and venues, where a statement tells them; nothing of it verified."""
    return _parts(data)[2]


def _parts(data: bytes) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any] | None]:
    """(core, proof, detail) of a file; a statement need not have the last."""
    whole = read_json("statement", data, STATEMENT_BYTES_MAX)
    detail = {"detail": dict} if "detail" in whole else {}
    fields("statement", whole, core=dict, proof=dict, **detail)
    core = fields("core", whole["core"], **_CORE)
    if core["format"] not in FORMATS.values():
        raise Difference("core.format", FORMATS[6 if "name" in core["pool"] else 4], core["format"])
    return core, whole["proof"], whole.get("detail")


def read_rows(data: bytes, ledger_key: bytes, origin: str | None, later: Sequence[bytes] = ()) -> LightVerified:
    """What the ledger signed of the period, and this statement's rows of it; of the core, nothing is checked."""
    core, said, detail = _parts(data)
    if not re.fullmatch("[a-z0-9_-]{1,64}", core["payee"]):
        raise Difference("core.payee", "1 to 64 of the letters a-z, digits, - and _", core["payee"])
    kinds = dict(checkpoint=str, closing=dict, rotations=list, statement=dict, stems=dict, transfers=list)
    proof = fields("proof", said, **kinds)
    head = read_head("proof", proof, ledger_key, origin, later)
    index, closing = read_closing("proof.closing", proof["closing"], head)
    rows = _rows(proof["stems"], closing)
    transfers = proved_transfers("proof.transfers", proof["transfers"], head, index)
    place = fields("proof.statement", proof["statement"], index=int, path=list)
    checked = (
        f"checkpoint of {head.size} entries by the ledger's key {head.line[-1][1].hex()}",
        f"closing of {_closed(closing)}, entry {index}, and this statement in it",
        f"stem rows: {len(rows)} of {closing['stems']}; lines that follow from them: {len(core['lines'])}",
        *([] if detail is None else ["days and venues that add up to them, signed by the ledger"]),
    )
    return LightVerified(
        *(core, index, closing, rows, transfers, proof["checkpoint"]),
        base64_bytes("proof.closing.entry", proof["closing"]["entry"]),
        *(place["index"], hash_path("proof.statement.path", place["path"]), checked, detail, head.line[-1][1]),
    )


def _closed(closing: dict[str, Any]) -> str:
    """What was closed: the period, and its pool where there are several."""
    return f"{closing['period']}{', pool ' + closing['pool'] if closing['version'] == 6 else ''}"


def check_core(said: LightVerified) -> None:
    """The statement follows from its rows, and the closing commits to it."""
    first_difference("core", _stated_core(said), said.core)
    size, root = said.closing["statements"], said.closing["statements_root"]
    check_path("proof.statement", leaf_hash(core_bytes(said.core)), said.place, size, said.path, root)


def _rows(part: object, closing: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The stem rows of the statement, by index, each in the tree that the closing commits to."""
    label = "proof.stems"
    found = fields(label, part, nodes=list, rows=list)
    rows, leaves = {}, {}
    before: tuple[int, str, bytes] | None = None
    for number, item in enumerate(objects(f"{label}.rows", found["rows"], index=int, row=str)):
        place = f"{label}.rows[{number}]"
        data = base64_bytes(f"{place}.row", item["row"])
        row = record(f"{place}.row", data, STEM_ROW)
        order = item["index"], row["lead"], row["stem_id"]
        if before is not None and (order[0] <= before[0] or order[1:] <= before[1:]):
            raise Difference(place, "ascending indexes, and rows in order of lead and stem", order)
        before = order
        if not row["parts"]:
            raise Difference(f"{place}.row.parts", "one or more", "none")
        ticks = ticks_of(f"{place}.row", row["parts"], closing["ticks_hz"])
        same(f"{place}.row.ticks", ticks, int.from_bytes(row["ticks"], "big"))
        if not 1 <= row["cells"] <= closing["devices"]:
            raise Difference(f"{place}.row.cells", f"1 to {closing['devices']}, the devices", row["cells"])
        rows[item["index"]] = row
        leaves[item["index"]] = summed_leaf(data, row["ticks"])
    root = closing["stems_root"], int.from_bytes(closing["ticks"], "big")
    check_summed(label, leaves, closing["stems"], nodes_of(f"{label}.nodes", found["nodes"]), root)
    return rows


def _stated(core: dict[str, Any]) -> Shares:
    """What the statement itself says of them."""
    shares = Shares({}, {})
    for name, kinds in (("lines", {"account": str, "amount_micro": int}), ("unpaid", {"reason": str})):
        for number, line in enumerate(objects(f"core.{name}", core[name], **_PLAYED, **kinds)):
            label = f"core.{name}[{number}]"
            if not 1 <= line["ppm"] <= PPM:
                raise Difference(f"{label}.ppm", f"1 to {PPM}", line["ppm"])
            stem = _stem(label, line)
            shares.texts.setdefault(stem, (line["title"], line["artist"], line["isrc"]))
            same(f"{label}.ppm", shares.ppm.setdefault((stem, line["rights"]), line["ppm"]), line["ppm"])
    return shares


def _stem(label: str, line: dict[str, Any]) -> bytes:
    try:
        stem = bytes.fromhex(line["stem"])
    except ValueError:
        stem = b""
    if len(stem) != 16 or stem.hex() != line["stem"]:
        raise Difference(f"{label}.stem", "32 lower-case hexadecimal digits", line["stem"])
    return stem


def _stated_core(said: LightVerified) -> dict[str, Any]:
    """The core that follows from closing, rows and transfers, with what only the statement itself tells."""
    core, closing, rows = said.core, said.closing, said.rows
    shares = _stated(core)
    _check_leads(core["payee"], rows, shares)
    by_stem = sorted(rows.values(), key=lambda row: bytes(row["stem_id"]))
    pool = _stated_pool(core["pool"], closing, rows)
    expected = build_core(
        core["payee"], closing, by_stem, shares, pool, lambda weight: _amount(core["amount_micro"], weight, closing)
    )
    same("core.lines, count", len(expected["lines"]), len(core["lines"]))
    credited = expected["amount_micro"], expected["frozen_late_micro"]
    balance = stated_balance(core["balance"], said.transfers, core["payee"], closing["currency"], credited)
    return expected | {"balance": balance}


def _check_leads(payee: str, rows: dict[int, dict[str, Any]], shares: Shares) -> None:
    """Every row is of a stem of this payee, and those whose lead the payee is stand side by side."""
    stems = {row["stem_id"] for row in rows.values()}
    for stem, _rights in shares.ppm:
        if stem not in stems:
            raise Difference("proof.stems.rows", f"the row of stem {stem.hex()}, which has a line", "none")
    lead_at = [index for index, row in rows.items() if row["lead"] == payee]
    for before, index in pairwise(lead_at):
        if index != before + 1:
            raise Difference("proof.stems.rows", f"row {before + 1}, whose lead is {payee} too", f"row {index}")
    for index, row in rows.items():
        label = f"proof.stems.rows, index {index}"
        ppm = shares.ppm.get((row["stem_id"], row["parts"][0]["rights"]))
        if row["stem_id"] not in shares.texts:
            raise Difference(label, "a row of a stem that has a line", f"one of {row['stem_id'].hex()}")
        if row["lead"] == payee and (ppm is None or ppm * PAYEES_OF_A_STEM_MAX < PPM):
            raise Difference(f"{label}, lead", f"a line of {payee} with the largest share of it", ppm or "none")
        if row["lead"] != payee and ppm is not None and 2 * ppm > PPM:
            raise Difference(f"{label}, lead", f"{payee}, whose share is {ppm} ppm", row["lead"])


def _amount(amount: int, weight: int, closing: dict[str, Any]) -> int:
    """The payee's amount: the exact share of the pool, rounded down, or up where there is a remainder."""
    whole = int.from_bytes(closing["ticks"], "big") * PPM
    if weight > whole:
        raise Difference("core.lines, weight", f"at most {whole}, that of the pool", weight)
    floor, rest = divmod(closing["pool_micro"] * weight, whole or 1)
    if amount not in (floor, floor + bool(rest)):
        raise Difference("core.amount_micro", f"{floor} or {floor + 1}" if rest else floor, amount)
    return amount


def _stated_pool(pool: dict[str, Any], closing: dict[str, Any], rows: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The pool as the closing has it. Its counts are the ledger's word, but they must be possible."""
    for name in COUNTS:
        typed(f"core.pool.{name}", pool.get(name), int)
        if pool[name] > closing["segments"]:
            raise Difference(f"core.pool.{name}", f"at most {closing['segments']}, all segments", pool[name])
    accrued = sum(pool[f"segments_{name}"] for name in ACCRUALS)
    same("core.pool, segments by accrual", closing["segments"], accrued)
    return build_pool(closing, {name: pool[name] for name in COUNTS}, _unpaid_ms(pool.get("unpaid_ms"), rows))


def _unpaid_ms(found: object, rows: dict[int, dict[str, Any]]) -> dict[str, str]:
    """At least what the rows of this statement have of each reason."""
    told = fields("core.pool.unpaid_ms", found, **dict.fromkeys(STANDINGS[EARNING:], str))
    for standing, name in enumerate(STANDINGS):
        if standing < EARNING:
            continue
        label = f"core.pool.unpaid_ms.{name}"
        parts = [part for row in rows.values() for part in row["parts"] if part["standing"] == standing]
        if _fraction_of(label, told[name]) < played_ms(parts):
            raise Difference(label, f"at least {fraction(played_ms(parts))}, as in these rows", told[name])
    return told


def _fraction_of(label: str, text: str) -> Fraction:
    upper, slash, lower = text.partition("/")
    digits = (upper + lower).isascii() and upper.isdigit() and lower.isdigit() and len(text) < 100
    if not slash or not digits or not int(lower) or fraction(Fraction(int(upper), int(lower))) != text:
        raise Difference(label, "a fraction in lowest terms", text)
    return Fraction(int(upper), int(lower))


def first_difference(path: str, expected: object, found: object) -> None:
    """Raise `Difference` at the first place, in order of keys, where `found` is not `expected`."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            if key not in found or key not in expected:
                raise Difference(f"{path}.{key}", expected.get(key, "nothing"), found.get(key, "nothing"))
            first_difference(f"{path}.{key}", expected[key], found[key])
    elif isinstance(expected, list) and isinstance(found, list):
        for number, (item, other) in enumerate(zip(expected, found, strict=False)):
            first_difference(f"{path}[{number}]", item, other)
        same(f"{path}, count", len(expected), len(found))
    else:
        same(path, expected, found)
