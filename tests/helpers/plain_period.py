"""Makes a period of version 4, closing, statements and proofs, in words that share nothing with `amos` or its verifier.

What is given is how play was judged: cells as {(device, stem): [part]}; a part is (rights, standing, accrual, tier,
rate, frames, plays, first, last). From that follow the rows, both trees, the money, the signed closing and the files.
What is given as `forge_…` changes what a lying ledger would sign. CBOR is cbor2's canonical encoding.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256
from math import lcm
from typing import Any

import cbor2
from nacl.signing import SigningKey

Part = tuple[int, int, int, int, int, int, int, int | None, int | None]
Cells = Mapping[tuple[bytes, bytes], list[Part]]
Splits = Mapping[tuple[bytes, int], list[tuple[str, int]]]
Node = tuple[bytes, int]

STANDINGS = ["paid", "frozen_late", "over_time", "post_lease", "stem_lease", "post_opt_out", "revoked"]
ACCRUALS = ["by_clock", "late", "by_reception", "by_enrolment"]
FLAGS = ["undated", "far_dated", "before_enrolment", "over_time"]


def canonical(item: object) -> bytes:
    return cbor2.dumps(item, canonical=True)


def key_id(key: bytes) -> bytes:
    return sha256(key).digest()[:16]


def sign1(seed: bytes, typ: str, payload: bytes) -> bytes:
    """A COSE_Sign1 by this seed's key."""
    signer = SigningKey(seed)
    protected = canonical({1: -19, 4: key_id(bytes(signer.verify_key)), 16: typ})
    signature = signer.sign(canonical(["Signature1", protected, b"", payload])).signature
    return canonical(cbor2.CBORTag(18, [protected, {}, payload, signature]))


class PlainTree:
    """An RFC 9162 tree over any leaves, by recursion as the RFC writes it; `join` makes a node."""

    def __init__(self, leaves: list[Any], join: Callable[[Any, Any], Any], empty: Any) -> None:
        self.leaves, self._join, self._empty = leaves, join, empty
        self._known: dict[tuple[int, int], Any] = {}

    def node(self, first: int, end: int) -> Any:
        if end - first == 1:
            return self.leaves[first]
        if (first, end) not in self._known:
            middle = first + _half(end - first)
            self._known[first, end] = self._join(self.node(first, middle), self.node(middle, end))
        return self._known[first, end]

    @property
    def root(self) -> Any:
        return self.node(0, len(self.leaves)) if self.leaves else self._empty

    def path(self, index: int) -> list[Any]:
        """From the leaf up."""
        found: list[Any] = []
        first, end = 0, len(self.leaves)
        while end - first > 1:
            middle = first + _half(end - first)
            if index < middle:
                found.append(self.node(middle, end))
                end = middle
            else:
                found.append(self.node(first, middle))
                first = middle
        return found[::-1]

    def without(self, chosen: Iterable[int]) -> list[Any]:
        """The largest subtrees that hold none of these leaves, from left to right."""
        wanted = set(chosen)

        def walk(first: int, end: int, inside: set[int]) -> list[Any]:
            if not inside:
                return [self.node(first, end)]
            if end - first == 1:
                return []
            middle = first + _half(end - first)
            left = {index for index in inside if index < middle}
            return walk(first, middle, left) + walk(middle, end, inside - left)

        return walk(0, len(self.leaves), wanted)


def _half(count: int) -> int:
    half = 1
    while 2 * half < count:
        half *= 2
    return half


def log_tree(entries: list[bytes]) -> PlainTree:
    hashes = [sha256(b"\0" + entry).digest() for entry in entries]
    return PlainTree(hashes, lambda left, right: sha256(b"\1" + left + right).digest(), sha256(b"").digest())


def sum_tree(rows: list[tuple[bytes, int]]) -> PlainTree:
    """Of (bytes, ticks)."""

    def join(left: Node, right: Node) -> Node:
        data = b"".join([b"\2", left[0], left[1].to_bytes(16, "big"), right[0], right[1].to_bytes(16, "big")])
        return sha256(data).digest(), left[1] + right[1]

    return PlainTree([(sha256(b"\0" + data).digest(), n) for data, n in rows], join, (sha256(b"").digest(), 0))


