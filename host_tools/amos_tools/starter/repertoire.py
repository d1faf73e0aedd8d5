"""The starter repertoire: 31 stems by five artists in D minor / F major at 84 bpm, and one whose artist said no.

Every chord and line keeps to the pentatonic that D minor and F major share (with E as a colour up high), so any stems
sound well together wherever a script places them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from amos_tools.starter import notes
from amos_tools.starter.grooves import bass, chords, drums, melody, stroke, tops
from amos_tools.starter.pads import pad
from amos_tools.starter.sound import Signal
from amos_tools.starter.weather import bell, chimes, horn, rain, record
from amos_tools.stems import Split

# Chords over the shared pentatonic: Dm9, Gsus, F69, Csus, from the bottom up.
_D = (50, 57, 60, 64, 65)
_G = (55, 60, 62, 65, 67)
_F = (53, 57, 60, 62, 67)
_C = (48, 55, 60, 62, 69)

_ILSE = (Split("ilse-maren", 1_000_000),)
_TOMAS = (Split("tomas-reyes", 600_000), Split("dockside-records", 400_000))
_NOOR = (Split("noor-adeyemi", 1_000_000),)
_JUNE = (Split("june-okafor", 750_000), Split("kite-publishing", 250_000))
_TOMAS_NOOR = (Split("tomas-reyes", 500_000), Split("noor-adeyemi", 500_000))
_PILOTS = (Split("harbour-pilots", 1_000_000),)
_WEATHER = (("place", "outdoors, weather"),)
_NIGHT = (("mood", "night, quiet"),)
_ROUND = (("changes", "Dm Gm F C"),)
_STROKE = (("stroke", "yes"),)
_BRUSHES = (("theme", "brushes"),)
_GLASS = (("theme", "glass"),)
_EITHER = (("theme", "brushes, glass"),)
_TRIO = (Split("ilse-maren", 333_334), Split("june-okafor", 333_333), Split("noor-adeyemi", 333_333))


@dataclass(frozen=True, slots=True)
class Piece:
    """One stem to be made: facts, and the function that makes its signal of shape (2, frames).

    bars        0: a single stroke
    goes_round  its end leads into its beginning without a step
    """

    title: str
    artist: str
    role: str
    key: str | None
    bars: int
    splits: tuple[Split, ...]
    make: Callable[[], Signal]
    opt_in: bool = True
    tags: tuple[tuple[str, str], ...] = ()
    goes_round: bool = False


PADS = (
    Piece("Harbour Haze", "Ilse Maren", "pads", "D minor", 8, _ILSE,
          lambda: pad((_D, _G, _F, _C), 8, 1100, cents=26, dark=2.4, bright=1.35), goes_round=True),
    Piece("Slow Tide", "Noor Adeyemi", "pads", "D minor", 8, _NOOR,
          lambda: pad((_D, (53, 57, 60, 64, 69)), 8, 1200, cents=34, dark=2.0, bright=1.3, vowel_hz=620),
          goes_round=True),
    Piece("Lantern", "Ilse Maren", "pads", "F major", 4, _TRIO,
          lambda: pad(((53, 60, 65, 69, 72),), 4, 1300, cents=18, dark=1.9, bright=1.15), goes_round=True),
    Piece("Night Glass", "Noor Adeyemi", "pads", "D minor", 8, _NOOR,
          lambda: pad(((62, 69, 72, 76), (65, 67, 72, 74), (65, 69, 74, 79), (60, 67, 72, 74)), 8, 1400,
                      cents=14, dark=2.6, bright=1.7), tags=_NIGHT, goes_round=True),
)  # fmt: skip

BASSES = (
    Piece("Moorings", "Tomas Reyes", "bass", "D minor", 4, _TOMAS, lambda: bass(notes.upright, (
        (0, 38, 1.8, 1.0), (2.5, 45, 0.5, 0.6), (3, 43, 1, 0.8),
        (4, 43, 1.8, 0.95), (6.5, 41, 0.5, 0.6), (7, 40, 1, 0.7),
        (8, 41, 1.8, 1.0), (10.5, 45, 0.5, 0.6), (11, 41, 1, 0.8),
        (12, 36, 1.8, 0.95), (14, 43, 1, 0.75), (15, 36, 1, 0.7),
    ), 4, 11), tags=_ROUND + _BRUSHES),
    Piece("Low Water", "Ilse Maren", "bass", "D minor", 4, _ILSE, lambda: bass(notes.sub, (
        (0, 38, 3.5, 1.0), (4, 43, 3.5, 0.9), (8, 41, 3.5, 0.95), (12, 36, 2.5, 0.9), (15, 36, 0.9, 0.7),
    ), 4, 12), tags=_ROUND + _GLASS),
    Piece("Keel", "June Okafor", "bass", "F major", 8, _JUNE, lambda: bass(notes.upright, tuple(
        (bar * 4 + beat, root + step, beats, gain)
        for bar, root in enumerate((41, 41, 38, 38, 43, 43, 36, 36))
        for beat, step, beats, gain in
        ((0, 0, 1.4, 1.0), (1.75, 12, 0.4, 0.45), (2.5, 7 if root != 41 else 4, 1.2, 0.7))
    ), 8, 13), tags=(("changes", "F Dm Gm C"), *_EITHER)),
)  # fmt: skip

BEATS = (
    Piece("Brush One", "Tomas Reyes", "beats", None, 4, _TOMAS, lambda: drums(
        ("k...b..g..k.b..g", "k...b..g.gk.b...", "k...b..g..k.b..g", "k..gb..g.gk.b.gg"),
        4, 21, swept=0.045, wet=0.10), tags=_BRUSHES),
    Piece("Brush Two", "Tomas Reyes", "beats", None, 4, _TOMAS_NOOR, lambda: drums(
        ("k.g.b.gk..k.b.g.", "k.g.b.g.g.k.b..k"), 4, 22, swept=0.06, wet=0.14), tags=_BRUSHES),
    Piece("Soft Step", "Noor Adeyemi", "beats", None, 4, _NOOR, lambda: drums(
        ("k.....r...k.r...", "k.....r..kk.r..g"), 4, 23, swept=0.0, wet=0.22), tags=_GLASS),
    Piece("Half Light", "Noor Adeyemi", "beats", None, 4, _NOOR, lambda: drums(
        ("k.....g.b.....g.", "k..k....b..g..g."), 4, 24, swept=0.05, wet=0.18), tags=_GLASS),
)  # fmt: skip

TOPS = (
    Piece("Shaker", "Noor Adeyemi", "tops", None, 4, _NOOR, lambda: tops("shaker", 4, 31)),
    Piece("Sand Hats", "June Okafor", "tops", None, 4, _JUNE, lambda: tops("hats", 4, 32)),
    Piece("Ride Along", "Tomas Reyes", "tops", None, 4, _TOMAS, lambda: tops("ride", 4, 33)),
)

STROKES = (
    Piece("Finger Snap", "June Okafor", "tops", None, 0, _JUNE, lambda: stroke(notes.snap(), -0.25), tags=_STROKE),
    Piece("Wood Block", "Tomas Reyes", "tops", None, 0, _TOMAS, lambda: stroke(notes.block(), 0.35), tags=_STROKE),
    Piece("Cross Stick", "Noor Adeyemi", "tops", None, 0, _NOOR, lambda: stroke(notes.rim(), 0.1), tags=_STROKE),
)
"""What a pattern strikes, between the beats too."""

HARMONIES = (
    Piece("Piano by the Window", "June Okafor", "harmony", "D minor", 8, _JUNE, lambda: chords((
        (0, _D, 1.0), (3.5, _D[1:], 0.5), (8, _G, 0.95), (11.5, _G[1:], 0.5), (14, _G[2:], 0.45),
        (16, _F, 1.0), (19.5, _F[1:], 0.5), (24, _C, 0.95), (27.5, _C[1:], 0.5), (30, _C[2:], 0.4),
    ), 8, 41, 0.45), tags=_BRUSHES),
    Piece("Two Chords", "Tomas Reyes", "harmony", "D minor", 4, _TOMAS, lambda: chords((
        (0, _D, 1.0), (2.75, _D[2:], 0.45), (5.5, _D[1:], 0.55),
        (8, _F, 1.0), (10.75, _F[2:], 0.45), (13.5, _F[1:], 0.55),
    ), 4, 42, 0.4), tags=_EITHER),
    Piece("Offbeats", "Ilse Maren", "harmony", "F major", 4, _TRIO, lambda: chords(tuple(
        (bar * 4 + beat, chord[2:], gain)
        for bar, chord in enumerate((_F, _F, _C, _G)) for beat, gain in ((1.5, 0.8), (3.5, 0.55))
    ), 4, 43, 0.5), tags=_GLASS),
)  # fmt: skip

MELODIES = (
    Piece("Vibes, Evening", "June Okafor", "melody", "D minor", 8, _JUNE, lambda: melody(notes.vibraphone, (
        (0, 69, 0.8), (1.5, 72, 0.6), (2, 74, 0.8), (5, 72, 0.5), (5.5, 69, 0.6), (8, 67, 0.8),
        (10.5, 65, 0.5), (11, 67, 0.6),
        (16, 69, 0.8), (17.5, 72, 0.6), (18, 77, 0.85), (20, 74, 0.6), (21.5, 72, 0.5), (24, 74, 0.75), (27, 72, 0.5),
        (27.5, 69, 0.5), (28, 67, 0.6),
    ), 8, 51, 0.6)),
    Piece("Thumb Rain", "Noor Adeyemi", "melody", "D minor", 4, _NOOR, lambda: melody(notes.kalimba, tuple(
        (step * 0.5, midi, 0.75 if step % 4 == 0 else 0.5) for step, midi in enumerate((
            74, 69, 72, 77, 0, 72, 69, 65, 74, 0, 72, 67, 69, 0, 0, 62,
            77, 72, 74, 79, 0, 74, 72, 69, 72, 0, 69, 67, 65, 0, 0, 0)) if midi
    ), 4, 52, 0.5)),
    Piece("Nylon Postcard", "June Okafor", "melody", "F major", 8, _JUNE, lambda: melody(notes.nylon, tuple(
        (bar * 4 + beat, chord[voice], gain)
        for bar, chord in enumerate((_F, _F, _D, _D, _G, _G, _C, _C))
        for beat, voice, gain in ((0, 0, 0.9), (1, 2, 0.55), (1.5, 3, 0.6), (2.5, 4, 0.7), (3.5, 3, 0.45))
        if bar % 2 == 0 or beat < 2.5
    ), 8, 53, 0.4)),
    Piece("Lamplight", "June Okafor", "melody", "D minor", 4, _JUNE, lambda: melody(notes.vibraphone, (
        (0, 65, 0.6), (2, 69, 0.7), (3.5, 67, 0.5), (6, 62, 0.55), (8, 65, 0.6), (10, 72, 0.7), (11.5, 69, 0.5),
        (13, 67, 0.5), (14.5, 62, 0.45),
    ), 4, 55, 0.7)),
    Piece("Glass Beads", "Ilse Maren", "melody", "D minor", 8, _ILSE, lambda: melody(notes.glass, (
        (0, 81, 0.5), (3, 84, 0.35), (6.5, 79, 0.45), (11, 77, 0.4), (13.5, 74, 0.5), (17, 81, 0.45), (19.5, 86, 0.35),
        (24, 79, 0.45), (27, 84, 0.3), (29, 81, 0.4),
    ), 8, 54, 0.9)),
)  # fmt: skip

TEXTURES = (
    Piece("Rain on Slate", "Noor Adeyemi", "fx", None, 8, _NOOR, lambda: rain(8, 6100), tags=_WEATHER),
    Piece("Old Record", "Tomas Reyes", "fx", None, 4, _TOMAS, lambda: record(4, 6200)),
    Piece("Porch Chimes", "June Okafor", "fx", "D minor", 8, _JUNE, lambda: chimes(8, 6300), tags=_WEATHER),
)

SIGNALS = (
    Piece("Ship's Bell", "Harbour Pilots", "fx", None, 4, _PILOTS, lambda: bell(4)),
    Piece("Fog Horn", "Harbour Pilots", "fx", None, 4, _PILOTS, lambda: horn(4, 110, 0.5)),
    Piece("Far Horn", "Harbour Pilots", "fx", None, 4, _PILOTS, lambda: horn(4, 82.5, 1.0)),
)
"""What a café announces the last round with, and what it would rather not have inside."""

WITHHELD = (
    Piece("Not for Hire", "Ilse Maren", "melody", "D minor", 4, _ILSE, lambda: melody(notes.vibraphone, (
        (0, 74, 0.8), (2, 77, 0.6), (4, 79, 0.7), (8, 74, 0.8), (10, 72, 0.6), (12, 69, 0.7),
    ), 4, 71, 0.6), opt_in=False),
)  # fmt: skip

PIECES = PADS + BASSES + BEATS + TOPS + STROKES + HARMONIES + MELODIES + TEXTURES + SIGNALS + WITHHELD
