"""The light check on periods that an independent generator makes: what holds, and every change that does not."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from five_stems import ANNS, BOBS, CELLS, SPLITS, STEMS, T, part
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_period import PlainPeriod, b64, canonical, file_bytes, hexes, log_tree, sum_tree
from plain_period import sign1 as sign

from amos_tools.verify.errors import Difference, Unreadable, VerifyError
from amos_tools.verify.light import check_statement
from amos_tools.verify.light_trees import check_summed


def a_period(**changes: Any) -> PlainPeriod:
    """Two devices, two rates, five stems; splits that change, frozen late and unpaid play."""
    facts = {"cells": CELLS, "splits": SPLITS, "sequences": {ANNS: [1, 3], BOBS: [1, 2, 4, 1]}} | changes
    return PlainPeriod(**facts)


@pytest.fixture(scope="module")
def period() -> PlainPeriod:
    return a_period()


def check(period: PlainPeriod, whole: object) -> None:
    check_statement(file_bytes(whole), period.public_key, period.origin)


@pytest.mark.parametrize("rotate_to", [[], [b"m" * 32], [b"m" * 32, b"n" * 32]])
def test_statements_that_follow_are_verified(rotate_to: list[bytes]) -> None:
    period = a_period(rotate_to=rotate_to)
    found = [
        check_statement(file_bytes(period.statement(payee)), period.public_key, period.origin) for payee in period.cores
    ]
    assert [item.payee for item in found] == ["ann", "bob", "cy-dee"]
    assert sum(item.amount_micro for item in found) == period.income
    assert all(item.closing_index == period.closing_index for item in found)


def test_nothing_played_pays_nothing() -> None:
    period = a_period(cells={(ANNS, STEMS[0]): [part(9, standing=3)]})
    found = check_statement(file_bytes(period.statement("ann")), period.public_key)
    assert found.amount_micro == 0
    assert period.cores["ann"]["pool"]["carry_out_micro"] == period.income


def scalars(item: object, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    if isinstance(item, dict | list):
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            yield from scalars(value, (*path, key))
    else:
        yield path, item


def containers(item: object, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    if isinstance(item, dict | list):
        yield path, item
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            yield from containers(value, (*path, key))


def at(whole: Any, path: tuple) -> Any:
    for step in path:
        whole = whole[step]
    return whole


def copy_of(whole: object) -> Any:
    return json.loads(json.dumps(whole))


def other(value: Any) -> list[Any]:
    """What may stand there in its place."""
    if isinstance(value, int):
        return [value + 1, max(0, value - 1) if value else 2**70, -1, True, str(value), None, [value]]
    return [value + "0", value[:-1], value[::-1] + "x", "", None, 7, ["é"]]


@pytest.mark.parametrize("payee", ["ann", "cy-dee"])
def test_every_field_is_read(payee: str) -> None:
    period = a_period(rotate_to=[b"m" * 32])
    whole = period.statement(payee)
    count = 0
    for path, value in scalars(whole):
        for changed in other(value):
            if changed == value and type(changed) is type(value):
                continue
            forged = copy_of(whole)
            at(forged, path[:-1])[path[-1]] = changed
            with pytest.raises(VerifyError, match=r"(core|proof|statement|closing)"):
                check(period, forged)
            count += 1
    assert count > 500


def test_every_field_more_less_or_twice_is_found(period) -> None:
    whole = period.statement("ann")
    for path, value in containers(whole):
        changes: list[Callable[[Any], object]] = [lambda item: item.update(more=1)]
        if isinstance(value, list):
            changes = [lambda item: item.append(1), lambda item: item.append({})]
            changes += [list.pop, lambda item: item.append(item[0])] if value else []
            changes += [list.reverse] if value and value != value[::-1] else []
        elif value:
            changes += [lambda item, name=name: item.pop(name) for name in value]
        for change in changes:
            forged = copy_of(whole)
            change(at(forged, path))
            with pytest.raises(VerifyError):
                check(period, forged)


@pytest.mark.parametrize(
    ("path", "changed", "field"),
    [
        (("core", "amount_micro"), 1, "core.amount_micro"),
        (("core", "amount"), "1.000000", "core.amount"),
        (("core", "lines", 0, "frames", 0, "frames"), 44_101, "core.lines[0].frames[0].frames"),
        (("core", "lines", 0, "amount_micro"), 1, "core.lines[0].amount_micro"),
        (("core", "lines", 0, "first"), "", "core.lines[0].first"),
        (("core", "lines", 1, "account"), "payable", "core.lines[1].account"),
        (("core", "frozen_late_micro"), 0, "core.frozen_late_micro"),
        (("core", "unpaid", 0, "reason"), "revoked", "core.unpaid[0].reason"),
        (("core", "pool", "ticks"), 1, "core.pool.ticks"),
        (("core", "pool", "rate_micro_per_ms"), "1/1", "core.pool.rate_micro_per_ms"),
        (("core", "pool", "segments_late"), 3, "core.pool, segments by accrual"),
        (("core", "pool", "unpaid_ms", "over_time"), "0/1", "core.pool.unpaid_ms.over_time"),
        (("core", "minor_units", "rest_micro"), 10_001, "core.minor_units.rest_micro"),
        (("core", "lines", 0, "title"), "Another", "core.lines[1].title"),
        (("core", "lines", 3, "title"), "Another", "proof.statement.path, root"),
        (("proof", "stems", "rows", 0, "index"), 9, "proof.stems.rows[1]"),
        (("proof", "closing", "index"), 1, "proof.closing.path, root"),
        (("proof", "statement", "index"), 1, "proof.statement.path, root"),
        (("proof", "checkpoint"), "x", "proof.checkpoint"),
    ],
)
def test_a_change_is_named_by_its_field(period, path: tuple, changed: object, field: str) -> None:
    forged = copy_of(period.statement("ann"))
    at(forged, path[:-1])[path[-1]] = changed
    with pytest.raises(Difference) as caught:
        check(period, forged)
    assert caught.value.field == field


def shift(name: str, by: int) -> Callable[[dict[str, Any]], None]:
    """A lying ledger's core: one micro-unit, or frame, more."""

    def forge(core: dict[str, Any]) -> None:
        place = core["lines"][0] if name in ("line", "frames") else core
        if name == "frames":
            place["frames"][0]["frames"] += by
        else:
            place["frozen_late_micro" if name == "frozen" else "amount_micro"] += by

    return forge


