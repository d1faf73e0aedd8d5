"""A run in words and numbers: tables for people, the same as JSON for programs."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from amos.score.score import Score
from amos_cli.table import print_table
from amos_tools.simulate.run import SimStem
from amos_tools.simulate.tally import Tally


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
    never = [stem["title"] for stem in report["stems"] if not stem["plays"]]
    return [
        f"voices   at most {voices['most']} of {voices['budget']} at once; sounding {counts}",
        f"         the busiest is voice {busiest} with {voices['starts'][busiest]} starts",
        f"rests    {report['silent']['ms']:,} ms in all; the longest {rest['ms']:,} ms"
        + (f", at {_clock(rest['start_frame'] // report['rate_hz'])}" if rest["ms"] else ""),
        f"repeats  {report['repeats']} times a stem follows itself in its role",
        f"relaxed  {relaxed or 'no rule'}",
        *([f"never    {len(never)} stems are not played: {', '.join(never[:8])}"] if never else []),
    ]


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
