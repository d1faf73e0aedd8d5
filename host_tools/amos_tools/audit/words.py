"""What a person reads of inputs and moments."""

from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_BLOCK,
    INPUT_BLOCK_MANY,
    INPUT_CLOCK,
    INPUT_DISLIKE,
    INPUT_LEAVE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SHUFFLE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
    blocked,
)

_NAMES = {
    INPUT_SKIP: "skip",
    INPUT_LIKE: "like",
    INPUT_DISLIKE: "dislike",
    INPUT_SHUFFLE: "shuffle",
    INPUT_CLOCK: "clock",
    INPUT_ANNOUNCE: "announcement",
    INPUT_BLOCK: "withdrawn: stem",
    INPUT_BLOCK_MANY: "withdrawn: stems",
    INPUT_PAUSE: "pause",
    INPUT_VOLUME: "volume",
    INPUT_LEAVE: "the pack gives way",
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def input_words(frame: int, kind: int, value: int) -> str:
    """One input."""
    return f"{_what(kind, value)} at frame {frame}"


def _what(kind: int, value: int) -> str:
    if kind >= INPUT_SLIDER:
        return f"slider {kind - INPUT_SLIDER} to {value / 32768:.3g}"
    if kind == INPUT_CLOCK:
        day, second = divmod(value, 86_400)
        return f"clock {_DAYS[day // 2 % 7]} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    if kind == INPUT_PAUSE:
        return "pause" if value else "resume"
    if kind in (INPUT_LIKE, INPUT_DISLIKE, INPUT_SHUFFLE):
        return f"{_NAMES[kind]} {f'stem {value - 1}' if value else 'all'}"
    if kind == INPUT_BLOCK_MANY:
        return f"{_NAMES[kind]} {', '.join(map(str, blocked(value)))}"
    name = _NAMES.get(kind, f"kind {kind}")
    return name if kind in (INPUT_SKIP, INPUT_LEAVE) else f"{name} {value}"