def more_frames(row: dict[int, Any]) -> None:
    row[4][0][6] += 1


def more_ticks(row: dict[int, Any]) -> None:
    row[3] = (int.from_bytes(row[3], "big") + 1).to_bytes(16, "big")


def closing_field(key: int, value: object) -> Callable[[dict[int, Any]], None]:
    return lambda closing: closing.update({key: value})


LIES = [
    ("an amount, two more", {"forge_core": shift("amount", 2)}, r"^core\.amount_micro"),
    ("an amount, two less", {"forge_core": shift("amount", -2)}, r"^core\.amount_micro"),
    ("a line, one more", {"forge_core": shift("line", 1)}, r"^core\.lines\[0\]\.amount_micro"),
    ("frozen late, one more", {"forge_core": shift("frozen", 1)}, r"^core\.frozen_late_micro"),
    ("a frame in a line", {"forge_core": shift("frames", 1)}, r"^core\.lines\[0\]\.frames\[0\]\.frames"),
    ("a frame in a row", {"forge_row": more_frames}, r"^proof\.stems\.rows\[0\]\.row\.ticks"),
    ("a tick in a row", {"forge_row": more_ticks}, r"^proof\.stems\.rows\[0\]\.row\.ticks"),
    ("ticks of the closing", {"forge_closing": closing_field(16, (5).to_bytes(16, "big"))}, r"^proof\.stems, sum"),
    ("income", {"forge_closing": closing_field(4, 7)}, r"^closing\.pool_micro"),
    ("pool, not its parts", {"forge_closing": closing_field(6, 7)}, r"^closing\.pool_micro"),
    ("carry out", {"forge_closing": closing_field(7, 1)}, r"^closing\.carry_out_micro"),
    ("a closing before itself", {"forge_closing": closing_field(9, 99)}, r"^closing\.previous"),
    ("statements", {"forge_closing": closing_field(12, 4)}, r"^core\.pool\.payees"),
    ("segments", {"forge_closing": closing_field(14, 5)}, r"^core\.pool"),
    ("ticks_hz", {"forge_closing": closing_field(15, 44_100)}, r"rate_hz"),
    ("devices", {"forge_closing": closing_field(17, 1)}, r"cells"),
    ("stems", {"forge_closing": closing_field(19, 6)}, r"^proof\.stems"),
    ("stems_root", {"forge_closing": closing_field(20, bytes(32))}, r"^proof\.stems, root"),
    ("statements_root", {"forge_closing": closing_field(11, bytes(32))}, r"^proof\.statement\.path, root"),
    ("another version", {"forge_closing": closing_field(1, 7)}, r"^closing\.version"),
    ("another pool", {"forge_closing": closing_field(13, "licence")}, r"^closing\.pool"),
    ("a list of leaves", {"forge_closing": closing_field(10, [0, 1])}, r"^closing, key 10"),
    ("a field that nobody knows", {"forge_closing": closing_field(22, 1)}, r"^closing, key 22"),
    ("readings of another", {"forge_closing": closing_field(21, 1)}, r"^closing\.readings_of: expected a value in"),
    ("a further currency without readings", {"forge_closing": closing_field(1, 5)}, r"^closing\.readings_of"),
    ("a period", {"forge_closing": closing_field(2, "2026-13")}, r"^closing\.period"),
    ("a currency", {"forge_closing": closing_field(3, "eur")}, r"^closing\.currency"),
]


