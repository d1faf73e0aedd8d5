"""The closing's format and the tree over the statements; the statement's bytes."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.crypto import key_id, public_key, sign, verify
from amos.protocol.closing import RANGE_NUMBERS_MAX, Closing, open_closing, runs, settled_of, sign_closing
from amos.protocol.errors import CoseError, LocalError, MessageError, SignatureError
from amos.protocol.ledger_limits import CLOSING_BYTES_MAX
from amos.protocol.merkle import leaf_hash, root_from_path
from amos_ledger.settlement.statement import core_bytes, file_bytes, fraction_text
from amos_ledger.settlement.statements_tree import statements_tree
from amos_tools.verify.tree import root_of

SEED = b"l" * 32
KEY = public_key(SEED)


METERED = {
    "pool": "communal",
    "segments": 1,
    "ticks_hz": 48_000,
    "ticks": bytes(16),
    "devices": 1,
    "devices_root": bytes(32),
    "stems": 1,
    "stems_root": bytes(32),
}


def closing(**changes: object) -> Closing:
    facts: dict[str, object] = {
        "version": 1,
        "period": "2026-11",
        "currency": "EUR",
        "income_micro": 1000,
        "carry_in_micro": 0,
        "pool_micro": 1000,
        "carry_out_micro": 0,
        "catalogue_sha256": bytes(32),
        "settled": [1, 2, 3, 1],
        "statements_root": bytes(32),
        "statements": 2,
    }
    return Closing(**{**facts, **changes})


def signed(record: Closing) -> bytes:
    return sign_closing(record, key_id(KEY), lambda message: sign(SEED, message))


def test_what_was_signed_is_read() -> None:
    record = closing(previous=12, carry_in_micro=5, pool_micro=1005)
    assert open_closing(signed(record), KEY, verify).to_map() == record.to_map()
    assert record.ranges() == [(1, 2), (6, 1)]
    assert record.leaves() == [1, 2, 6]


def test_a_closing_of_constant_size_is_read() -> None:
    record = closing(version=4, settled=None, **METERED)
    assert open_closing(signed(record), KEY, verify).to_map() == record.to_map()
    assert record.ranges() == []


def test_another_key_or_type_is_refused() -> None:
    with pytest.raises(SignatureError):
        open_closing(signed(closing()), public_key(b"x" * 32), verify)
    with pytest.raises(CoseError):
        open_closing(signed(closing()).replace(b"amos-statement", b"amos-manifests"), KEY, verify)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 0}, "version: expected 1 to 6"),
        ({"version": 7}, "version: expected 1 to 6"),
        ({"version": 5}, "readings_of: expected a value in version 5, and none before"),
        ({"version": 4}, "pool: expected a value, found none"),
        ({"version": 4, **METERED}, "settled: expected none since version 4"),
        ({"pool": "communal"}, "pool: expected none before version 4"),
        ({"settled": None}, "settled: expected a value, found none"),
        ({"version": 4, "settled": None, **METERED, "pool": "cinemas"}, "pool: expected communal, found cinemas"),
        ({"version": 4, "settled": None, **METERED, "ticks_hz": 0}, "ticks_hz: expected from 1, found 0"),
        ({"period": "2026-13"}, "period: expected"),
        ({"period": "1999-12"}, "period: expected a year from 2000 to 9998, found 1999"),
        ({"period": "9999-01"}, "period: expected a year from 2000 to 9998, found 9999"),
        ({"period": "2026+11"}, "period: expected a year and month"),
        ({"currency": "eur"}, "currency: expected"),
        ({"pool_micro": 999}, "pool_micro: expected income and carry"),
        ({"carry_out_micro": 1}, "carry_out_micro: expected 0 or the whole pool"),
        ({"carry_in_micro": 1, "pool_micro": 1001}, "carry_in_micro: expected 0 in the first"),
        ({"settled": [1]}, "settled: expected pairs"),
        ({"settled": [1, 0]}, "settled: expected pairs"),
        ({"settled": [1, 1, 0, 1]}, "settled: expected pairs"),
        ({"income_micro": -1}, "income_micro"),
        ({"statements_root": bytes(31)}, "statements_root: expected 32 bytes"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_going_out_and_coming_in(changes: dict, said: str) -> None:
    with pytest.raises(LocalError, match=said):
        closing(**changes).encode()
    if "income_micro" not in changes and "statements_root" not in changes:
        record = closing(**changes)
        record.fault = lambda: None
        with pytest.raises(MessageError, match=said):
            Closing.decode(record.encode())


@given(st.sets(st.integers(0, 300), max_size=60))
def test_runs_hold_exactly_the_leaves(leaves: set[int]) -> None:
    record = closing(settled=settled_of(runs(sorted(leaves))))
    assert record.fault() is None
    assert record.leaves() == sorted(leaves)
    assert record.ranges() == runs(sorted(leaves))


@pytest.mark.parametrize("leaves", [[4, 5, 5], [4, 5, 3], [5, 4]])
def test_a_leaf_twice_or_out_of_order_is_our_own_mistake(leaves: list[int]) -> None:
    with pytest.raises(LocalError, match=rf"expected above 5, found {leaves[-1]}"):
        runs(leaves)


def test_the_most_ranges_fit_an_entry_and_more_are_refused() -> None:
    count = RANGE_NUMBERS_MAX // 2
    # Every run 60,000 leaves after the last: both numbers of a pair take three bytes.
    leaves = [index * 60_000 + 300 * step for index in range(1, 3) for step in range(2)]
    assert len(signed(closing(settled=settled_of(runs(sorted(leaves)))))) < CLOSING_BYTES_MAX
    assert len(signed(closing(settled=[60_000, 1] * count))) <= CLOSING_BYTES_MAX
    with pytest.raises(LocalError, match="expected at most 8192 ranges, found 8193"):
        settled_of(runs(range(0, 2 * count + 2, 2)))
    with pytest.raises(LocalError, match="closing: expected at most 65535 bytes"):
        signed(closing(settled=[2**40, 1] * count))


@given(st.lists(st.binary(max_size=8), max_size=40))
def test_the_tree_of_statements_is_rfc_9162s(cores: list[bytes]) -> None:
    tree = statements_tree(cores)
    assert tree.root == root_of([leaf_hash(core) for core in cores])
    for index, core in enumerate(cores):
        assert root_from_path(leaf_hash(core), index, len(cores), tree.path(index)) == tree.root


def test_bytes_of_cores_and_files_are_deterministic() -> None:
    core = {"b": [1, {"ü": "x"}], "a": fraction_text(Fraction(10, 4))}
    assert core_bytes(core) == '{"a":"5/2","b":[1,{"ü":"x"}]}'.encode()
    assert core_bytes(dict(reversed(core.items()))) == core_bytes(core)
    assert file_bytes({"core": core}).endswith(b"}\n") and b"\r" not in file_bytes({"core": core})
