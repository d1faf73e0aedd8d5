"""Players, courier and ledger are killed at any moment, under load: what the ledger counts was delivered, and all was.

`make sweep` kills players two hundred times, most of them playing in real time; the ordinary suite a few times.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from kill_venue import Plan, Player, Venue
from noise_pack import RATE_HZ

from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal
from amos.protocol.segment import FIRST_PREVIOUS, FLAG_POWER_LOSS, SEAL_POWER_LOSS, Usage
from amos_ledger.totals import Totals

SAMPLE = Plan(seed=249, kills=10, life_s=1.0, free_share=0.5, service_life_s=2)
WHOLE = Plan(seed=6, kills=200, life_s=3.0, free_share=0.2, service_life_s=6)


@dataclass
class Sum:
    """Of both players: kills, those that came while they played, frames in their WAV files, frames in the ledger's log,
    most frames missing from one life."""

    kills: int = 0
    while_playing: int = 0
    delivered: int = 0
    counted: int = 0
    shortfall: int = 0


def check_chain(log: list[tuple[bytes, Usage]]) -> None:
    """Numbers and hashes without a gap in the order of the log, and no frame of a session twice."""
    previous, ends = FIRST_PREVIOUS, {}
    for number, (segment, usage) in enumerate(log, 1):
        assert (usage.sequence, usage.previous, usage.lost_first) == (number, previous, None)
        previous = sha256(segment).digest()
        assert usage.first_frame == ends.get((usage.boot, usage.session), 0)
        assert usage.delivered_frames == usage.end_frame - usage.first_frame > 0
        ends[usage.boot, usage.session] = usage.end_frame
        powerless = any(row[3] & FLAG_POWER_LOSS for row in usage.rows())
        assert not powerless or usage.reason == SEAL_POWER_LOSS
        for _stem, start, frames, _flags in usage.rows():
            assert usage.first_frame <= start and start + frames <= usage.end_frame
    assert len({session for _boot, session in ends}) == len(ends)


def check_player(player: Player, log: list[tuple[bytes, Usage]], found: Sum) -> None:
    """Life for life: what the ledger counted is what the file holds, less at most a second where it was killed."""
    check_chain(log)
    counted: dict[int, int] = {}
    for _segment, usage in log:
        counted[usage.session] = counted.get(usage.session, 0) + usage.delivered_frames
    for number, life in enumerate(player.lives):
        assert life.session is not None or life.delivered_frames == 0
        metered = counted.pop(life.session, 0) if life.session is not None else 0
        missing = life.delivered_frames - metered
        assert 0 <= missing <= (RATE_HZ if life.killed else 0), f"{player.name}, life {number}: {missing} of {life}"
        found.kills += life.killed
        found.while_playing += life.killed and life.delivered_frames > 0
        found.delivered += life.delivered_frames
        found.counted += metered
        found.shortfall = max(found.shortfall, missing)
    assert not counted, "sessions that nobody heard"


def check_journal(player: Player, log: list[tuple[bytes, Usage]]) -> None:
    """The player has freed what the ledger receipted, which is everything."""
    store = FileSectorDevice(str(player.folder / "journal.ring"), 0)
    journal = Journal(store, bytes(8))
    store.close()
    assert journal.last_sequence == journal.receipted == len(log) and not len(journal.segments)


def check_totals(totals: Totals, logs: list[list[tuple[bytes, Usage]]]) -> None:
    """The ledger's own figures are those of its log; nothing is held, refused or in quarantine."""
    segments = [usage for log in logs for _segment, usage in log]
    assert totals.accepted == len(segments) and totals.frames == sum(usage.played_frames() for usage in segments)
    assert not totals.held and not totals.evidence and not totals.quarantined


def check(folder: Path, micropython: list[str], plan: Plan) -> Sum:
    venue, found = Venue(folder, micropython), Sum()
    services = venue.run(plan)
    logs = [venue.log(player) for player in venue.players]
    for player, log in zip(venue.players, logs, strict=True):
        check_player(player, log, found)
        check_journal(player, log)
    check_totals(venue.totals(), logs)
    for service in services:
        assert "Traceback" not in service.log.read_text(), service.name
    killed = ", ".join(f"{service.name} {service.kills} times" for service in services)
    print(
        f"\n{found.kills} kills of players, {found.while_playing} while playing ({killed}):"
        f" {found.delivered} frames delivered, {found.counted} in the ledger;"
        f" at most {found.shortfall} missing from a life ({found.shortfall * 1000 // RATE_HZ} ms)"
    )
    return found


@pytest.mark.long
def test_a_few_kills(tmp_path: Path, micropython: list[str]) -> None:
    found = check(tmp_path, micropython, SAMPLE)
    assert found.kills == SAMPLE.kills and found.while_playing >= SAMPLE.kills // 2 and found.shortfall > 0


@pytest.mark.sweep
def test_two_hundred_kills(tmp_path: Path, micropython: list[str]) -> None:
    found = check(tmp_path, micropython, WHOLE)
    assert found.kills == WHOLE.kills and found.while_playing >= WHOLE.kills // 2 and found.shortfall > RATE_HZ // 4