@pytest.mark.parametrize(("changes", "said"), [lie[1:] for lie in LIES], ids=[lie[0] for lie in LIES])
def test_what_the_ledger_itself_signs_and_light_finds(changes: dict[str, Any], said: str) -> None:
    period = a_period(**changes)
    with pytest.raises(Difference, match=said):
        check(period, period.statement("ann"))


def test_what_light_cannot_find_is_what_it_says() -> None:
    """One micro-unit within the rounding, another split, and counts are for the full check."""
    unseen = [
        {"forge_core": lambda core: core["pool"].update(segments_undated=2)},
        {"forge_core": lambda core: [line.update(title="Another") for line in (*core["lines"], *core["unpaid"])]},
    ]
    for changes in unseen:
        period = a_period(**changes)
        check(period, period.statement("ann"))


def test_a_leading_stem_that_is_left_out_is_found() -> None:
    """Stems of one lead stand side by side, so that none between two others can be kept from the payee."""
    cells = {(ANNS, stem): [part(44_100)] for stem in STEMS[:3]}
    period = a_period(cells=cells, splits={(stem, 1): [("ann", 1_000_000)] for stem in STEMS[:3]})
    forged = copy_of(period.statement("ann"))
    del forged["core"]["lines"][1]
    with pytest.raises(Difference, match=r"proof\.stems\.rows, index 1: expected a row of a stem that has a line"):
        check(period, forged)
    del forged["proof"]["stems"]["rows"][1]
    forged["proof"]["stems"]["nodes"] = hexes(period.stem_tree.without([0, 2]))
    with pytest.raises(Difference, match=r"proof\.stems\.rows: expected row 1, whose lead is ann too, found row 2"):
        check(period, forged)


