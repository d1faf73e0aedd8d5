"""What is not plausible in a month's play of all devices, sorted by the money at risk. Nothing is replayed."""

from collections.abc import Mapping
from dataclasses import dataclass

from amos_batches.runner import Runner
from amos_tools.audit import stem_share
from amos_tools.audit.errors import AuditError
from amos_tools.audit.readings import Enrolled, enrolled_in, readings
from amos_tools.audit.watched import Suspicion, Watched
from amos_tools.replay.piece import Piece
from amos_tools.verify.audit import Audit


@dataclass(frozen=True)
class Plausibility:
    """`found` is sorted, the most concerned first. Two of one device may concern the same time."""

    period: str
    devices: int
    segments: int
    played_ms: int
    found: list[tuple[Enrolled, Suspicion]]
    checked: tuple[str, ...]

    def at_risk_micro(self, suspicion: Suspicion, income_micro: int) -> int:
        """Its share of the income of the period."""
        return income_micro * suspicion.concerned_ms // self.played_ms if self.played_ms else 0


def look(log: Audit, period: str, pieces: Mapping[bytes, Piece], runner: Runner) -> Plausibility:
    """Raises `AuditError`, `VerifyError`, `BatchError`."""
    enrolled = enrolled_in(log)
    watched: dict[bytes, Watched] = {}
    segments = 0
    for reading in readings(log, enrolled, runner):
        if reading.day[:7] == period:
            watched.setdefault(reading.seen.device_id, Watched()).take(reading)
            segments += 1
    if not segments:
        raise AuditError(f"expected segments of {period}, found none")
    found = [(device_id, item) for device_id, device in watched.items() for item in device.suspicions()]
    found += stem_share.suspicions(watched, pieces)
    found.sort(key=lambda item: (-item[1].concerned_ms, item[0], item[1].odd))
    played_ms = sum(device.played_ms for device in watched.values())
    named = [(enrolled[device_id], item) for device_id, item in found]
    return Plausibility(period, len(watched), segments, played_ms, named, log.checked)
