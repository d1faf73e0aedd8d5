"""Sums in a database that spills, rights in time and sequence numbers, against plain ways of doing the same."""

from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.catalogue import Catalogue, Share, Work
from amos_tools.verify.readings import NumberRuns
from amos_tools.verify.rights import Rights
from amos_tools.verify.sums import Amount, Kind, Sums, together

KINDS = st.builds(
    Kind,
    stem=st.sampled_from([b"s" * 16, b"t" * 16]),
    device=st.sampled_from([b"d" * 16, b"e" * 16]),
    rights=st.sampled_from([0, 1, 2**62]),
    standing=st.integers(0, 6),
    accrual=st.integers(0, 3),
    tier=st.sampled_from([0, 255]),
    rate_hz=st.sampled_from([8_000, 48_000]),
)
MOMENTS = st.one_of(st.none(), st.integers(0, 50))
AMOUNTS = st.builds(Amount, st.integers(1, 2**40), st.integers(0, 9), MOMENTS, MOMENTS)


@given(st.lists(st.tuples(KINDS, AMOUNTS), max_size=30), st.integers(1, 8))
def test_sums_that_spill_are_those_that_do_not(played: list[tuple[Kind, Amount]], keys_in_memory: int) -> None:
    sums = Sums(keys_in_memory)
    plain: dict[Kind, Amount] = {}
    for kind, amount in played:
        sums.add(kind, amount)
        plain[kind] = amount if kind not in plain else together(plain[kind], amount)
    assert list(sums.by_stem()) == sorted(plain.items())
    assert dict(sums.by_device()) == plain
    assert [kind.device for kind, _amount in sums.by_device()] == sorted(kind.device for kind in plain)
    assert set(sums.rates_hz()) == {kind.rate_hz for kind in plain}
    sums.database.close()


@given(st.permutations(range(1, 12)), st.integers(0, 10))
def test_numbers_as_runs(numbers: list[int], count: int) -> None:
    runs = NumberRuns()
    for number in numbers[:count]:
        runs.add(number)
    found, at = [], 0
    pairs = runs.pairs()
    for gap, length in zip(pairs[::2], pairs[1::2], strict=True):
        found += range(at + gap, at + gap + length)
        at += gap + length
    assert found == sorted(numbers[:count])
    assert 0 not in pairs


OWNERS = st.sampled_from(["ann", "bob", None])


@given(st.lists(st.tuples(st.integers(0, 20), OWNERS), min_size=1, max_size=8), st.integers(0, 25))
def test_rights_are_those_of_the_last_catalogue_in_force_that_has_the_stem(
    named: list[tuple[int, str | None]], unix_s: int
) -> None:
    """By the words of SPEC section 12, read plainly; a catalogue without the stem has no owner here."""
    times = [max(at for at, _owner in named[: number + 1]) for number in range(len(named))]
    catalogues = [
        Catalogue(version=1, serial=number, works=[] if owner is None else [_work(owner)])
        for number, (_at, owner) in enumerate(named)
    ]
    rights = Rights(zip(map(float, times), catalogues, strict=True))
    having = [number for number, (_at, owner) in enumerate(named) if owner is not None]
    in_force = [number for number in having if times[number] <= unix_s]
    if not having:
        assert rights.at(b"s" * 16, unix_s) is None
        return
    decides = in_force[-1] if in_force else having[0]
    before = [number for number in having if number <= decides]
    while len(before) > 1 and named[before[-2]][1] == named[decides][1]:
        before.pop()
    assert rights.at(b"s" * 16, unix_s) == before[-1]
    assert rights.splits(b"s" * 16, before[-1]) == [(named[decides][1], 1_000_000)]
    assert rights.constant(unix_s, unix_s)


def _work(owner: str) -> Work:
    splits = [Share(payee=owner, ppm=1_000_000)]
    return Work(stem_id=b"s" * 16, title="t", artist="a", isrc=None, splits=splits)
