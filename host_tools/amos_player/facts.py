"""What an embedded player tells of itself: values, made on its thread and read on any."""

from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["state", "section", "stems", "fault"]


@dataclass(frozen=True)
class Stem:
    """A stem that sounds. `number` is its place in the pack, from 1; `stem_id` are 32 hex digits. Title and artist are
    those of the catalogue beside the pack, None where it has none."""

    number: int
    stem_id: str
    role: str
    title: str | None = None
    artist: str | None = None


@dataclass(frozen=True)
class Now:
    """What the player does at a moment.

    state        stopped, playing, paused, storage full or fault
    text         why, in a sentence, or None
    section      name of the section, or None while nothing plays
    stems        what sounds, in the order in which it began
    volume_db    the operator's gain in dB, 0 at most; None while nothing plays
    sliders      their values in their own units, by name
    device_id    32 hex digits
    """

    state: str
    device_id: str
    text: str | None = None
    section: str | None = None
    stems: tuple[Stem, ...] = ()
    volume_db: float | None = None
    sliders: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """Something changed, and what holds since. `kind`: `state`, `section`, `stems`, or `fault`, whose `now.text` says
    what is wrong."""

    kind: Kind
    now: Now


def changes(before: Now, now: Now) -> list[Event]:
    """The events between two moments, the most important first. Where nothing plays nothing sounds."""
    found: list[Event] = []
    if now.text is not None and now.text != before.text:
        found.append(Event("fault", now))
    if now.state != before.state:
        found.append(Event("state", now))
    if now.section is None:
        return found
    if now.section != before.section:
        found.append(Event("section", now))
    if now.stems != before.stems:
        found.append(Event("stems", now))
    return found


def stopped(now: Now, text: str | None) -> Now:
    """The last of a player that has ended, because of `text` or on purpose."""
    return replace(now, state="stopped" if text is None else "fault", text=text, section=None, stems=())
