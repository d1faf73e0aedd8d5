"""In which pool a segment is: one, whatever comes later, and by no more than what stands in front of it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.closing import COMMUNAL
from amos_ledger.settlement.membership import Membership, Placing, SequencesOfPool, Sited

DEVICES = (b"a", b"b")
SITES = ("cafe", "inn", "ship")
POOLS = (COMMUNAL, "hotels", "ferries")
TIMES = st.integers(0, 9)
LEAVES = 30

placings = st.lists(
    st.tuples(st.integers(3, LEAVES), TIMES, st.sampled_from(POOLS), st.sets(st.sampled_from(SITES), min_size=1)),
    max_size=6,
    unique_by=lambda item: item[0],
).map(lambda items: [Placing(*item[:3], sorted(item[3])) for item in sorted(items)])
moves = st.lists(
    st.tuples(st.integers(3, LEAVES), TIMES, st.sampled_from(SITES)), max_size=3, unique_by=lambda item: item[0]
)
enrolments = st.fixed_dictionaries(
    {
        device: moves.map(lambda found: [Sited(0, 5, "cafe"), *(Sited(*item) for item in sorted(found))])
        for device in DEVICES
    }
)
Segment = tuple[bytes, int, int, int]
"""(device, sequence, leaf, moment)."""


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    """In the log's order; what was declared lost may come behind its successors."""
    found: list[Segment] = []
    reached = dict.fromkeys(DEVICES, 0)
    for leaf in sorted(draw(st.sets(st.integers(3, LEAVES + 5), max_size=12))):
        device = draw(st.sampled_from(DEVICES))
        reached[device] += draw(st.integers(1, 3))
        found.append((device, reached[device], leaf, draw(TIMES)))
    if len(found) > 3 and draw(st.booleans()):
        (device, first, leaf, moment), *rest = found
        found = [*rest, (device, first, LEAVES + 9, moment)]
    return found


def plainly(placed: Sequence[Placing], sited: Sequence[Sited], leaf: int, moment: int) -> str:
    """The rule, said once more without a look at how it is kept."""
    before = [item for item in sited if item.leaf < leaf]
    site = ([item for item in before if item.since_s <= moment] or before[:1])[-1].site
    found = [item.pool for item in placed if item.leaf < leaf and site in item.sites and item.since_s <= moment]
    return found[-1] if found else COMMUNAL


@given(placings, enrolments, segments())
def test_each_segment_is_in_one_pool_and_each_number_in_its_pools_rows(
    placed: list[Placing], sited: dict[bytes, list[Sited]], found: list[Segment]
) -> None:
    membership = Membership(placed, sited)
    numbers = sorted((device, sequence) for device, sequence, _leaf, _moment in found)
    told: list[tuple[bytes, int]] = []
    for pool in POOLS:
        of_pool = SequencesOfPool(membership, pool)
        mine = [
            (device, sequence)
            for device, sequence, leaf, moment in found
            if of_pool.take(device, sequence, leaf, moment)
        ]
        expected = [
            (device, sequence)
            for device, sequence, leaf, moment in found
            if plainly(placed, sited[device], leaf, moment) == pool
        ]
        assert mine == expected
        chosen = list(of_pool.chosen(iter(numbers)))
        assert chosen == sorted(mine)
        assert not any(of_pool.never(device) for device, _sequence in mine)
        told += chosen
    assert sorted(told) == numbers


@given(placings, enrolments, segments(), placings)
def test_what_comes_behind_a_segment_moves_nothing(
    placed: list[Placing], sited: dict[bytes, list[Sited]], found: list[Segment], later: list[Placing]
) -> None:
    end = max((leaf for _device, _sequence, leaf, _moment in found), default=LEAVES) + LEAVES
    behind = [item._replace(leaf=item.leaf + end) for item in later]
    moved = {device: [*own, Sited(end + 1, 0, "ship")] for device, own in sited.items()}
    before, after = Membership(placed, sited), Membership([*placed, *behind], moved)
    for device, _sequence, leaf, moment in found:
        assert before.pool_of(device, leaf, moment) == after.pool_of(device, leaf, moment)


@given(st.integers(1, 8), st.integers(0, 9))
def test_a_move_counts_from_its_second_on(since_s: int, moment: int) -> None:
    membership = Membership([Placing(2, since_s, "hotels", ["cafe"])], {b"a": [Sited(1, 5, "cafe")]})
    assert membership.pool_of(b"a", 3, moment) == ("hotels" if moment >= since_s else COMMUNAL)
