"""Files as other programs write them: each kind that the vault reads is imported, and each that it does not is named.

`kept/formats` has a chime of 440 Hz (and 660 Hz on the right side) by SoX, oggenc, opusenc, LAME and WavPack, with what
these add of their own: tags, paddings, other heads.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from amos_tools.vault import StatedFacts, Vault, errors
from amos_tools.vault.audio import to_float
from amos_tools.vault.batch import import_paths

FORMATS = Path(__file__).parent / "kept" / "formats"
ROW = "T,Ilse Maren,ilse=1000000,fx,yes"
SHORT_S, LONG_S = 3308 / 22_050, 0.4
HEARD = {
    "sox.aiff": (1, SHORT_S, 1e-4),
    "sox.aifc": (1, SHORT_S, 1e-4),
    "sox-32.wav": (1, SHORT_S, 1e-6),
    "sox-float.wav": (1, SHORT_S, 1e-6),
    "oggenc.ogg": (2, LONG_S, 0.02),
    "opusenc.opus": (2, LONG_S, 0.02),
    "lame.mp3": (2, LONG_S, 0.02),
}
"""Name → channels, seconds, and the largest error (root of the mean of squares) that its encoding may make."""
UNREAD = {"sox.au": errors.UnsupportedFormat, "wavpack.wv": errors.UnreadableAudio}


def chime(frames: int, channels: int, rate_hz: int) -> np.ndarray:
    """What was encoded, float64 of shape (frames, channels)."""
    at = np.arange(frames) / rate_hz
    sides = [0.5 * np.sin(2 * np.pi * hz * at) for hz in (440, 660)[:channels]]
    return np.stack(sides, axis=1) * (np.minimum(1, at * 200) * np.exp(-at * 3))[:, None]


@pytest.mark.parametrize("name", HEARD)
def test_each_kind_is_imported_as_long_and_as_it_sounds(tmp_path: Path, vault: Vault, name: str) -> None:
    channels, seconds, error_max = HEARD[name]
    (tmp_path / "stems.csv").write_text(f"file,title,artist,splits,role,opt_in\n{name},{ROW}\n")
    report = import_paths(vault, [FORMATS / name], tmp_path / "stems.csv")
    assert report.refused == () and [finding.name for finding in report.warned] == []
    (stem,) = report.imported
    heard = to_float(vault.audio(stem))
    assert stem.channels == channels and abs(stem.frames - seconds * 44_100) <= 1, "no padding of an encoder stays"
    inner = slice(400, -400)  # at its ends a resampler and an encoder ring
    off = heard[inner] - chime(len(heard), channels, 44_100)[inner]
    assert np.sqrt(np.mean(off**2)) < error_max


def test_a_little_endian_aiff_is_imported(tmp_path: Path, vault: Vault, facts: StatedFacts) -> None:
    soundfile.write(
        tmp_path / "a.aif", chime(4000, 2, 44_100), 44_100, subtype="PCM_24", endian="LITTLE", format="AIFF"
    )
    stem = vault.import_file(tmp_path / "a.aif", facts)
    assert np.abs(to_float(vault.audio(stem)) - chime(4000, 2, 44_100)).max() < 1e-6


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_is_named_also_under_another_name(
    tmp_path: Path, vault: Vault, facts: StatedFacts, name: str
) -> None:
    shutil.copy(FORMATS / name, tmp_path / "take.wav")
    with pytest.raises(UNREAD[name]) as caught:
        vault.import_file(tmp_path / "take.wav", facts)
    assert "WAV, FLAC, AIFF, OGG, Opus or MP3" in str(caught.value)
    (tmp_path / "take.wav").rename(tmp_path / name)
    (refused, nothing) = import_paths(vault, [tmp_path], None).refused
    assert isinstance(refused, errors.UnsupportedFormat) and refused.file == str(tmp_path / name)
    assert isinstance(nothing, errors.NothingUsable)
