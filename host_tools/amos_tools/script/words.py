"""The words of the language: each is a terminal of the grammar, and none can name a pool, slider or section."""

from amos_tools.keys import MODE_NAMES
from amos_tools.stems import ROLES

STATEMENTS = (
    "experience", "clock", "pool", "slider", "avoid", "relax", "block", "mix", "section", "play", "next",
    "transition", "mood", "daypart", "announce", "on", "render", "exclusive", "phrase", "volume", "curve",
)  # fmt: skip

_WORDS = (
    *STATEMENTS,
    "seed", "device", "tempo", "meter", "key", "stems", "where", "and", "or", "not", "role", "artist",
    "title", "tag", "fits", "start", "scope", "slew", "target", "peak", "voices", "duck", "from", "count", "every",
    "chance", "gain", "enter", "bar", "beat", "end", "fade", "when", "any", "at", "power", "linear", "via", "stem",
    "keep", "plays", "hours", "set", "exact", "weight", "swap", "length", "hit", "cue", "tail", "for", "priority",
    "themes", "themed", "sounds", "changes", "over",
    "pattern", "euclid", "rotate", "division", "swing",
    "pan", "left", "right", "width", "lowpass",
    "to", "once", "until", "after", "visits", *MODE_NAMES,
)  # fmt: skip

_UNITS = {
    "BARS": ("bars", "bar"),
    "BEATS": ("beats", "beat"),
    "S": ("s",),
    "MS": ("ms",),
    "MIN": ("min",),
    "H": ("h",),
    "DB": ("dB",),
    "HZ": ("Hz",),
    "LUFS": ("LUFS",),
    "DBTP": ("dBTP",),
}

TERMINALS: dict[str, tuple[str, ...]] = {**{word.upper(): (word,) for word in _WORDS}, **_UNITS}
"""Terminal name to its spellings, the usual one first."""

_FREE = {"mood", "volume", "curve", "pan", "left", "right", "width", "lowpass", "Hz", *MODE_NAMES[2:]}
"""These stand nowhere that a name does, and are good ones for a slider."""
RESERVED = frozenset(spelling for spellings in TERMINALS.values() for spelling in spellings) - _FREE

PUNCTUATION = {
    "LESSTHAN": "<", "MORETHAN": ">", "EQUAL": "=", "COMMA": ",", "DOT": ".", "SLASH": "/", "STAR": "*", "PLUS": "+",
    "MINUS": "-", "LPAR": "(", "RPAR": ")", "PERCENT": "%",
}  # fmt: skip

KINDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": 'text in "quotes"',
    "NOTE": "a note (A to G, # or b)",
    "SHORT_KEY": "a short key (Am)",
    "CAMELOT": "a Camelot code (8A)",
    "TIME": "a time of day (07:00)",
    "DAY": "a day (mon to sun, holiday or daily)",
    "COMPARE": "a comparison",
    "$END": "the end of the line",
}


def terminal_rules() -> str:
    """Grammar text that defines a terminal for each word; a word ends where no letter, digit or _ follows."""
    lines = []
    for terminal, spellings in TERMINALS.items():
        lines.append(f"{terminal}.2: /({'|'.join(spellings)})(?![A-Za-z0-9_])/")
    return "\n".join(lines)


__all__ = ["KINDS", "PUNCTUATION", "RESERVED", "ROLES", "STATEMENTS", "TERMINALS", "terminal_rules"]
