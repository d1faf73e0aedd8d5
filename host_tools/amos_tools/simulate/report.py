"""A run in words and numbers: tables for people, the same as JSON for programs."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from amos.score.day_sliders import DAY_SLIDER_FIELDS
from amos.score.score import DAY_VOLUME_FIELDS, Score
from amos_cli.table import print_table
from amos_tools.pack.levels_report import loss_facts, lost_named
from amos_tools.pack.shape_loss import NAMED_MDB
from amos_tools.pack.working import Working
from amos_tools.script.log_size import DAY_S, DAYS_MIN, day_bytes, day_text, journal_days, journals_text
from amos_tools.simulate.loudness import REST_LU, REST_S_MIN, HeardRests
from amos_tools.simulate.reach import never_played
from amos_tools.simulate.run import SimStem
from amos_tools.simulate.tally import Tally

_NAMED_MAX = 8


def milliseconds(frames: int, rate_hz: int) -> int:
    """Whole milliseconds of so many frames."""
    return frames * 1000 // rate_hz


def as_json(score: Score, stems: Sequence[SimStem], tally: Tally) -> dict[str, Any]:
    """Everything `print_report` shows. Frames are exact; `ms` is what they come to, rounded down."""
    rate = score.rate_hz

    def played(frames: int) -> dict[str, Any]:
        return {"frames": frames, "ms": milliseconds(frames, rate)}

    return {
        "name": score.name,
        "rate_hz": rate,
        **played(tally.frames),
        "silent": played(tally.silent_frames),
        "longest_rest": {"start_frame": tally.longest_rest.start, **played(tally.longest_rest.frames)},
        "relaxed": tally.relaxed,
        "repeats": sum(stem.repeats for stem in tally.by_stem),
        "log": _log(tally, rate),
        "voices": {
            "budget": score.voices,
            "most": tally.voices_most,
            "frames": tally.voice_frames,
            "starts": tally.voice_starts,
        },
        "sections": [
            {"name": section.name, "visits": found.visits, **played(found.frames)}
            for section, found in zip(score.sections, tally.sections, strict=True)
        ],
        "stems": [
            {
                "title": stem.title,
                "artist": stem.artist,
                "role": stem.role,
                "plays": found.plays,
                "repeats": found.repeats,
                "shortest_return_ms": None if found.again_frames is None else milliseconds(found.again_frames, rate),
                **played(found.frames),
            }
            for stem, found in zip(stems, tally.by_stem, strict=True)
        ],
        "artists": [{"artist": artist, **played(frames)} for artist, frames in tally.artist_frames().items()],
    }


def mix_json(score: Score, stems: Sequence[SimStem], working: Working, rests: HeardRests | None) -> dict[str, Any]:
    """How loud the script will play, what is heard of its rests, and the stems that nothing can bring about."""

    def played(frames: int) -> dict[str, Any]:
        return {"frames": frames, "ms": milliseconds(frames, score.rate_hz)}

    heard = None
    if rests is not None:
        longest = {"start_frame": rests.start_frame, **played(rests.longest_frames)}
        heard = {"count": rests.count, **played(rests.frames), "longest": longest}
    return {
        "target_mlufs": score.target_mlufs,
        "forecast_mlufs": working.forecast_mlufs,
        "limited_mlu": working.limited_mlu,
        "day_volume_cdb": _day_volume(score),
        "day_sliders": _day_sliders(score),
        "heard_rests": heard,
        "shaped_away": [
            loss_facts(stem.title, stem.loss) for stem in stems if stem.loss is not None and stem.loss.mdb > NAMED_MDB
        ],
        "unreachable": [stems[stem].title for stem in never_played(score)],
    }


def print_report(report: dict[str, Any]) -> None:
    """The report of `as_json` as tables."""
    total_ms = max(1, report["ms"])
    stem_ms = max(1, sum(stem["ms"] for stem in report["stems"]))
    sections = Table("section", "visits", "ms", "share", title="Sections")
    for row in report["sections"]:
        sections.add_row(escape(row["name"]), str(row["visits"]), f"{row['ms']:,}", f"{row['ms'] / total_ms:.1%}")
    stems = Table("stem", "artist", "role", "plays", "ms", "share", "shortest return", title="Stems")
    for row in sorted(report["stems"], key=lambda row: -row["frames"]):
        again = row["shortest_return_ms"]
        stems.add_row(
            escape(row["title"]),
            escape(row["artist"]),
            row["role"],
            str(row["plays"]),
            f"{row['ms']:,}",
            f"{row['ms'] / stem_ms:.1%}",
            "-" if again is None else f"{again / 1000:.1f} s",
        )
    artists = Table("artist", "ms", "share", title="Artists")
    for row in report["artists"]:
        artists.add_row(escape(row["artist"]), f"{row['ms']:,}", f"{row['ms'] / stem_ms:.1%}")
    for table in (sections, stems, artists):
        for column in table.columns:
            if column.header in ("visits", "plays", "ms", "share", "shortest return"):
                column.justify = "right"
        print_table(table)


def lines(report: dict[str, Any]) -> list[str]:
    """What has no table."""
    total = max(1, report["frames"])
    voices = report["voices"]
    counts = ", ".join(f"{count}: {frames / total:.1%}" for count, frames in enumerate(voices["frames"]) if frames)
    rest = report["longest_rest"]
    relaxed = ", ".join(f"{rule} {count}" for rule, count in report["relaxed"].items() if count)
    busiest = max(range(len(voices["starts"])), key=voices["starts"].__getitem__)
    quiet = report["day_volume_cdb"]
    never = [stem["title"] for stem in report["stems"] if not stem["plays"]]
    return [
        f"level    forecast {report['forecast_mlufs'] / 1000:.1f} LUFS, target {report['target_mlufs'] / 1000:g} LUFS"
        + (f"; the player's limiter takes {report['limited_mlu'] / 1000:.1f} LU" if report["limited_mlu"] else ""),
        *([f"day      turns all down by {quiet[0] / 100:g} to {quiet[1] / 100:g} dB"] if quiet else []),
        *([f"curves   the day moves {_moved(curves)}"] if (curves := report["day_sliders"]) else []),
        *_shaped_away(report["shaped_away"]),
        f"voices   at most {voices['most']} of {voices['budget']} at once; sounding {counts}",
        f"         the busiest is voice {busiest} with {voices['starts'][busiest]} starts",
        f"rests    {report['silent']['ms']:,} ms in which no stem plays; the longest {rest['ms']:,} ms"
        + (f", at {_clock(rest['start_frame'] // report['rate_hz'])}" if rest["ms"] else ""),
        *_heard(report),
        f"log      {day_text(report['log']['rows_a_day'])}, as this was"
        + (f"; {journals_text(rows)}" if journal_days(rows := report["log"]["rows_a_day"]) < DAYS_MIN else ""),
        f"repeats  {report['repeats']} times a stem follows itself in its role",
        f"relaxed  {relaxed or 'no rule'}",
        *([f"never    {len(never)} stems were not played: {_named(never)}"] if never else []),
        *([f"         {len(out)} can never play: {_named(out)}"] if (out := report["unreachable"]) else []),
    ]


def _day_volume(score: Score) -> list[int] | None:
    """The least and the most that the script's day turns all down by, in hundredths of a dB, where it says anything."""
    rows = score.day_volumes
    if rows is None:
        return None
    found = [*rows[3::DAY_VOLUME_FIELDS], *rows[4::DAY_VOLUME_FIELDS]]
    return [min(found), max(found)]


