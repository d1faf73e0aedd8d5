"""Facts that are not so: each planted fault is named, and music without one is not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from amos_tools.vault import ImportReport, StatedFacts, Vault, errors
from amos_tools.vault.batch import import_paths

RATE_HZ = 44_100
LOOP_S = 4.0  # 8 beats at 120
FAULTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "LengthNotBeats": lambda good: np.concatenate((good, good[: round(0.65 * RATE_HZ)])),
    "OverFullScale": lambda good: good * (1.7 / np.abs(good).max()),
    "Clipped": lambda good: np.clip(good * 5, -1, 1),
    "CancelsInMono": lambda good: good * [1, -1],
    "OneSideSilent": lambda good: good * [1, 0],
    "LeadingSilence": lambda good: np.concatenate((np.zeros((RATE_HZ, 2)), good[RATE_HZ:])),
    "MostlySilent": lambda good: np.concatenate((good[: len(good) // 4], np.zeros((len(good) * 3 // 4, 2)))),
    "Offset": lambda good: good + 0.16,
    "FadedEnds": lambda good: good * np.minimum(1, 1 - np.abs(np.linspace(-1, 1, len(good)))[:, None]) ** 2,
}


def loop() -> np.ndarray:
    """A bar of notes, float64 of shape (frames, 2): nothing is wrong with it."""
    at = np.arange(round(LOOP_S * RATE_HZ)) / RATE_HZ
    tone = np.sin(2 * np.pi * 220 * at) * np.exp(-(at % 0.5) * 3) * np.minimum(1, (at % 0.5) * 100)
    return np.stack((tone * 0.4, tone * 0.3), axis=1)


@pytest.fixture
def stated(facts: StatedFacts) -> StatedFacts:
    return replace(facts, tempo_mbpm=120_000, beats=8)


def taken(vault: Vault, path: Path, wave: np.ndarray, facts: StatedFacts, subtype: str = "FLOAT") -> ImportReport:
    soundfile.write(path, wave, RATE_HZ, subtype=subtype)
    return vault.import_files([(path, facts)])


def test_a_good_loop_is_taken_without_a_word(tmp_path: Path, vault: Vault, stated: StatedFacts) -> None:
    report = taken(vault, tmp_path / "a.wav", loop(), stated)
    assert len(report.imported) == 1 and report.refused == report.warned == ()


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_with_its_file(tmp_path: Path, vault: Vault, stated: StatedFacts, name: str) -> None:
    path = tmp_path / "bad.wav"
    report = taken(vault, path, FAULTS[name](loop()), stated)
    assert len(report.imported) == 1 and not report.refused
    assert [(finding.name, finding.file) for finding in report.warned] == [(name, str(path))]
    assert report.warned[0].expected and report.warned[0].found


def test_silence_is_what_is_far_below_the_files_own_peak(tmp_path: Path, vault: Vault, stated: StatedFacts) -> None:
    soft = taken(vault, tmp_path / "soft.wav", loop() * 0.001, stated)
    assert soft.imported and not soft.warned
    hiss = np.random.RandomState(1).uniform(-1, 1, loop().shape) * 10 ** (-69 / 20)
    hiss[: len(hiss) // 4] = loop()[: len(hiss) // 4]
    noisy = taken(vault, tmp_path / "noisy.wav", hiss, stated)
    assert [(finding.name, finding.found) for finding in noisy.warned] == [("MostlySilent", "silence in 75 %")]


def test_few_bits_are_named(tmp_path: Path, vault: Vault, stated: StatedFacts) -> None:
    report = taken(vault, tmp_path / "a.wav", loop(), stated, "PCM_U8")
    assert ("FewBits", "PCM_U8") in [(finding.name, finding.found) for finding in report.warned]


def test_what_is_over_full_scale_is_softer_and_not_clipped(tmp_path: Path, vault: Vault, stated: StatedFacts) -> None:
    report = taken(vault, tmp_path / "a.wav", FAULTS["OverFullScale"](loop()), stated)
    kept = vault.audio(report.imported[0]) / 2**31
    wanted = loop() / np.abs(loop()).max()
    assert np.abs(kept - wanted).max() < 1e-6
    assert "4.6 dB softer" in report.warned[0].found


@pytest.mark.parametrize(
    "wave", [np.zeros((9000, 2)), np.full((9000, 2), 0.1), np.random.RandomState(1).uniform(-1, 1, (9000, 1)) / 32768]
)
def test_silence_throughout_is_refused(tmp_path: Path, vault: Vault, stated: StatedFacts, wave: np.ndarray) -> None:
    report = taken(vault, tmp_path / "a.wav", wave, stated)
    assert [type(error) for error in report.refused] == [errors.SilentAudio]
    assert vault.stems() == []


def test_a_room_is_no_silence(tmp_path: Path, vault: Vault, stated: StatedFacts) -> None:
    room = np.random.RandomState(2).normal(0, 10 ** (-66 / 20), (RATE_HZ, 1))
    report = taken(vault, tmp_path / "a.wav", room, replace(stated, tempo_mbpm=None, beats=None))
    assert len(report.imported) == 1 and report.warned == ()


def test_half_a_percent_is_no_finding_and_more_is(tmp_path: Path, vault: Vault, stated: StatedFacts) -> None:
    for tempo, names in ((120_500, []), (120_700, ["LengthNotBeats"])):
        report = taken(vault, tmp_path / "a.wav", loop(), replace(stated, tempo_mbpm=tempo))
        assert [finding.name for finding in report.warned] == names
    assert "8 beats at 120.00 bpm" in report.warned[0].found


def test_the_same_audio_under_two_names_is_named(tmp_path: Path, vault: Vault, stated: StatedFacts) -> None:
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, loop(), RATE_HZ, subtype="PCM_24")
    report = vault.import_files([(tmp_path / "a.wav", stated), (tmp_path / "b.wav", stated)])
    assert [(finding.name, Path(finding.file).name) for finding in report.warned] == [("SameAudio", "b.wav")]
    assert "a.wav" in report.warned[0].found
    again = vault.import_files([(tmp_path / "a.wav", stated)])
    assert again.warned == (), "the same facts again are no second name"
    renamed = vault.import_files([(tmp_path / "b.wav", replace(stated, title="Haven"))])
    assert [finding.name for finding in renamed.warned] == ["SameAudio"] and "'Harbour'" in renamed.warned[0].found


def test_a_folder_names_what_it_cannot_read_and_is_no_success_without_any(tmp_path: Path, vault: Vault) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "notes.txt").write_text("none")
    report = import_paths(vault, [folder], None)
    assert [(type(error), error.file) for error in report.refused] == [(errors.NothingUsable, str(folder))]
    (folder / "take.m4a").write_bytes(b"\0" * 100)
    report = import_paths(vault, [folder], None)
    assert [type(error) for error in report.refused] == [errors.UnsupportedFormat, errors.NothingUsable]
    assert report.refused[0].file == str(folder / "take.m4a")
