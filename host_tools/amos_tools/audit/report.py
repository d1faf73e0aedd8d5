"""What came of a replay audit, as lines and as data."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from amos.protocol.printable_host import printable
from amos_tools.audit.readings import Enrolled
from amos_tools.audit.run import Audited
from amos_tools.audit.words import input_words
from amos_tools.replay.chain import Finding, Judged, Why


def totals(found: Audited) -> dict[str, int]:
    """Segments over all devices."""
    sessions = found.sessions
    return {
        "devices": len(found.devices),
        "sessions": len(sessions),
        "segments": sum(item.segments for item in sessions),
        "agree": sum(item.agree for item in sessions),
        "differ": sum(item.differ for item in sessions),
        "not_replayed": sum(sum(item.unknown.values()) for item in sessions),
        "pcm_compared": sum(item.pcm for item in sessions),
        "pcm_not_compared": sum(sum(item.no_pcm.values()) for item in sessions),
        "of_the_period": found.wanted,
        "before_the_period": found.before,
        "undated": found.undated,
        "began_without_memory": sum(item.forgot for item in sessions),
    }


def agrees(found: Audited) -> bool:
    """Whether nothing differs; and something was replayed, and rendered where that was asked for."""
    if found.chosen_roots or any(item.finding or Why.SOUND in item.no_pcm for item in found.sessions):
        return False
    return any(item.agree for item in found.sessions)


def facts(found: Audited) -> dict[str, Any]:
    """For programs."""
    asked = found.asked
    return {
        "agrees": agrees(found),
        "period": asked.period,
        "checked": list(found.checked),
        "totals": totals(found),
        "sample": None if asked.device is not None else _sample(found),
        "devices": [_device(device, sessions) for device, sessions in found.devices],
        "chosen_seed_roots": [
            {"root": root.hex(), "device_id": rooted.device_id.hex(), "sequence": rooted.sequence}
            for root, rooted in found.chosen_roots.items()
        ],
    }


def lines(found: Audited) -> Iterator[str]:
    """For people: the sample, findings, what was not replayed, and the sum."""
    asked, sums = found.asked, totals(found)
    names = {device.device_id: printable(device.called) for device, _sessions in found.devices}
    for day, devices in found.chosen.items():
        yield f"{day}: {', '.join(names[device_id] for device_id in devices)} by seed {printable(asked.seed)}"
    for device, sessions in found.devices:
        for judged in sessions:
            if judged.finding is not None:
                yield from _finding_lines(device, judged, judged.finding)
        yield from _left_out(device, sessions)
    for root, rooted in found.chosen_roots.items():
        told = f"expected a root that this log had before entry {rooted.index}, found {root.hex()}"
        yield f"differs: {names[rooted.device_id]}, segment {rooted.sequence}: seed_root: {told}"
        yield "  it may be that somebody chose what was to be heard"
    if sums["began_without_memory"]:
        yield f"note: {_counted(sums['began_without_memory'], 'session')} began with nothing remembered, after others"
    if sums["undated"]:
        yield f"note: {_counted(sums['undated'], 'segment')} without a clock: taken for the month of reception"
    yield _sum(found, sums)
    for line in found.checked:
        yield f"  {line}"


def _sum(found: Audited, sums: dict[str, int]) -> str:
    replayed = sums["agree"] + sums["differ"]
    told = f"{sums['agree']} of {_counted(replayed, 'segment')} of {_counted(sums['devices'], 'device')}"
    line = f"{'yes' if agrees(found) else 'no'}: {told} are what their scores decide"
    if not replayed:
        line = "no: nothing could be replayed"
    if found.asked.pcm:
        line += f"; the PCM of {sums['pcm_compared']} rendered again"
        unheard = sum(judged.no_pcm.get(Why.SOUND, 0) for judged in found.sessions)
        line += f", of {unheard} not, for stems cannot be read" if unheard else ""
    if sums["before_the_period"]:
        line += f"; {sums['before_the_period']} segments are from before, on which these rest"
    return line


def _finding_lines(device: Enrolled, judged: Judged, finding: Finding) -> Iterator[str]:
    unlike = finding.unlike
    row = "" if unlike.row is None else f", row {unlike.row}"
    place = (
        f"{printable(device.called)} ({device.device_id.hex()}) session {judged.session}, segment {finding.sequence}"
    )
    yield f"differs: {place}{row}: {unlike.field}: expected {unlike.expected}, found {unlike.found}"
    before = "; ".join(input_words(*item) for item in finding.inputs) or "none"
    yield f"  inputs before it: {before}"
    yield f"  it may be {unlike.meaning}"
    if judged.differ > 1:
        yield f"  {judged.differ} segments of this session differ"


def _left_out(device: Enrolled, sessions: list[Judged]) -> Iterator[str]:
    """What could not be compared, and why."""
    unknown: Counter[str] = Counter()
    no_pcm: Counter[str] = Counter()
    needs: list[str] = []
    for judged in sessions:
        unknown.update({str(why): count for why, count in judged.unknown.items()})
        no_pcm.update({str(why): count for why, count in judged.no_pcm.items()})
        needs += [judged.needs] if judged.needs and judged.needs not in needs else []
    for what, counts in (("not replayed", unknown), ("PCM not compared", no_pcm)):
        for why, count in counts.items():
            yield f"{what}: {_counted(count, 'segment')} of {printable(device.called)}: {why}"
    for sentence in needs[:3]:
        yield f"  {printable(sentence)}"


def _sample(found: Audited) -> dict[str, Any]:
    asked = found.asked
    days = [
        {"day": day, "device_ids": [device_id.hex() for device_id in devices]} for day, devices in found.chosen.items()
    ]
    return {"devices_a_day": asked.sample, "seed": asked.seed, "days": days}


def _device(device: Enrolled, sessions: list[Judged]) -> dict[str, Any]:
    return {
        "device_id": device.device_id.hex(),
        "site": device.site,
        "name": device.name,
        "sessions": [_session(judged) for judged in sessions],
    }


def _session(judged: Judged) -> dict[str, Any]:
    finding = judged.finding
    return {
        "session": judged.session,
        "pack": judged.pack_id.hex(),
        "first_sequence": judged.first,
        "last_sequence": judged.last,
        "segments": judged.segments,
        "rows": judged.rows,
        "frames": judged.frames,
        "agree": judged.agree,
        "differ": judged.differ,
        "not_replayed": [{"why": str(why), "segments": count} for why, count in judged.unknown.items()],
        "pcm_compared": judged.pcm,
        "pcm_not_compared": [{"why": str(why), "segments": count} for why, count in judged.no_pcm.items()],
        "needs": judged.needs or None,
        "began_without_memory": judged.forgot,
        "difference": None if finding is None else _difference(finding),
    }


def _difference(finding: Finding) -> dict[str, Any]:
    unlike = finding.unlike
    return {
        "sequence": finding.sequence,
        "field": unlike.field,
        "row": unlike.row,
        "at_frame": unlike.at_frame,
        "expected": unlike.expected,
        "found": unlike.found,
        "meaning": unlike.meaning,
        "inputs": [{"frame": frame, "kind": kind, "value": value} for frame, kind, value in finding.inputs],
    }


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
