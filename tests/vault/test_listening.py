"""Tempo and key by ear: what the numbers decide, and librosa itself where the extra `analysis` is installed."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from amos_tools.vault.audio import to_int24
from amos_tools.vault.cli import app
from amos_tools.vault.hints_in_file import Guess
from amos_tools.vault.listening import FRAME_RATE_HZ, key_of, listener, tempo_of
from amos_tools.vault.scan import best

RATE_HZ = 44_100
CHORDS = {"G major": ((55, 59, 62), (60, 64, 67), (62, 66, 69), (55, 59, 62)),
          "E minor": ((52, 55, 59), (57, 60, 64), (59, 62, 66), (52, 55, 59))}  # fmt: skip
needs_librosa = pytest.mark.skipif(
    find_spec("librosa") is None, reason="the extra `analysis` is 300 MB: make test-installed installs and runs these"
)


def onsets(bpm: float, bars: int, clear: float = 1) -> np.ndarray:
    """The strength of onsets of so many bars with a stroke on each beat, over noise."""
    beats = np.arange(bars * 4) * 60 / bpm
    strength = np.random.RandomState(1).uniform(0, 0.2, round(bars * 240 / bpm * FRAME_RATE_HZ))
    strength[np.rint(beats * FRAME_RATE_HZ).astype(int)] += clear
    return strength


def chroma(tonic: int, fifth: float = 1) -> np.ndarray:
    """Of a major triad over its scale."""
    weights = np.full(12, 0.05)
    weights[[0, 2, 4, 5, 7, 9, 11]] = 0.3
    weights[[0, 4, 7]] = (1, 0.6, fifth)
    return np.roll(weights, tonic)


@pytest.mark.parametrize("near", [1, 2, 0.5, 1.01, 0.99])
@pytest.mark.parametrize(("bpm", "bars"), [(96.7, 4), (120, 2), (72, 8)])
def test_a_loop_s_tempo_is_that_of_whole_bars(bpm: float, bars: int, near: float) -> None:
    guess = tempo_of(onsets(bpm, bars), bpm * near, bars * 240 / bpm)
    assert guess is not None and float(guess.text) == pytest.approx(bpm, rel=1e-3) and guess.confidence < 0.8


def test_no_whole_bars_or_no_pulse_is_no_tempo() -> None:
    assert tempo_of(onsets(120, 4), 120, 9.3) is None
    assert tempo_of(onsets(120, 4, clear=0), 120, 8) is None
    assert tempo_of(np.zeros(700), 120, 8) is None
    assert tempo_of(onsets(120, 4), 0, 8) is None


def test_a_less_clear_pulse_is_less_sure() -> None:
    clear, dim = (tempo_of(onsets(120, 4, clear), 120, 8) for clear in (1, 0.25))
    assert clear is not None and dim is not None and clear.confidence > dim.confidence


@pytest.mark.parametrize(("tonic", "named"), [(0, "C major"), (10, "Bb major"), (6, "F# major"), (3, "Eb major")])
def test_a_key_is_the_profile_that_fits_best(tonic: int, named: str) -> None:
    guess = key_of(chroma(tonic))
    assert guess is not None and guess.text == named and 0.5 < guess.confidence < 0.8


def test_what_fits_two_keys_or_none_has_none() -> None:
    assert key_of(np.ones(12)) is None and key_of(np.zeros(12)) is None
    assert key_of(np.eye(12)[4]) is None, "a single tone is no key"


def test_what_sources_say_alike_is_surer_also_when_one_rounds() -> None:
    named, heard = Guess("tempo", "97", "its name", 0.9), Guess("tempo", "96.7", "listening", 0.7)
    chosen = best([heard, named])
    assert chosen is not None and chosen.text == "97" and chosen.confidence > 0.9
    other = best([named, Guess("tempo", "112", "listening", 0.7)])
    assert other == named


def test_without_librosa_a_plain_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    assert listener() is None
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, np.random.RandomState(len(name)).uniform(-0.3, 0.3, 4000), RATE_HZ)
    result = CliRunner().invoke(app, ["scan", str(tmp_path)])
    assert result.exit_code == 0
    assert result.output.count("pip install 'amos[analysis]'") == 1
    (tmp_path / "stems.csv").unlink()
    assert json.loads(CliRunner().invoke(app, ["scan", str(tmp_path), "--json"]).stdout)["listened"] is False


def played(chords: tuple[tuple[int, ...], ...], bpm: float) -> np.ndarray:
    """A bar of each chord, struck on each beat with its harmonics, float64 of shape (frames, 1)."""
    frames = round(len(chords) * 240 / bpm * RATE_HZ)
    wave = np.zeros(2 * frames)
    for beat in range(4 * len(chords)):
        start = round(beat * 60 / bpm * RATE_HZ)
        age = np.arange(RATE_HZ) / RATE_HZ
        for note in (*chords[beat // 4], chords[beat // 4][0] - 12):
            hz = 440 * 2 ** ((note - 69) / 12)
            tone = sum(np.sin(2 * np.pi * hz * over * age) / over**1.5 for over in range(1, 6))
            wave[start : start + RATE_HZ] += tone * np.exp(-4 * age) * np.minimum(1, age * 200)
    wave = wave[:frames] + wave[frames:]
    return 0.5 * (wave / np.abs(wave).max())[:, None]


@needs_librosa
@pytest.mark.parametrize("key", CHORDS)
@pytest.mark.parametrize("bpm", [84, 96.7, 124])
def test_chords_in_time_are_heard(key: str, bpm: float) -> None:
    hear = listener()
    assert hear is not None
    said = {guess.field: guess for guess in hear(to_int24(played(CHORDS[key], bpm).astype(np.float32)), RATE_HZ)}
    assert said["key"].text == key
    assert float(said["tempo"].text) == pytest.approx(bpm, rel=1e-3)
    assert all(guess.source == "listening" for guess in said.values())


@needs_librosa
def test_noise_silence_and_what_is_short_say_nothing() -> None:
    hear = listener()
    assert hear is not None
    noise = np.random.RandomState(1).uniform(-0.3, 0.3, (8 * RATE_HZ, 2)).astype(np.float32)
    for samples in (noise, noise * 0, noise[: RATE_HZ // 4], noise[:1]):
        assert hear(to_int24(samples), RATE_HZ) == []


@needs_librosa
def test_a_scan_states_what_it_heard_and_says_that_it_did(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", played(CHORDS["G major"], 96.7), RATE_HZ, subtype="PCM_24")
    told = json.loads(CliRunner().invoke(app, ["scan", str(tmp_path), "--json"]).stdout)
    guesses = told["added"][0]["guesses"]
    assert told["listened"] is True and guesses["tempo"]["source"] == "listening"
    assert (guesses["key"]["text"], guesses["beats"]["text"]) == ("G major", "16")
    assert "tempo 96.7 from listening (0.7" in (tmp_path / "stems.csv").read_text()
