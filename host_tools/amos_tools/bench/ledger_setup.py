"""The smallest set-up for a fleet, from what was measured of one machine. Pure."""

from dataclasses import dataclass
from math import ceil

from amos_tools.bench.figure import Figure
from amos_tools.bench.ledger_fleet import SEGMENT_S

FLEETS = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Assumed:
    """What is not measured: how players play, and what is asked of the ledger.

    open_h        hours of play a day; a segment is sealed every ten minutes
    catch_up_h    hours in which the segments of a whole day are taken in after an outage, beside those of these hours
    busy          share of a core that intake may take then
    worker_share  of what one worker takes in alone, what each of several does: two are to be worth 1.6 of one
    wire_bytes    of a segment and its answer, with what MQTT and TLS add
    """

    open_h: float = 12
    catch_up_h: float = 4
    busy: float = 0.7
    worker_share: float = 0.8
    wire_bytes: int = 2800


@dataclass(frozen=True)
class Machine:
    """A class of machines: cores, and about how long one of them takes to verify the signature of a segment."""

    name: str
    cores: int
    verification_us: float


MACHINES = (
    Machine("Pi 4 class", 4, 350),
    Machine("Pi 5 class", 4, 150),
    Machine("PC of 8 cores", 8, 60),
    Machine("server of 32 cores", 32, 60),
    Machine("server of 128 cores", 128, 60),
)
"""From the smallest. Their times are rough: whoever has such a machine runs `amos bench ledger` there."""


@dataclass(frozen=True)
class Setup:
    """What a fleet needs. `cores` are of the machine that was measured; `machine` is None where none is enough.

    slowest_us  how long a core may take to verify a signature where one core is to do all of intake
    """

    players: int
    segments_s: float
    cores: float
    slowest_us: float
    workers: int
    database: str
    machine: Machine | None
    disk_bytes_year: float
    network_bit_s: float


def setup(players: int, verification_us: float, intake: float, bytes_each: float, assumed: Assumed) -> Setup:
    """The smallest set-up, where taking in a segment costs `intake` verifications and leaves `bytes_each` on disks.
    `workers` and `database` are those on the smallest machine that is enough."""
    segments_day = players * assumed.open_h * 3600 / SEGMENT_S
    segments_s = segments_day / (assumed.catch_up_h * 3600) + players / SEGMENT_S
    slowest_us = 1e6 * assumed.busy / (segments_s * intake)
    machine, workers = None, workers_on(verification_us / slowest_us, assumed)
    for candidate in MACHINES:
        needed = workers_on(candidate.verification_us / slowest_us, assumed)
        if needed <= candidate.cores - 1:  # one is for the broker and the system
            machine, workers = candidate, needed
            break
    return Setup(
        players,
        segments_s,
        verification_us / slowest_us,
        slowest_us,
        workers,
        "SQLite" if workers == 1 else "PostgreSQL",
        machine,
        segments_day * 365 * bytes_each,
        segments_s * assumed.wire_bytes * 8,
    )


def workers_on(cores: float, assumed: Assumed) -> int:
    """Intake processes for work that keeps so many cores busy: one, or as many as their share makes up for."""
    return 1 if cores <= 1 else max(2, ceil(cores / assumed.worker_share))


def figures(verification_us: float, intake: float, bytes_each: float) -> list[Figure]:
    """A line for each size of fleet: cores of this machine, and in the note the set-up."""
    assumed = Assumed()
    found = [
        Figure("ledger", "bare verification of a segment", verification_us, "us", None, "one core of this machine")
    ]
    for players in FLEETS:
        needs = setup(players, verification_us, intake, bytes_each, assumed)
        found.append(Figure("ledger", f"cores for {players:,} players", needs.cores, "cores", None, _told(needs)))
    return found


def _told(needs: Setup) -> str:
    machine = "more than one machine" if needs.machine is None else needs.machine.name
    workers = "one process" if needs.workers == 1 else f"{needs.workers} workers"
    return (
        f"{needs.database}, {workers}, {machine}; {needs.segments_s:,.0f} segments/s,"
        f" {needs.disk_bytes_year / 1e12:,.2f} TB a year, {needs.network_bit_s / 1e6:,.1f} Mbit/s;"
        f" one core does it at {needs.slowest_us:,.0f} us a verification"
    )
