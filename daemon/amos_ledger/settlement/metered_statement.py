"""What a payee is told of a period of meter readings: `amos-statement/4` (SPEC section 12). Pure.

As before, `core` holds the facts and `proof` leads from them to the ledger's checkpoint; see `statement.py` for the
spelling of both.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property

from amos.protocol.closing import COMMUNAL, VERSION, Closing
from amos.protocol.readings import ACCRUALS, FROZEN_LATE, STANDINGS, sum_bytes
from amos.protocol.transfer import carry_of
from amos_ledger.settlement.accounts import OF_PAYEE, Books, Earned
from amos_ledger.settlement.division import Share
from amos_ledger.settlement.meter import Meter
from amos_ledger.settlement.money import decimal, minor_units
from amos_ledger.settlement.rights import RightsHistory, Work
from amos_ledger.settlement.row_bytes import PartFacts, StemFacts, read_stem_row
from amos_ledger.settlement.standing import FLAGS, REASONS
from amos_ledger.settlement.statement import SPELLED, fraction_text
from amos_ledger.settlement.sum_trees import Node

FORMAT = "amos-statement/4"
FORMAT_OF_POOL = "amos-statement/6"
"""Of a closing of version 6, which names its pool."""

PAYABLE = "payable"

_ACCOUNTS = sorted(OF_PAYEE.items())

_CORE = b'{"core":'
"""How a statement's file begins."""


@dataclass
class Counts:
    """Of the segments of a period: how many, how each accrues, what is odd."""

    segments: int = 0
    accruals: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)

    def add(self, accrual: str, flags: AbstractSet[str]) -> None:
        """One more."""
        self.segments += 1
        self.accruals[accrual] += 1
        self.flags.update(flags)

    def add_plain(self, accrual: str, segments: int) -> None:
        """More of them about which nothing is odd."""
        self.segments += segments
        self.accruals[accrual] += segments


@dataclass(frozen=True)
class MeteredPool:
    """What every statement of a period says of all of it. `unpaid_ms`: milliseconds by standing."""

    closing: Closing
    counts: Counts
    unpaid_ms: Mapping[int, Fraction]
    payees: int

    @cached_property
    def facts(self) -> dict[str, object]:
        """As the core has them. The closing's root and count of statements are not looked at."""
        closing, ticks = self.closing, int.from_bytes(self.closing.ticks or b"", "big")
        play_ms = Fraction(ticks * 1000, closing.ticks_hz)
        return {
            "income_micro": closing.income_micro,
            "carry_in_micro": closing.carry_in_micro,
            "pool_micro": closing.pool_micro,
            "carry_out_micro": closing.carry_out_micro,
            "carry_account": f"{carry_of(closing.pool or COMMUNAL)}/{closing.currency}",
            "ticks_hz": closing.ticks_hz,
            "ticks": ticks,
            "play_ms": fraction_text(play_ms),
            "rate_micro_per_ms": fraction_text(closing.pool_micro / play_ms if ticks else Fraction(0)),
            "payees": self.payees,
            "catalogue_sha256": closing.catalogue_sha256.hex(),
            "segments": closing.segments,
            "devices": closing.devices,
            "stems": closing.stems,
            **{f"segments_{accrual}": self.counts.accruals[accrual] for accrual in ACCRUALS},
            **{f"segments_{flag}": self.counts.flags[flag] for flag in FLAGS},
            "unpaid_ms": {
                reason: fraction_text(self.unpaid_ms.get(STANDINGS.index(reason), Fraction(0))) for reason in REASONS
            },
            **({"name": closing.pool} if closing.version == VERSION else {}),
        }


@dataclass(frozen=True)
class MeteredProof:
    """What leads from the core to the ledger's signature.

    rows       (index, bytes) of each stem row on which the core rests, by index; `nodes` are those beside them
    rotations  (index, entry, path) of each rotation of the ledger's key; `transfers` the same of what touched the payee
    """

    checkpoint: str
    closing: tuple[int, bytes, Sequence[bytes]]
    place: tuple[int, Sequence[bytes]]
    rows: Sequence[tuple[int, bytes]]
    nodes: Sequence[Node]
    rotations: Sequence[tuple[int, bytes, Sequence[bytes]]]
    transfers: Sequence[tuple[int, bytes, Sequence[bytes]]]


def core(
    facts: Mapping[str, object], lines: Sequence[Share], unpaid: Sequence[Share], meter: Meter, rights: RightsHistory
) -> dict[str, object]:
    """What one payee is told: the facts, and the lines."""
    rows = {share.row: read_stem_row(meter.row(share.row)) for share in (*lines, *unpaid)}
    return {
        **facts,
        "lines": [
            _played(share, rows[share.row], rights.work(share.stem_id))
            | {"account": _account(share), "amount_micro": share.amount_micro}
            for share in lines
        ],
        "unpaid": [
            _played(share, rows[share.row], rights.work(share.stem_id)) | {"reason": STANDINGS[share.standing]}
            for share in unpaid
        ],
    }


def format_of(closing: Closing) -> str:
    """The format of the statements of that closing."""
    return FORMAT_OF_POOL if closing.version == VERSION else FORMAT