def test_rotations_that_do_not_lead_from_the_pinned_key_are_found() -> None:
    period = a_period(rotate_to=[b"m" * 32, b"n" * 32])
    whole = period.statement("ann")
    forged = copy_of(whole)
    del forged["proof"]["rotations"][1]
    with pytest.raises(Difference, match=r"proof\.checkpoint\.signature"):
        check(period, forged)
    with pytest.raises(Difference, match="a line of keys with the pinned one"):
        check_statement(file_bytes(whole), bytes(32))
    stolen = a_period(rotate_to=[b"m" * 32])
    other_line = copy_of(whole)
    other_line["proof"]["rotations"] = stolen.statement("ann")["proof"]["rotations"]
    with pytest.raises(Difference):
        check(period, other_line)


@pytest.mark.parametrize("origin", ["other.example", "amos.example/ledger "])
def test_another_log_is_found(period, origin: str) -> None:
    with pytest.raises(Difference, match=r"proof\.checkpoint\.origin"):
        check_statement(file_bytes(period.statement("ann")), period.public_key, origin)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff",
            b'{"core": 1.5}',
            b'{"core": NaN}',
            b"[" * 100_000,
            b"1" * 10_000,
            b"{}\n",
        ),
        *(b'{"a":"\\ud800"}', b'{\n "core": {},\n "proof": {}\n}\n', b'{\n "core": {\n  "format": 1\n }\n}\n'),
    ],
)
def test_what_is_no_statement_is_named(data: bytes) -> None:
    with pytest.raises((Unreadable, Difference), match="expected"):
        check_statement(data, bytes(32))


CBOR_ODDITIES = [
    canonical({}),
    b"\xa1\x01\x18\x04",  # an integer longer than need be
    b"\xbf\x01\x04\xff",  # an indefinite map
    b"\xd8\x1c\x81\xd8\x1d\x00",  # an array that holds itself
    b"\xc2\x41\x01",  # a bignum
    b"\xa1\x01\xfb\x40\x10\x00\x00\x00\x00\x00\x00",  # a float
    b"\xd9\x01\x02\x81\x01",  # a set
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",  # an array of 2^63 items
    b"\x81" * 2000,
    b"",
]


@pytest.mark.parametrize("payload", CBOR_ODDITIES)
def test_odd_cbor_of_closing_and_row_is_named(period, payload: bytes) -> None:
    forged = copy_of(period.statement("ann"))
    forged["proof"]["stems"]["rows"][0]["row"] = b64(payload)
    with pytest.raises(Difference, match=r"^proof\.stems\.rows\[0\]\.row"):
        check(period, forged)
    for entry in (sign(period.seed, "amos-statement+cose", payload), b"\xd2" + payload, payload):
        lying = a_period()
        lying.log[lying.closing_index] = entry
        lying.tree = log_tree(lying.log)
        lying.checkpoint = lying.note(lying.seed)
        with pytest.raises(Difference, match=r"^(closing|proof\.closing\.entry)"):
            check(lying, lying.statement("ann"))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 40))
