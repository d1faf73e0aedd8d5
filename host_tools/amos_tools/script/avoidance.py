"""`avoid` and `relax`: what must not come again too soon, and which rule gives way first."""

from collections.abc import Sequence
from dataclasses import dataclass

from amos.score.score import (
    AVOID_PLAYS_MAX,
    AVOID_SECONDS_MAX,
    RELAX_ARTIST,
    RELAX_HOURS,
    RELAX_KEY,
    RELAX_PLAYS,
    RELAX_TEMPO,
)
from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.problems import Problems, Span
from amos_tools.script.program import Program
from amos_tools.script.units import whole

RULES = {
    "artist": RELAX_ARTIST,
    "artist.plays": RELAX_ARTIST,
    "stem.hours": RELAX_HOURS,
    "stem.plays": RELAX_PLAYS,
    "key": RELAX_KEY,
    "tempo": RELAX_TEMPO,
}
_SECONDS = {"S": 1, "MIN": 60, "H": 3600}


@dataclass(frozen=True, slots=True)
class AvoidFacts:
    """The rules in integers; None is the player's default. Spans tell where a rule stands."""

    stem_plays: int | None = None
    stem_seconds: int | None = None
    artist_plays: int | None = None
    keep_history: bool | None = None
    relax: tuple[int, ...] = ()
    stem_span: Span | None = None
    artist_span: Span | None = None


def avoidance(program: Program, problems: Problems) -> AvoidFacts:
    """The rules of the script; those with errors noted are left out."""
    relax = _relax(program, problems)
    if program.avoid is None:
        return AvoidFacts(relax=relax)
    found: dict[str, int | None] = {}
    spans: dict[str, Span] = {}
    keep = False
    for item in program.avoid.items:
        if item.kind in spans:
            problems.error(item.span, f"`{item.kind}` stands twice in this line")
        spans[item.kind] = item.span
        if item.word is not None:
            keep = _keeps(item.word, problems)
        for amount in item.amounts:
            _amount(item, amount, found, problems)
    return AvoidFacts(
        stem_plays=found.get("stem.plays"),
        stem_seconds=found.get("stem.hours"),
        artist_plays=found.get("artist.plays"),
        keep_history=None if keep else False,
        relax=relax,
        stem_span=spans.get("stem"),
        artist_span=spans.get("artist"),
    )


def _keeps(word: tree.Text, problems: Problems) -> bool:
    if word.value != "reboot":
        suggestion = nearest(word.value, ["reboot"])
        problems.error(word.span, "what is kept is kept over a", expected=["`reboot`"], suggestion=suggestion)
    return word.value == "reboot"


def _amount(item: tree.Avoidance, amount: tree.Number, found: dict[str, int | None], problems: Problems) -> None:
    by_plays = amount.unit == "PLAYS"
    name = f"{item.kind}.{'plays' if by_plays else 'hours'}"
    if name in found:
        problems.error(amount.span, f"{'plays' if by_plays else 'a time'} for `{item.kind}` stands twice")
    elif by_plays:
        plain = tree.Number(amount.value, amount.span)
        found[name] = whole(plain, "a number of plays", 1, AVOID_PLAYS_MAX, problems)
    elif item.kind == "artist":
        problems.error(amount.span, "an artist is avoided by plays", expected=["such as `artist 2 plays`"])
    else:
        seconds = int(amount.value * _SECONDS[amount.unit])
        if not 1 <= seconds <= AVOID_SECONDS_MAX:
            limit = f"1 s to {AVOID_SECONDS_MAX // 3600} h"
            problems.error(amount.span, f"a stem is avoided for {limit}", expected=[limit])
        found[name] = seconds


def _relax(program: Program, problems: Problems) -> tuple[int, ...]:
    if program.relax is None:
        return ()
    order: list[int] = []
    for text in program.relax.rules:
        rule = RULES[text.value]
        if rule in order:
            problems.error(text.span, f"`{text.value}` stands twice in this line")
        order.append(rule)
    return tuple(order)


def warn_idle_rules(program: Program, facts: AvoidFacts, problems: Problems) -> None:
    """Warn of rules that are relaxed and nowhere stated."""
    if program.relax is None:
        return
    steps = (step for pool in program.pools.values() for step in pool.steps)
    conditions = {step.kind for step in steps if isinstance(step, tree.Condition)}
    stated = {
        RELAX_ARTIST: facts.artist_plays is not None,
        RELAX_HOURS: facts.stem_seconds is not None,
        RELAX_PLAYS: True,
        RELAX_KEY: "key" in conditions,
        RELAX_TEMPO: "tempo" in conditions,
    }
    for text in program.relax.rules:
        if not stated[RULES[text.value]]:
            problems.warn(text.span, f"no rule of this script is about `{text.value}`, so there is nothing to relax")


@dataclass(frozen=True, slots=True)
class PoolUse:
    """A pool as one layer uses it: where it is named, how many stems it has, how often it is drawn."""

    span: Span
    name: str
    role: str
    stems: int
    artists: int
    count: int
    seconds_mean: float


def warn_small_pools(uses: Sequence[PoolUse], facts: AvoidFacts, problems: Problems) -> None:
    """Warn of pools that a rule leaves with nothing to choose, so that it gives way time and again."""
    told: set[tuple[str, str]] = set()
    for use in uses:
        if (use.name, use.role) in told:
            continue
        reasons = _reasons(use, facts)
        if reasons:
            told.add((use.name, use.role))
            who = f"pool `{use.name}` has {use.stems} {use.role}"
            problems.warn(use.span, f"{who}, too few for the rules of `avoid`, which will give way", notes=reasons)


def _reasons(use: PoolUse, facts: AvoidFacts) -> list[str]:
    reasons = []
    # Those that sound beside the one to come are out of the question too, but they are among the latest plays.
    needed = max(facts.stem_plays or 0, use.count - 1) + 1
    if facts.stem_plays and use.stems < needed:
        reasons.append(f"`stem {facts.stem_plays} plays` needs {needed} stems at least")
    # A pool that is all by one artist is meant so.
    artist_plays = facts.artist_plays or 0
    if 1 < use.artists <= artist_plays:
        reasons.append(f"`artist {artist_plays} plays` needs {artist_plays + 1}, there are {use.artists} artists")
    if facts.stem_seconds:
        lasts = use.stems * use.seconds_mean / use.count
        if lasts < facts.stem_seconds:
            reasons.append(
                f"played through, the pool lasts {_duration(lasts)}; a stem is avoided for "
                f"{_duration(facts.stem_seconds)}"
            )
    return reasons


def _duration(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds:.3g} s"