def hexes(nodes: Iterable[Node]) -> list[str]:
    return [(value + ticks.to_bytes(16, "big")).hex() for value, ticks in nodes]


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def file_bytes(whole: object) -> bytes:
    return core_bytes(whole) + b"\n"


def core_bytes(core: object) -> bytes:
    return json.dumps(core, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def largest_remainder(pool: int, weights: list[int], keys: list[bytes]) -> list[int]:
    total = sum(weights)
    if not total:
        return [0 for _ in weights]
    shares = [Fraction(pool * weight, total) for weight in weights]
    amounts = [int(share) for share in shares]
    order = sorted(range(len(weights)), key=lambda at: (amounts[at] - shares[at], keys[at]))
    for at in order[: pool - sum(amounts)]:
        amounts[at] += 1
    return amounts


def ms(parts: Iterable[Part]) -> Fraction:
    return sum((Fraction(1000 * part[5], part[4]) for part in parts), Fraction(0))


def text(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def part_map(part: Part) -> dict[int, int]:
    return {key: value for key, value in zip(range(1, 10), part, strict=True) if value is not None}


def added(parts: Iterable[Part]) -> list[Part]:
    """Parts of one kind added up, ascending by kind."""
    found: dict[tuple[int, ...], list[Part]] = {}
    for part in parts:
        found.setdefault(part[:5], []).append(part)
    result: list[Part] = []
    for kind, same in sorted(found.items()):
        firsts = [part[7] for part in same if part[7] is not None]
        lasts = [part[8] for part in same if part[8] is not None]
        sums = sum(part[5] for part in same), sum(part[6] for part in same)
        result.append((*kind, *sums, min(firsts, default=None), max(lasts, default=None)))  # type: ignore[arg-type]
    return result


@dataclass
class PlainPeriod:
    """One settled period. `sequences` are a device's runs as SPEC writes them; `entries` stand in the log before the
    closing, `after` behind it; `rotations` are (position among `entries`, seed of the next key)."""

    cells: Cells
    splits: Splits
    sequences: Mapping[bytes, list[int]]
    seed: bytes = b"l" * 32
    origin: str = "amos.example/ledger"
    period: str = "2026-11"
    currency: str = "EUR"
    income: int = 1_000_000_000
    segments: int = 6
    entries: list[bytes] = field(default_factory=lambda: [b"genesis", b"one", b"two"])
    after: list[bytes] = field(default_factory=lambda: [b"more"])
    rotate_to: list[bytes] = field(default_factory=list)
    transfers: list[dict[int, Any]] = field(default_factory=list)
    opening: Mapping[str, int] = field(default_factory=dict)
    forge_closing: Callable[[dict[int, Any]], None] = lambda closing: None
    forge_core: Callable[[dict[str, Any]], None] = lambda core: None
    forge_row: Callable[[dict[int, Any]], None] = lambda row: None

    def __post_init__(self) -> None:
        self.moved_at = range(len(self.entries), len(self.entries) + len(self.transfers))
        moved = [sign1(self.seed, "amos-transfer+cose", canonical(item)) for item in self.transfers]
        self.entries = [*self.entries, *moved]
        self.rates = sorted({part[4] for parts in self.cells.values() for part in parts})
        self.hz = lcm(*self.rates)
        self._make_rows()
        self.cores = self._cores()
        for core in self.cores.values():
            self.forge_core(core)
        self.core_tree = log_tree([core_bytes(core) for core in self.cores.values()])
        self._make_log()

    def ticks(self, parts: Iterable[Part]) -> int:
        return sum(part[5] * (self.hz // part[4]) for part in parts if part[1] < 2)

    def _cell(self, device: bytes, stem: bytes) -> tuple[bytes, int]:
        parts = added(self.cells[device, stem])
        ticks = self.ticks(parts)
        body = {1: stem, 2: device, 3: ticks.to_bytes(16, "big"), 4: [part_map(part) for part in parts]}
        return canonical(body), ticks

    def _make_rows(self) -> None:
        by_device: dict[bytes, list[bytes]] = {}
        by_stem: dict[bytes, list[bytes]] = {}
        for device, stem in self.cells:
            by_device.setdefault(device, []).append(stem)
            by_stem.setdefault(stem, []).append(device)
        self.device_trees, self.device_rows = {}, {}
        for device, sequences in sorted(self.sequences.items()):
            stems = sorted(by_device.get(device, []))
            tree = sum_tree([self._cell(device, stem) for stem in stems])
            self.device_trees[device] = stems, tree
            root, ticks = tree.root
            row = {1: device, 2: sequences, 3: ticks.to_bytes(16, "big"), 4: len(stems), 5: root}
            self.device_rows[device] = canonical(row), ticks
        self.stem_trees, rows = {}, []
        self.parts: dict[bytes, list[Part]] = {}
        for stem in sorted(by_stem):
            devices = sorted(by_stem[stem])
            tree = sum_tree([self._cell(device, stem) for device in devices])
            self.stem_trees[stem] = devices, tree
            parts = self.parts[stem] = added(part for device in devices for part in self.cells[device, stem])
            lead = min(self.splits[stem, parts[0][0]], key=lambda share: (-share[1], share[0]))[0]
            root, ticks = tree.root
            row = {1: stem, 2: lead, 3: ticks.to_bytes(16, "big"), 4: [part_map(part) for part in parts]}
            row |= {5: len(devices), 6: root}
            self.forge_row(row)
            rows.append((lead, stem, canonical(row), int.from_bytes(row[3], "big")))
        rows.sort()
        self.stem_rows = {stem: (index, data) for index, (_lead, stem, data, _ticks) in enumerate(rows)}
        self.stem_tree = sum_tree([(data, ticks) for _lead, _stem, data, ticks in rows])
        self.device_tree = sum_tree(list(self.device_rows.values()))

    def _lines(self, payee: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[int]]:
        lines, unpaid, weights = [], [], []
        for stem, rights in sorted(self.shared[payee]):
            for standing in sorted({part[1] for part in self.parts[stem] if part[0] == rights}):
                ppm = dict(self.splits[stem, rights]).get(payee, 0)
                parts = [part for part in self.parts[stem] if part[:2] == (rights, standing)]
                line = self._line(stem, rights, ppm, parts)
                if standing < 2:
                    lines.append(line | {"account": ["payable", "frozen_late"][standing]})
                    weights.append(self.ticks(parts) * ppm)
                else:
                    unpaid.append(line | {"reason": STANDINGS[standing]})
        return lines, unpaid, weights

    def _line(self, stem: bytes, rights: int, ppm: int, parts: list[Part]) -> dict[str, Any]:
        def moment(times: list[int]) -> str:
            return datetime.fromtimestamp(times[0], UTC).isoformat().replace("+00:00", "Z") if times else ""

        return {
            **{"stem": stem.hex(), "title": f"Title {stem[0]}", "artist": "Ann & Bob", "isrc": "", "rights": rights},
            "frames": [
                {"accrual": ACCRUALS[part[2]], "tier": part[3], "rate_hz": part[4], "frames": part[5]} for part in parts
            ],
            "first": moment(sorted(part[7] for part in parts if part[7] is not None)),
            "last": moment(sorted((part[8] for part in parts if part[8] is not None), reverse=True)),
            **{"plays": sum(part[6] for part in parts), "devices": len(self.stem_trees[stem][0])},
            **{"ppm": ppm, "play_ms": text(ms(parts))},
        }

    def _cores(self) -> dict[str, dict[str, Any]]:
        self.shared: dict[str, set[tuple[bytes, int]]] = {}
        for stem, parts in self.parts.items():
            for rights in {part[0] for part in parts}:
                for payee in [payee for payee, ppm in self.splits[stem, rights] if ppm]:
                    self.shared.setdefault(payee, set()).add((stem, rights))
        for item in self.transfers:
            for account in (item[6], item[7]):
                if account.startswith(("payee/", "frozen-late/", "held/")):
                    self.shared.setdefault(account.partition("/")[2], set())
        made = {payee: self._lines(payee) for payee in sorted(self.shared)}
        lots = [sha256(f"{self.period}\0{payee}\0".encode()).digest() for payee in made]
        amounts = largest_remainder(self.income, [sum(weights) for _, _, weights in made.values()], lots)
        pool = self._pool(len(made))
        cores = {}
        for (payee, (lines, unpaid, weights)), amount in zip(made.items(), amounts, strict=True):
            keys = [self._line_lot(payee, line) for line in lines]
            for line, micro in zip(lines, largest_remainder(amount, weights, keys), strict=True):
                line["amount_micro"] = micro
            earned = Fraction(1000 * sum(weights), 1_000_000 * self.hz)
            cores[payee] = {
                **{"format": "amos-statement/4", "period": self.period, "currency": self.currency, "payee": payee},
                **{"amount_micro": amount, "amount": f"{amount // 10**6}.{amount % 10**6:06}", "pool": dict(pool)},
                "minor_units": {"digits": 2, "whole": amount // 10_000, "rest_micro": amount % 10_000},
                "play_ms": text(sum((Fraction(line["play_ms"]) for line in lines), Fraction(0))),
                **{"earning_ms": text(earned), "lines": lines, "unpaid": unpaid},
                "frozen_late_micro": sum(line["amount_micro"] for line in lines if line["account"] == "frozen_late"),
            }
            cores[payee]["balance"] = self._balance(payee, cores[payee])
        return cores

    def _balance(self, payee: str, core: dict[str, Any]) -> dict[str, Any]:
        names = {"payable": f"payee/{payee}", "frozen_late": f"frozen-late/{payee}", "held": f"held/{payee}"}
        frozen = core["frozen_late_micro"]
        now = {"payable": core["amount_micro"] - frozen, "frozen_late": frozen, "held": 0}
        balance: dict[str, Any] = {"transfers": [item for _at, item in self.touching(payee)]}
        for name, account in names.items():
            opening = self.opening.get(account, 0)
            moved = sum(item[8] for item in self.transfers if item[7] == account)
            moved -= sum(item[8] for item in self.transfers if item[6] == account)
            balance[name] = {"opening_micro": opening, "closing_micro": opening + moved + now[name]}
        return balance

    def touching(self, payee: str) -> list[tuple[int, dict[str, Any]]]:
        """(leaf index, what the statement says) of each transfer of the payee's."""
        mine = {f"payee/{payee}", f"frozen-late/{payee}", f"held/{payee}"}
        keys = {2: "number", 3: "unix_s", 4: "kind", 6: "debit", 7: "credit", 8: "amount_micro", 10: "reason"}
        return [
            (at, {name: item[key] for key, name in keys.items()} | {"index": at, "period": item.get(9, "")})
            for at, item in zip(self.moved_at, self.transfers, strict=True)
            if mine & {item[6], item[7]}
        ]

    def _line_lot(self, payee: str, line: dict[str, Any]) -> bytes:
        stem, rights = bytes.fromhex(line["stem"]), line["rights"].to_bytes(8, "big")
        last = b"\0" if line["account"] == "payable" else b"\1"
        return sha256(f"{self.period}\0{payee}\0".encode() + stem + rights + last).digest()

    def _pool(self, payees: int) -> dict[str, Any]:
        ticks = self.stem_tree.root[1]
        every = [part for parts in self.parts.values() for part in parts]
        played = Fraction(1000 * ticks, self.hz)
        return {
            **{"income_micro": self.income, "carry_in_micro": 0, "pool_micro": self.income},
            **{"carry_out_micro": 0 if ticks else self.income, "carry_account": f"carry/{self.currency}"},
            **{"play_ms": text(played), "rate_micro_per_ms": text(self.income / played if played else Fraction(0))},
            **{"payees": payees, "catalogue_sha256": "cc" * 32, "ticks_hz": self.hz, "ticks": ticks},
            **{"stems": len(self.parts), "segments": self.segments, "devices": len(self.sequences)},
            **{f"segments_{name}": 0 for name in [*ACCRUALS[1:], *FLAGS]},
            "segments_by_clock": self.segments,
            "unpaid_ms": {
                name: text(ms(part for part in every if STANDINGS[part[1]] == name)) for name in STANDINGS[2:]
            },
        }

    def _make_log(self) -> None:
        stems_root, ticks = self.stem_tree.root
        closing: dict[int, Any] = {
            **{1: 4, 2: self.period, 3: self.currency, 4: self.income, 5: 0, 6: self.income},
            **{7: 0 if ticks else self.income, 8: b"\xcc" * 32, 11: self.core_tree.root, 12: len(self.cores)},
            **{13: "communal", 14: self.segments, 15: self.hz, 16: ticks.to_bytes(16, "big")},
            **{17: len(self.sequences), 18: self.device_tree.root[0], 19: len(self.parts), 20: stems_root},
        }
        self.forge_closing(closing)
        log = list(self.entries)
        seed, self.rotations = self.seed, []
        for number, following in enumerate(self.rotate_to, 1):
            self.rotations.append(len(log))
            log.append(self._rotation(seed, following, number))
            seed = following
        self.closing_index = len(log)
        self.closing = sign1(seed, "amos-statement+cose", canonical(closing))
        self.log = [*log, self.closing, *self.after]
        self.tree = log_tree(self.log)
        self.checkpoint = self.note(seed)

    def _rotation(self, old: bytes, new: bytes, number: int) -> bytes:
        old_key, new_key = (bytes(SigningKey(seed).verify_key) for seed in (old, new))
        message = b"amos/1/rotation\0\2" + number.to_bytes(8, "big") + (1_764_000_000).to_bytes(8, "big") + bytes(8)
        possession = SigningKey(new).sign(message + old_key + new_key + self.origin.encode()).signature
        body = {1: 1, 2: 2, 3: self.origin, 4: number, 5: old_key, 6: new_key, 7: 1_764_000_000, 9: possession}
        return sign1(old, "amos-rotation+cose", canonical(body))

    def note(self, seed: bytes) -> str:
        """The signed tree head over the log."""
        body = f"{self.origin}\n{len(self.log)}\n{b64(self.tree.root)}\n"
        signer = SigningKey(seed)
        hint = sha256(self.origin.encode() + b"\n\1" + bytes(signer.verify_key)).digest()[:4]
        return f"{body}\n\N{EM DASH} {self.origin} {b64(hint + signer.sign(body.encode()).signature)}\n"

    @property
    def public_key(self) -> bytes:
        return bytes(SigningKey(self.seed).verify_key)

    def head(self) -> dict[str, Any]:
        """The parts with which statements and reading proofs begin."""

        return {
            **{"checkpoint": self.checkpoint, "closing": self._place(self.closing_index)},
            "rotations": [self._place(index) for index in self.rotations],
        }

    def _place(self, index: int) -> dict[str, Any]:
        path = [value.hex() for value in self.tree.path(index)]
        return {"index": index, "entry": b64(self.log[index]), "path": path}

    def statement(self, payee: str) -> dict[str, Any]:
        """The payee's statement, as the file holds it."""
        core = self.cores[payee]
        stems = {bytes.fromhex(line["stem"]) for line in [*core["lines"], *core["unpaid"]]}
        rows = sorted(self.stem_rows[stem] for stem in stems)
        index = list(self.cores).index(payee)
        return {
            "core": core,
            "proof": {
                **self.head(),
                "transfers": [self._place(at) for at, _item in self.touching(payee)],
                "statement": {"index": index, "path": [value.hex() for value in self.core_tree.path(index)]},
                "stems": {
                    "rows": [{"index": at, "row": b64(data)} for at, data in rows],
                    "nodes": hexes(self.stem_tree.without(at for at, _data in rows)),
                },
            },
        }

    def reading(self, device: bytes, segment_at: int, stems: Iterable[bytes] | None = None) -> dict[str, Any]:
        """The proof that the entry at `segment_at` was counted in the device's row; with the cells of these stems."""
        at = sorted(self.device_rows).index(device)
        whole = {
            **{"format": "amos-reading-proof/1"},
            **self.head(),
            "segment": {"index": segment_at, "path": [value.hex() for value in self.tree.path(segment_at)]},
            "device": {
                **{"index": at, "row": b64(self.device_rows[device][0])},
                "nodes": hexes(self.device_tree.without([at])),
            },
        }
        if stems is None:
            return whole
        played, tree = self.device_trees[device]
        chosen = sorted(played.index(stem) for stem in stems)
        rows = sorted((*self.stem_rows[stem], stem) for stem in stems)
        return whole | {
            "cells": {
                "rows": [{"index": index, "cell": b64(self._cell(device, played[index])[0])} for index in chosen],
                "nodes": hexes(tree.without(chosen)),
            },
            "stems": {
                "rows": [self._stem_step(index, data, stem, device) for index, data, stem in rows],
                "nodes": hexes(self.stem_tree.without(index for index, _data, _stem in rows)),
            },
        }

    def _stem_step(self, index: int, data: bytes, stem: bytes, device: bytes) -> dict[str, Any]:
        devices, tree = self.stem_trees[stem]
        at = devices.index(device)
        return {"index": index, "row": b64(data), "cell": at, "cell_nodes": hexes(tree.without([at]))}