def _day_sliders(score: Score) -> dict[str, list[float]]:
    """The least and the greatest value that curves of the day lead each slider to; nothing of the others."""
    rows = list(score.day_sliders or ())
    found: dict[str, list[float]] = {}
    for at in range(0, len(rows), DAY_SLIDER_FIELDS):
        slider = score.sliders[rows[at + 3]]
        values = [slider.value(position) / 32768 for position in rows[at + 4 : at + DAY_SLIDER_FIELDS]]
        values += found.get(slider.name, [])
        found[slider.name] = [round(value, 4) for value in (min(values), max(values))]
    return dict(sorted(found.items()))


def _moved(curves: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} from {low:.3g} to {high:.3g}" for name, (low, high) in curves.items())


def _log(tally: Tally, rate_hz: int) -> dict[str, int]:
    """What a player that goes on like this notes in a day."""
    rows = sum(stem.plays for stem in tally.by_stem) * DAY_S * rate_hz // max(1, tally.frames)
    return {"rows_a_day": rows, "bytes_a_day": day_bytes(rows)}


def _shaped_away(lost: list[dict[str, Any]]) -> list[str]:
    """The stems of which a shape leaves little."""
    if not lost:
        return []
    taken = f"shapes   take more than {NAMED_MDB / 1000:g} dB of {len(lost)} stems, which are paid and hardly heard"
    return [f"{taken}: {lost_named(lost)}"]


def _heard(report: dict[str, Any]) -> list[str]:
    """The rests that a listener hears: also within stems."""
    heard = report["heard_rests"]
    if heard is None:
        return []
    if not heard["count"]:
        return [f"         none is heard: nowhere {REST_S_MIN:g} s at {REST_LU} LU below the target"]
    longest = heard["longest"]
    return [
        f"         {heard['count']} are heard, {REST_S_MIN:g} s or longer at {REST_LU} LU below the target: "
        f"{heard['ms']:,} ms in all; the longest {longest['ms']:,} ms, at "
        f"{_clock(longest['start_frame'] // report['rate_hz'])}"
    ]


def _named(titles: list[str]) -> str:
    return ", ".join(titles[:_NAMED_MAX]) + (
        f" and {len(titles) - _NAMED_MAX} more" if len(titles) > _NAMED_MAX else ""
    )


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