def test_multiproofs_against_the_recursion_of_the_rfc(data: st.DataObject, size: int) -> None:
    """Any leaves of any sum tree are proved by what the generator gives; a changed sum or leaf is not."""
    leaves = data.draw(st.lists(st.tuples(st.binary(max_size=4), st.integers(0, 2**90)), min_size=size, max_size=size))
    chosen = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    tree = sum_tree(leaves)
    known = {index: tree.leaves[index] for index in chosen}
    nodes = tree.without(chosen)
    check_summed("tree", known, size, nodes, tree.root)
    victim = data.draw(st.sampled_from(sorted(chosen)))
    value, ticks = known[victim]
    for forged in ((value, ticks + 1), (bytes(32), ticks)):
        with pytest.raises(Difference, match="of the tree"):
            check_summed("tree", known | {victim: forged}, size, nodes, tree.root)
    for wrong in ([*nodes, tree.root], nodes[1:] if nodes else [tree.root]):
        with pytest.raises(Difference, match="nodes, count"):
            check_summed("tree", known, size, wrong, tree.root)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_period_that_the_generator_makes_is_verified(data: st.DataObject) -> None:
    """Any play and splits: all statements hold, and the amounts are the pool."""
    kinds = st.builds(
        part,
        frames=st.integers(1, 10**9),
        rate=st.sampled_from([8_000, 44_100, 48_000, 192_000]),
        rights=st.sampled_from([1, 2]),
        standing=st.integers(0, 6),
        accrual=st.integers(0, 3),
        at=st.sampled_from([None, T, T + 86_400]),
    )
    keys = st.tuples(st.sampled_from([ANNS, BOBS]), st.sampled_from(STEMS))
    cells = data.draw(st.dictionaries(keys, st.lists(kinds, min_size=1, max_size=4), min_size=1, max_size=8))
    cut = data.draw(st.integers(1, 999_999))
    splits = {
        (stem, rights): [("ann", cut), ("bob", 1_000_000 - cut)] if rights == 1 else [("bob", 1_000_000)]
        for stem in STEMS
        for rights in (1, 2)
    }
    income = data.draw(st.integers(0, 2**62))
    period = a_period(cells=cells, splits=splits, income=income)
    found = [check_statement(file_bytes(period.statement(p)), period.public_key) for p in period.cores]
    assert sum(item.amount_micro for item in found) == (income if period.stem_tree.root[1] else 0)


MEASURED = """
import re, sys, time
from pathlib import Path
from amos_tools.cli import app
try:
    app()
except SystemExit as done:
    assert not done.code
peak_kib = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(time.process_time(), peak_kib, file=sys.stderr)
"""


def test_time_and_memory_do_not_grow_with_the_period(tmp_path) -> None:
    """The whole command, for a payee with 100 lines in a period of 20,000 stems. A period of 10^6 was measured."""
    stems = [number.to_bytes(16, "big") for number in range(20_000)]
    mine = set(stems[5_000:5_100])
    cells = {(ANNS, stem): [part(44_100 + number)] for number, stem in enumerate(stems)}
    splits = {(stem, 1): [("ann" if stem in mine else "bob", 1_000_000)] for stem in stems}
    period = a_period(cells=cells, splits=splits, income=10**12)
    data = file_bytes(period.statement("ann"))
    assert len(period.cores["ann"]["lines"]) == 100
    assert len(data) < 64 * 1024
    path = tmp_path / "ann.json.gz"
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    words = ["verify", str(path), "--ledger-key", period.public_key.hex()]
    done = subprocess.run([sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=True)
    seconds, peak_kib = map(float, done.stderr.split())
    assert done.stdout.startswith("yes: ann earns ")
    assert seconds < 1.0
    assert peak_kib < 64 * 1024


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_bytes_that_are_changed_anywhere_are_found(data: st.DataObject) -> None:
    """Whatever is flipped, cut, doubled or put in: a difference, and never a traceback."""
    period = _KEPT.setdefault("period", a_period(rotate_to=[b"m" * 32]))
    whole = file_bytes(period.statement(data.draw(st.sampled_from(["ann", "bob", "cy-dee"]))))
    first = data.draw(st.integers(0, len(whole) - 1))
    end = min(len(whole), first + data.draw(st.sampled_from([0, 1, 1, 2, 64, 4096])))
    put = data.draw(st.one_of(st.binary(max_size=3), st.sampled_from([whole[first:end] * 2, b"\xd2\x84", b"9" * 5000])))
    changed = whole[:first] + put + whole[end:]
    if changed == whole:
        return
    with pytest.raises(VerifyError):
        check_statement(changed, period.public_key, period.origin)


_KEPT: dict[str, PlainPeriod] = {}
"""Made once, for examples."""
