"""What an import hears in a file besides music: facts that are not so, and faults that a listener would meet.

A finding is a warning: the file is imported all the same. Only a file in which nothing is heard is refused.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from amos_tools.stems import BEATS_TOLERANCE_INVERSE
from amos_tools.vault.audio import Audio, FloatFrames
from amos_tools.vault.offset import offset_of

_MONO_LOSS_DB = 10
"""Two sides that have nothing in common lose 3 dB in the sum; from here on a mono loudspeaker lacks something."""
_SIDE_DB = 60
_OFFSET = 1e-3
_QUIET = 10 ** (-60 / 20)
"""Of a file's own peak: what is below is not heard beside the rest, however loud a pack will have it."""
_LEAD_MS = 50
_HOP_MS = 100
_SILENT_PERCENT = 50
_WINDOW_HOPS = 4
"""Momentary loudness is of 400 ms."""
_LOOP_HOPS_MIN = 20
_HOLE_DB = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` is that of a kind; `field`, `expected` and `found` are as in a `VaultError`."""

    file: str
    name: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: expected {self.expected}, found {self.found}"


def found_in(file: str, samples: FloatFrames, rate_hz: int, tempo_mbpm: int | None, beats: int | None) -> list[Finding]:
    """What is wrong with samples of shape (frames, channels), and with the length that was stated."""
    findings = _length(file, len(samples), rate_hz, tempo_mbpm, beats)
    findings += _lead(file, samples, rate_hz, tempo_mbpm, beats)
    findings += _silence(file, samples, rate_hz)
    findings += _ends(file, samples, rate_hz, tempo_mbpm, beats)
    offset = float(np.abs(offset_of(samples, rate_hz)).max())
    if offset > _OFFSET:
        found = f"{offset:.4f}; packs are built without it"
        findings.append(Finding(file, "Offset", "mean", f"at most {_OFFSET} of full scale", found))
    if samples.shape[1] == 2:
        findings += _sides(file, samples)
    return findings


def found_in_file(file: str, audio: Audio) -> list[Finding]:
    """What only the file itself tells: its peak above full scale, flat tops, and few bits."""
    findings = clipped(file, audio.runs)
    if audio.peak > 1:
        softer = 20 * float(np.log10(audio.peak))
        found = f"{audio.peak:.2f}; the vault has it {softer:.1f} dB softer, so that nothing clips"
        findings.append(Finding(file, "OverFullScale", "peak", "at most full scale", found))
    if audio.coarse:
        findings.append(Finding(file, "FewBits", "bits", "16 or more", audio.encoding))
    return findings


def clipped(file: str, runs: int) -> list[Finding]:
    """A finding for so many flat tops."""
    if not runs:
        return []
    found = f"{runs} runs of three or more samples at full scale"
    return [Finding(file, "Clipped", "samples", "peaks that are round", found)]


def _length(file: str, frames: int, rate_hz: int, tempo_mbpm: int | None, beats: int | None) -> list[Finding]:
    if tempo_mbpm is None or beats is None:
        return []
    stated = Fraction(beats * 60_000 * rate_hz, tempo_mbpm)
    if _as_long_as(frames, stated):
        return []
    fits = float(Fraction(beats * 60_000 * rate_hz, frames)) / 1000
    expected = f"{float(stated) / rate_hz:.3f} s for {beats} beats at {tempo_mbpm / 1000:g} bpm"
    found = f"{frames / rate_hz:.3f} s, as {beats} beats at {fits:.2f} bpm, or with a tail"
    return [Finding(file, "LengthNotBeats", "length", expected, found)]


def _as_long_as(frames: int, stated: Fraction) -> bool:
    return abs(frames - stated) * BEATS_TOLERANCE_INVERSE <= stated


def _ends(file: str, samples: FloatFrames, rate_hz: int, tempo_mbpm: int | None, beats: int | None) -> list[Finding]:
    """A loop that fades in and out: under any fade, its end leads into its beginning with a hole."""
    hops = len(samples) * 1000 // rate_hz // _HOP_MS
    if tempo_mbpm is None or beats is None or hops < _LOOP_HOPS_MIN:
        return []
    if not _as_long_as(len(samples), Fraction(beats * 60_000 * rate_hz, tempo_mbpm)):
        return []
    borders = np.arange(hops + 1) * len(samples) // hops
    power = np.add.reduceat(np.square(samples, dtype=np.float64).sum(axis=1), borders[:-1]) / np.diff(borders)
    windows = np.convolve(power, np.ones(_WINDOW_HOPS), "valid")
    softest = float(np.percentile(windows, 10))
    half = _WINDOW_HOPS // 2
    seam = float(power[-half:].sum() + power[:half].sum())
    hole_db = 10 * float(np.log10(max(softest, 1e-15) / max(seam, 1e-15)))
    if hole_db < _HOLE_DB:
        return []
    expected = "sound where it begins again: what rings goes on at its beginning, or after its beats"
    found = f"{min(hole_db, 99):.0f} dB less than in its softest tenth; of pads, packs make up for it where layers fade"
    return [Finding(file, "FadedEnds", "ends", expected, found)]


def _lead(file: str, samples: FloatFrames, rate_hz: int, tempo_mbpm: int | None, beats: int | None) -> list[Finding]:
    """Silence before the first sound; a loop may rest for a beat."""
    level = np.abs(samples).max(axis=1)
    lead_ms = int(np.argmax(level > _QUIET * level.max())) * 1000 // rate_hz
    allowed_ms = _LEAD_MS if beats is None or tempo_mbpm is None else max(_LEAD_MS, 60_000_000 // tempo_mbpm)
    if lead_ms <= allowed_ms:
        return []
    return [Finding(file, "LeadingSilence", "beginning", f"a sound within {allowed_ms} ms", f"{lead_ms} ms of silence")]


def _silence(file: str, samples: FloatFrames, rate_hz: int) -> list[Finding]:
    hop = rate_hz * _HOP_MS // 1000
    hops = len(samples) // hop
    if hops < 2:
        return []
    peaks = np.abs(samples[: hops * hop]).reshape(hops, -1).max(axis=1)
    percent = round(100 * float((peaks < _QUIET * peaks.max()).mean()))
    if percent <= _SILENT_PERCENT:
        return []
    expected = f"sound in more than {_SILENT_PERCENT} % of it, since all of its time is paid"
    return [Finding(file, "MostlySilent", "silence", expected, f"silence in {percent} %")]


def _sides(file: str, samples: FloatFrames) -> list[Finding]:
    power = np.square(samples, dtype=np.float64).mean(axis=0)
    with np.errstate(divide="ignore"):
        difference_db = 10 * abs(float(np.log10(power[0] + 1e-12) - np.log10(power[1] + 1e-12)))
    if difference_db > _SIDE_DB:
        side = "the left side" if power[0] < power[1] else "the right side"
        return [Finding(file, "OneSideSilent", "channels", "two that sound, or one", f"silence on {side}")]
    mono = float(np.square(samples.sum(axis=1, dtype=np.float64) / 2).mean())
    loss_db = 10 * float(np.log10(power.mean() / max(mono, 1e-15)))
    if loss_db <= _MONO_LOSS_DB:
        return []
    expected = f"a mono sum at most {_MONO_LOSS_DB} dB softer"
    return [Finding(file, "CancelsInMono", "channels", expected, f"one that is {min(loss_db, 99):.0f} dB softer")]
