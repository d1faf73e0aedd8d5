"""An honest player is never taken for a forger, whatever happens to it, to its courier and to the ledger.

Each walk is an hour or more of a machine's time. `make sweep` takes many walks, the ordinary suite a few.
"""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from honest_venue import BEGIN_MS, OPERATOR, PUBLISHER, Plan, Venue, make_packs
from statement_bytes import statement_bytes
from virtual_machine import Machine

from amos import crypto
from amos.packs.folder import open_pack
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_ledger.settle_period import settle_period
from amos_tools.replay.piece import piece_of
from amos_tools.replay.sessions import DIFFERENT, SAME, replay_all
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published

SAMPLE_SEEDS, SAMPLE_ACTS = range(2), 120
SWEEP_SEEDS, SWEEP_ACTS = range(100, 140), 250


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_packs(tmp_path_factory.mktemp("packs"))


def usages_of(venue: Venue) -> list[Usage]:
    payloads = [parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload for segment in venue.sealed.values()]
    return [Usage.decode(payload) for payload in payloads]


def check(venue: Venue) -> int:
    """All that left the player is in the ledger, once, and counted as it was metered; how many segments."""
    usages = usages_of(venue)
    assert not venue.refusals, venue.refusals[:3]
    with venue.folder.open_store() as store:
        totals = store.totals()
    found = (len(totals.quarantined), totals.evidence, totals.held)
    assert found == (0, 0, 0)
    assert totals.accepted == len(usages) == len({usage.sequence for usage in usages})
    assert totals.frames == sum(usage.played_frames() for usage in usages)
    return len(usages)


def periods_of(venue: Venue) -> list[str]:
    with contextlib.closing(sqlite3.connect(venue.folder.path / "ledger.sqlite")) as database:
        return [period for (period,) in database.execute("SELECT DISTINCT period FROM usage ORDER BY period")]


def check_published(venue: Venue) -> None:
    """The months can be settled, and a statement of each that has any play verifies."""
    keys = Keys(venue.folder.public_key, crypto.public_key(PUBLISHER), crypto.public_key(OPERATOR), None)
    for period in periods_of(venue):
        settle_period(venue.folder, period, 1_000_000_000, "EUR")
    statements = sorted((venue.folder.public / "statements").rglob("a.json.gz"))
    assert statements
    for statement in statements:
        assert Audit(Published(venue.folder.path / "audit"), keys).check(statement_bytes(statement))


def check_replayed(venue: Venue) -> int:
    """No session is another than its score decides; how many could be decided anew."""
    opened = [open_pack(str(path), crypto.public_key(PUBLISHER), crypto.verify) for path in venue.packs]
    pieces = {pack.pack_id: piece_of(pack, crypto.public_key(PUBLISHER)) for pack in opened}
    outcomes = list(replay_all(usages_of(venue), pieces))
    for pack in opened:
        pack.close()
    assert not [outcome for outcome in outcomes if outcome.result == DIFFERENT]
    return sum(outcome.result == SAME for outcome in outcomes)


def walked(tmp_path: Path, packs: list[Path], plan: Plan) -> Venue:
    machine = Machine(BEGIN_MS)
    with pytest.MonkeyPatch.context() as patch:
        machine.run_players(patch)
        venue = Venue(tmp_path, packs, plan, machine)
        venue.walk()
    venue.ledger.close()
    return venue


@pytest.mark.long
@pytest.mark.parametrize("seed", SAMPLE_SEEDS)
def test_a_walk_condemns_nobody(seed: int, tmp_path: Path, packs: list[Path]) -> None:
    venue = walked(tmp_path, packs, Plan(seed, SAMPLE_ACTS))
    assert check(venue) > 5 and len(venue.happened) > 10
    check_published(venue)
    assert check_replayed(venue)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", SWEEP_SEEDS)
def test_no_walk_condemns_anybody(seed: int, tmp_path: Path, packs: list[Path]) -> None:
    venue = walked(tmp_path, packs, Plan(seed, SWEEP_ACTS))
    segments = check(venue)
    check_published(venue)
    told = ", ".join(f"{count} {act}" for act, count in venue.happened.most_common())
    print(f"\nwalk {seed}: {segments} segments, {check_replayed(venue)} sessions replayed; {told}")
