"""From a published log to what came of each device."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from amos_batches.runner import Runner
from amos_tools.audit.choice import choose
from amos_tools.audit.errors import AuditError
from amos_tools.audit.readings import Enrolled, Reading, enrolled_in, readings
from amos_tools.audit.seed_roots import Rooted, SeedRoots
from amos_tools.audit.spool import Spool
from amos_tools.audit.work import Task, audit_device
from amos_tools.replay.chain import Judged
from amos_tools.replay.piece import Piece
from amos_tools.verify.audit import Audit


@dataclass(frozen=True)
class Asked:
    """What to audit: one device (by id, or by its name), or `sample` devices a day, taken by `seed`."""

    period: str
    device: str | None = None
    sample: int = 0
    seed: str = ""
    pcm: bool = False


@dataclass
class Audited:
    """What came of it. `chosen`: the devices of each day, for a sample; `undated`: segments of the period that its
    device could not date, and which stand in the month in which they were received; `chosen_roots`: seed roots that the
    ledger never gave."""

    asked: Asked
    checked: tuple[str, ...]
    devices: list[tuple[Enrolled, list[Judged]]] = field(default_factory=list)
    chosen: dict[str, list[bytes]] = field(default_factory=dict)
    wanted: int = 0
    before: int = 0
    undated: int = 0
    chosen_roots: dict[bytes, Rooted] = field(default_factory=dict)

    @property
    def sessions(self) -> list[Judged]:
        """Of all devices."""
        return [judged for _device, found in self.devices for judged in found]


def audit(log: Audit, pieces: Mapping[bytes, Piece], asked: Asked, runner: Runner) -> Audited:
    """Raises `AuditError`, `VerifyError`, `BatchError`."""
    enrolled = enrolled_in(log)
    found = Audited(asked, log.checked)
    if asked.device is None:
        found.chosen = _chosen(log, enrolled, asked, runner)
        days = {day: set(devices) for day, devices in found.chosen.items()}
        chosen = {device_id: enrolled[device_id] for devices in days.values() for device_id in devices}
        wanted: Callable[[Reading], bool] = lambda item: item.seen.device_id in days.get(item.day, ())  # noqa: E731
    else:
        device = named(enrolled, asked.device)
        chosen = {device.device_id: device}
        wanted = lambda item: item.day[:7] == asked.period  # noqa: E731
    spool, roots = Spool(), SeedRoots()
    try:
        for item in readings(log, chosen, runner):
            asked_for = wanted(item)
            spool.put(item, asked_for)
            if asked_for:
                roots.note(item)
            found.undated += asked_for and not item.dated
        if not spool.devices():
            raise AuditError(f"expected segments of {asked.period}, found none")
        for task, judged in runner.pairs(audit_device, _tasks(spool, pieces, asked.pcm)):
            found.devices.append((enrolled[task.device_id], judged))
            found.wanted += len(task.wanted)
            found.before += len(task.entries) - len(task.wanted)
    finally:
        spool.close()
    found.chosen_roots.update(roots.unknown(log.entries()))
    return found


def named(enrolled: Mapping[bytes, Enrolled], text: str) -> Enrolled:
    """The device of that id, or of that name where only one has it. Raises `AuditError`."""
    found = [item for item in enrolled.values() if text in (item.device_id.hex(), item.called, item.name)]
    if len(found) != 1:
        told = "none" if not found else ", ".join(sorted(item.device_id.hex() for item in found))
        raise AuditError(f"device {text[:80]!r}: expected one that is enrolled, by its id or SITE/NAME, found {told}")
    return found[0]


def _chosen(log: Audit, enrolled: Mapping[bytes, Enrolled], asked: Asked, runner: Runner) -> dict[str, list[bytes]]:
    days: dict[str, set[bytes]] = {}
    for item in readings(log, enrolled, runner):
        if item.day[:7] == asked.period:
            days.setdefault(item.day, set()).add(item.seen.device_id)
    return choose(days, asked.sample, asked.seed)


def _tasks(spool: Spool, pieces: Mapping[bytes, Piece], pcm: bool) -> Iterator[Task]:
    """One device after the other, so that no more than those under way are in memory."""
    for device_id in spool.devices():
        needed = spool.needed(device_id, pieces)
        packs = {item.pack for item in needed}
        given = {pack: piece for pack, piece in pieces.items() if pack in packs}
        wanted = frozenset(item.sequence for item in needed if item.wanted)
        yield Task(device_id, tuple(spool.read(needed)), given, pcm, wanted)