def facts(pool: MeteredPool, books: Books, earned: Earned, times: Mapping[str, str]) -> dict[str, object]:
    """What one payee is told besides lines. `times`: how long the payee's stems earned, and the payee's part of it."""
    closing, (payee, amount_micro, frozen_late_micro) = pool.closing, earned
    minor = minor_units(amount_micro, closing.currency)
    return {
        "format": format_of(closing),
        "period": closing.period,
        "currency": closing.currency,
        "payee": payee,
        "pool": pool.facts,
        "amount_micro": amount_micro,
        "amount": decimal(amount_micro),
        "frozen_late_micro": frozen_late_micro,
        "minor_units": {"digits": minor.digits, "whole": minor.whole, "rest_micro": minor.rest_micro},
        **times,
        "balance": balance(books, earned),
    }


def balance(books: Books, earned: Earned) -> dict[str, object]:
    """What was on the payee's accounts, what moved, and what is on them with what the closing gives."""
    accounts = {
        name: {"opening_micro": opening_micro, "closing_micro": closing_micro}
        for name, opening_micro, closing_micro in on_accounts(books, earned)
    }
    return {**accounts, "transfers": moves(books, earned[0])}


def on_accounts(books: Books, earned: Earned) -> Iterator[tuple[str, int, int]]:
    """(name, what was on it, what is on it with what the closing gives) of each of the payee's accounts, by name."""
    payee, amount_micro, frozen_late_micro = earned
    given = {"payable": amount_micro - frozen_late_micro, "frozen_late": frozen_late_micro, "held": 0}
    opening, moved = books.opening, books.moved
    for name, prefix in _ACCOUNTS:
        account = prefix + payee
        before = opening.get(account, 0)
        yield name, before, before + moved.get(account, 0) + given[name]


def moves(books: Books, payee: str) -> list[dict[str, object]]:
    """The transfers from or to an account of the payee."""
    return [
        {
            "number": moved.number,
            "index": index,
            "unix_s": moved.unix_s,
            "kind": moved.kind,
            "debit": moved.debit,
            "credit": moved.credit,
            "amount_micro": moved.amount_micro,
            "period": moved.period or "",
            "reason": moved.reason,
        }
        for index, moved in books.touching(payee)
    ]


def statement_file(core: bytes, proof: MeteredProof) -> bytes:
    """Core and proof as one object, spelled as the core is, and a newline at the end."""
    facts = {
        "checkpoint": proof.checkpoint,
        "closing": entry_proof(*proof.closing),
        "statement": {"index": proof.place[0], "path": [step.hex() for step in proof.place[1]]},
        "stems": {
            "rows": [{"index": index, "row": b64encode(row).decode()} for index, row in proof.rows],
            "nodes": nodes_text(proof.nodes),
        },
        "rotations": [entry_proof(*rotation) for rotation in proof.rotations],
        "transfers": [entry_proof(*moved) for moved in proof.transfers],
    }
    return _CORE + core + b',"proof":%b}\n' % SPELLED(facts).encode()


def with_detail(whole: bytes, core: bytes, detail: Mapping[str, object]) -> bytes:
    """The file of the statement with this core, and the detail in its place between core and proof."""
    end = len(_CORE) + len(core)
    return whole[:end] + b',"detail":%b' % SPELLED(detail).encode() + whole[end:]


def entry_proof(index: int, entry: bytes, path: Sequence[bytes]) -> dict[str, object]:
    """An entry of the log and its path to the checkpoint."""
    return {"index": index, "entry": b64encode(entry).decode(), "path": [step.hex() for step in path]}


def nodes_text(nodes: Iterable[Node]) -> list[str]:
    """Nodes of a sum tree, as 96 hexadecimal digits each."""
    return [hash_.hex() + sum_bytes(ticks).hex() for hash_, ticks in nodes]


def _account(share: Share) -> str:
    return STANDINGS[FROZEN_LATE] if share.standing == FROZEN_LATE else PAYABLE


def _parts(row: StemFacts, share: Share) -> list[PartFacts]:
    return [part for part in row.parts if (part.rights, part.standing) == (share.rights, share.standing)]


def _played(share: Share, row: StemFacts, work: Work) -> dict[str, object]:
    parts = _parts(row, share)
    firsts = [part.first_unix_s for part in parts if part.first_unix_s is not None]
    lasts = [part.last_unix_s for part in parts if part.last_unix_s is not None]
    return {
        "stem": share.stem_id.hex(),
        "title": work.title,
        "artist": work.artist,
        "isrc": work.isrc,
        "rights": share.rights,
        "ppm": share.ppm,
        "frames": [
            {"accrual": ACCRUALS[part.accrual], "tier": part.tier, "rate_hz": part.rate_hz, "frames": part.frames}
            for part in parts
        ],
        "plays": sum(part.plays for part in parts),
        "first": _utc(min(firsts, default=None)),
        "last": _utc(max(lasts, default=None)),
        "devices": row.cells,
        "play_ms": fraction_text(_ms(parts)),
    }


def _ms(parts: Iterable[PartFacts]) -> Fraction:
    return sum((Fraction(part.frames * 1000, part.rate_hz) for part in parts), Fraction(0))


def _utc(unix_s: int | None) -> str:
    return "" if unix_s is None else datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
