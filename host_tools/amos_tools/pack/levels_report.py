"""What a build did to the levels of its stems, in words and as data."""

from collections.abc import Iterable, Sequence
from typing import Any

from amos_tools.pack.build import PackSummary
from amos_tools.pack.ends import ABRUPT, DEEP, LONG, SILENT
from amos_tools.pack.level import STRONGLY_LIMITED_MDB
from amos_tools.pack.lift import Lifted
from amos_tools.pack.shape_loss import NAMED_MDB, Loss
from amos_tools.stems import StemFacts
from amos_tools.tags import AS_RECORDED

TARGET_MISSED_MLU = 1_000
"""Listeners notice a step of about one LU; a forecast is within a third of that."""
LIMITED_MLU_MIN = 100
_NAMED_MAX = 8
_HOLES = {
    LONG: (
        "EndsTooLong",
        "pads whose own fades last no longer than twice the `fade` of their layers and a quarter of the file",
        "longer ones",
        "give the layers a longer `fade`, or the files shorter ones",
    ),
    DEEP: (
        "EndsTooDeep",
        "pads whose own fades are not below 30 dB for long",
        "deeper ones",
        "export them with a straight fade, or let a loop ring out after its beats",
    ),
    ABRUPT: (
        "EndsSoft",
        "pads that are as loud at their ends as elsewhere, or fade there gradually",
        "a soft passage, a step or a noise",
        "cut it, or make a straight fade of it",
    ),
    SILENT: (
        "EndsSilent",
        "pads that sound up to their ends",
        "more than 100 ms of silence",
        "cut it off, or let a loop sound on to the end of its beats",
    ),
}
"""By the reason: a name, what was expected and found, and what to do."""


def level_lines(summary: PackSummary) -> list[str]:
    """What was amplified and limited, and how loud the pack will play."""
    working = summary.working
    lines = [f"forecast {working.forecast_mlufs / 1000:.1f} LUFS, target {summary.target_mlufs / 1000:g} LUFS"]
    if working.limited_mlu >= LIMITED_MLU_MIN:
        lines[0] += f"; the player's limiter takes {working.limited_mlu / 1000:.1f} LU"
    if summary.amplified:
        amplified = _each_once((stem, level.gain_mdb) for stem, level in summary.amplified)
        most = max(mdb for _stem, mdb in amplified) / 1000
        lines.append(f"{len(amplified)} stems amplified, by up to {most:.1f} dB")
    if summary.held_up:
        held = _each_once(summary.held_up)
        lines.append(f"fades of their own undone in {len(held)}, since their layers fade: {_named(held)}")
    limited = _each_once((stem, level.limited_mdb) for stem, level in summary.limited)
    if limited:
        lines.append(f"peaks limited in {len(limited)}: {_named(limited)}")
    return lines


def level_warnings(summary: PackSummary) -> list[str]:
    """A sentence for stems that are limited strongly, for those that stay below the others, for those that shapes take
    away, and for a missed target."""
    limited = _each_once((stem, level.limited_mdb) for stem, level in summary.limited)
    strong = [(stem, mdb) for stem, mdb in limited if mdb > STRONGLY_LIMITED_MDB]
    warnings = [_strongly_limited(strong)] if strong else []
    short = _each_once((stem, level.short_mdb) for stem, level in summary.short)
    if short:
        warnings.append(
            f"StemsBelow: expected stems at {summary.working.mlufs / 1000:.1f} LUFS, found peaks or noise that keep "
            f"{len(short)} of them below: {_named(short)}"
        )
    warnings += _holes(summary)
    if summary.losses:
        warnings.append(
            f"ShapedAway: expected at most {NAMED_MDB / 1000:g} dB taken from a stem by the `pan`, `width` or `lowpass`"
            f" of a layer, found {len(summary.losses)} with more, which are paid and hardly heard there:"
            f" {lost_named([loss_facts(stem.title, loss) for stem, loss in summary.losses])}"
        )
    missed = _missed(summary)
    if missed:
        warnings.append(missed)
    return warnings


def _strongly_limited(stems: list[tuple[StemFacts, int]]) -> str:
    return (
        f"StronglyLimited: expected at most {STRONGLY_LIMITED_MDB / 1000:g} dB taken from a stem's peaks, found "
        f"{len(stems)} with more, which may be heard in their strokes: {_named(stems)}; denser recordings, or a lower "
        "target of the script, need less"
    )


def _holes(summary: PackSummary) -> list[str]:
    """A sentence for each reason why pads stay soft where their layers fade."""
    warnings = []
    for reason, (name, expected, found, what_to_do) in _HOLES.items():
        stems = _each_once((stem, hole.mdb) for stem, hole in summary.holes if hole.reason == reason)
        if stems:
            warnings.append(
                f"{name}: expected {expected}, found {found} in {len(stems)}, which leave holes where sections change: "
                f"{_named(stems)}; {what_to_do}, or tag them `{AS_RECORDED}` if they are meant so"
            )
    return warnings


def _missed(summary: PackSummary) -> str | None:
    """Names the stems by whose peaks the player's limiter is kept at work."""
    working = summary.working
    if abs(working.forecast_mlufs - summary.target_mlufs) <= TARGET_MISSED_MLU:
        return None
    text = (
        f"TargetMissed: expected {summary.target_mlufs / 1000:g} LUFS, found a forecast of "
        f"{working.forecast_mlufs / 1000:.1f} LUFS"
    )
    if working.limited_mlu < LIMITED_MLU_MIN:
        return text
    peaks = _each_once((stem, level.crest_mdb) for stem, level in summary.heard)
    return (
        f"{text}: the player's limiter takes {working.limited_mlu / 1000:.1f} LU, "
        f"for peaks that stand far above the loudness of their stems: {_named(peaks)}"
    )


def loss_facts(title: str, loss: Loss) -> dict[str, Any]:
    """For JSON."""
    return {"title": title, "section": loss.place.section, "lost_mdb": loss.mdb}


def lost_named(facts: Sequence[dict[str, Any]]) -> str:
    """Stems of `loss_facts` with their sections, the softest first."""
    ordered = sorted(facts, key=lambda fact: -fact["lost_mdb"])[:_NAMED_MAX]
    named = [f"{fact['title']} in `{fact['section']}` {fact['lost_mdb'] / 1000:.1f} dB" for fact in ordered]
    return _and_more(named, len(facts))


def level_facts(stem: StemFacts, level: Lifted) -> dict[str, Any]:
    """For JSON."""
    facts = {name: getattr(level, name) for name in ("gain_mdb", "limited_mdb", "short_mdb")}
    return {"stem": stem.stem_id.hex(), "title": stem.title} | facts


def _each_once(rows: Iterable[tuple[StemFacts, int]]) -> list[tuple[StemFacts, int]]:
    """Each stem with the most decibels of its variants."""
    most: dict[bytes, tuple[StemFacts, int]] = {}
    for stem, mdb in rows:
        if stem.stem_id not in most or mdb > most[stem.stem_id][1]:
            most[stem.stem_id] = stem, mdb
    return list(most.values())


def _named(stems: list[tuple[StemFacts, int]]) -> str:
    """The stems with most decibels first."""
    ordered = sorted(stems, key=lambda item: -item[1])
    named = [f"{stem.title} {mdb / 1000:.1f} dB" for stem, mdb in ordered[:_NAMED_MAX]]
    return _and_more(named, len(ordered))


def _and_more(named: list[str], count: int) -> str:
    more = count - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
