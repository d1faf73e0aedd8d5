"""Loops of struck and plucked notes: rhythm section, chords and melodies, written as (beat, what, how loud)."""

from collections.abc import Callable, Sequence

import numpy as np

from amos_tools.starter import notes
from amos_tools.starter.sound import (
    BAR_FRAMES,
    BEAT_FRAMES,
    BEATS_PER_BAR,
    Signal,
    place,
    room,
    stereo,
    swell,
    wave,
)

Phrase = Sequence[tuple[float, int, float]]
"""(beat from the loop's start, MIDI note, gain)."""
STROKE_FRAMES = BEAT_FRAMES * 3 // 8


def _at(beat: float, seed: int, index: int, spread: int = 260) -> int:
    """The frame of `beat`, off by up to `spread` frames (6 ms): players are not clocks."""
    offset = (index * 7919 + seed * 104_729) % (2 * spread + 1) - spread
    return max(0, round(beat * BEAT_FRAMES) + (offset if beat else 0))


def melody(play: Callable[[int], Signal], phrase: Phrase, bars: int, seed: int, wet: float) -> Signal:
    """A line on one instrument, its notes spread a little over the stereo field."""
    loop = stereo(bars * BAR_FRAMES)
    for index, (beat, midi, gain) in enumerate(phrase):
        place(loop, play(midi), _at(beat, seed, index), gain, pan=(midi - 74) / 40)
    return room(loop, wet)


def chords(changes: Sequence[tuple[float, tuple[int, ...], float]], bars: int, seed: int, wet: float) -> Signal:
    """Electric-piano chords, slightly rolled, panned to and fro once a bar."""
    frames = bars * BAR_FRAMES
    loop = stereo(frames)
    for index, (beat, chord, gain) in enumerate(changes):
        for voice, midi in enumerate(chord):
            note = notes.electric_piano(midi, 0.6 if midi < 60 else 1.0)
            place(loop, note, _at(beat, seed, index) + voice * 420, gain / len(chord), pan=(voice % 2 - 0.5) * 0.5)
    loop[0] *= wave(bars * 2, frames, 0.72, 1.0)
    loop[1] *= wave(bars * 2, frames, 0.72, 1.0, phase_cycles=0.5)
    return room(loop, wet)


def bass(
    play: Callable[[int, float], Signal], line: Sequence[tuple[float, int, float, float]], bars: int, seed: int
) -> Signal:
    """A bass line of (beat, MIDI note, length in beats, gain), in the middle."""
    loop = stereo(bars * BAR_FRAMES)
    for index, (beat, midi, beats, gain) in enumerate(line):
        place(loop, play(midi, beats), _at(beat, seed, index, 130), gain)
    return loop


def drums(bar_patterns: Sequence[str], bars: int, seed: int, *, swept: float, wet: float) -> Signal:
    """Brushes from bars of sixteenths, the patterns taken in turn: `k` kick, `b` brush, `g` ghost, `r` rim, `.` none.

    `swept` is the loudness of the brush drawn round the head on every beat.
    """
    loop = stereo(bars * BAR_FRAMES)
    strokes = {"k": (notes.kick, 0.9, 0.0), "r": (notes.rim, 0.34, 0.18)}
    for step in range(bars * 16):
        symbol = bar_patterns[step // 16 % len(bar_patterns)][step % 16]
        at = _at(_swung(step / 4), seed, step, 180)
        if symbol in strokes:
            make, gain, pan = strokes[symbol]
            place(loop, make(), at, gain, pan)
        elif symbol in "bg":
            gain = 0.42 if symbol == "b" else 0.13 + 0.05 * (step % 3)
            place(loop, notes.brush((step + seed) % 6), at, gain, -0.08)
    for beat in range(bars * BEATS_PER_BAR if swept else 0):
        side = 0.3 if beat % 2 else -0.3
        place(loop, notes.sweep(1.3, beat % 4), beat * BEAT_FRAMES, swept, side)
    return room(loop, wet)


def tops(kind: str, bars: int, seed: int) -> Signal:
    """Shaker, hats or ride over the bars."""
    loop = stereo(bars * BAR_FRAMES)
    accents = np.array((0.9, 0.45, 0.65, 0.5))
    for step in range(bars * 16):
        beat = step / 4
        at = _at(_swung(beat), seed, step, 150)
        gain = float(accents[step % 4]) * (0.85 + 0.15 * ((step * 5 + seed) % 4) / 3)
        if kind == "shaker":
            place(loop, notes.shaker(step % 5, 0.3 if step % 4 else 0.36), at - 1500, gain * 0.3, 0.35)
        elif kind == "hats" and step % 2 == 0:
            long = step % 16 == 14
            place(loop, notes.hat(step % 7, 0.055 if long else 0.018), at, gain * (0.3 if step % 4 else 0.2), -0.3)
        elif kind == "ride" and (step % 4 == 0 or step % 16 in (7, 15)):
            place(loop, notes.ride(step % 3), at, gain * (0.5 if step % 8 else 0.36), 0.4)
    return room(loop, 0.12)


def stroke(note: Signal, pan: float) -> Signal:
    """One stroke in the room, which has died away before the next sixteenth but one."""
    loop = stereo(BAR_FRAMES)
    place(loop, note, 0, 1.0, pan)
    return room(loop, 0.12)[:, :STROKE_FRAMES] * swell(STROKE_FRAMES, 1, STROKE_FRAMES // 2)


def _swung(beat: float) -> float:
    """Sixteenths with a light swing: every second one comes 9 % of an eighth late."""
    return beat + 0.045 if round(beat * 4) % 2 else beat
