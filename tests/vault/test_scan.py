"""A sheet of what names and chunks say, that never writes over what a person stated."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from amos_tools.vault.cli import app
from amos_tools.vault.errors import MissingFacts
from amos_tools.vault.hints_in_file import guesses_of_chunks, guesses_of_name
from amos_tools.vault.sidecar import read_sheet

RATE_HZ = 44_100


def run(*arguments: str | Path) -> Result:
    """The command's result; an exception other than a clean exit fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def loop(path: Path, seconds: float, *added: tuple[bytes, bytes]) -> Path:
    """A WAV of so many seconds with these chunks behind its audio."""
    path.parent.mkdir(parents=True, exist_ok=True)
    at = np.arange(round(seconds * RATE_HZ))
    soundfile.write(path, 0.2 * np.sin(at * (2 * np.pi * 220 / RATE_HZ)), RATE_HZ)
    data = path.read_bytes() + b"".join(name + struct.pack("<I", len(body)) + body for name, body in added)
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return path


def acid(kind: int, beats: int, tempo: float) -> tuple[bytes, bytes]:
    return b"acid", struct.pack("<IHHfIHHf", kind, 60, 0, 0, beats, 4, 4, tempo)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("097bpm_Dm.wav", {"tempo": "97", "key": "D minor"}),
        ("Warm Pad - 120 BPM - F# major.wav", {"tempo": "120", "key": "F# major", "role": "pads"}),
        ("bpm84.5 Bbmin 16 beats bass.wav", {"tempo": "84.5", "key": "Bb minor", "beats": "16", "role": "bass"}),
        ("take 3.wav", {}),
        ("Amazing.wav", {}),
        ("1097bpm.wav", {}),
        ("kick and bass.wav", {}),
    ],
)
def test_names(name: str, said: dict[str, str]) -> None:
    assert {guess.field: guess.text for guess in guesses_of_name(Path("stems") / name)} == said


def test_a_folder_s_name_says_a_role() -> None:
    assert [(guess.field, guess.text) for guess in guesses_of_name(Path("Drums/take 3.wav"))] == [("role", "beats")]


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        (acid(0, 16, 97), {"tempo": "97", "beats": "16"}),
        (acid(1, 0, 120), {"role": "fx"}),
        (acid(0, 0, float("nan")), {}),
        ((b"acid", b"short"), {}),
        (
            (b"iXML", b"<BWFXML><KEY>Dmin</KEY><TEMPO>96.7</TEMPO><BEATS>0</BEATS></BWFXML>"),
            {"key": "D minor", "tempo": "96.7"},
        ),
        ((b"smpl", struct.pack("<9I", 0, 0, 22675, 60, 0, 0, 0, 1, 0) + bytes(24)), {"loop": "yes"}),
        ((b"smpl", bytes(36)), {}),
    ],
)
def test_chunks(tmp_path: Path, chunk: tuple[bytes, bytes], said: dict[str, str]) -> None:
    path = loop(tmp_path / "a.wav", 0.1, chunk)
    assert {guess.field: guess.text for guess in guesses_of_chunks(path)} == said


def test_a_scan_guesses_beats_from_length_and_says_how_sure_it_is(tmp_path: Path) -> None:
    loop(tmp_path / "pads" / "haze_120bpm_Dm.wav", 8.0, acid(0, 16, 120))
    loop(tmp_path / "odd_120bpm.wav", 7.7)
    told = json.loads(run("scan", tmp_path, "--json").output)
    odd, haze = told["added"]
    assert haze["file"] == "pads/haze_120bpm_Dm.wav" and haze["guesses"]["beats"]["text"] == "16"
    assert haze["guesses"]["tempo"]["confidence"] > odd["guesses"]["tempo"]["confidence"] > 0.5
    assert "beats" not in odd["guesses"] and abs(odd["loudness_mlufs"] + 17_000) < 1_000
    assert (
        "# " in (tmp_path / "stems.csv").read_text() and "from its name (0.90)" in (tmp_path / "stems.csv").read_text()
    )


def test_a_file_whose_name_begins_as_a_comment_is_no_comment(tmp_path: Path) -> None:
    loop(tmp_path / "#1 kick_120bpm.wav", 0.5)
    loop(tmp_path / "#drums" / "kick_120bpm.wav", 0.5)
    (tmp_path / "stems.csv").touch()
    assert "2 rows added" in run("scan", tmp_path).output
    assert "0 rows added" in run("scan", tmp_path).output
    for name in ("#1 kick_120bpm.wav", "#drums/kick_120bpm.wav"):
        with pytest.raises(MissingFacts, match="artist"):  # the row is found, and waits for a person
            read_sheet(tmp_path / "stems.csv").facts_for(tmp_path / name, tmp_path)


def test_consent_and_splits_are_never_guessed(tmp_path: Path) -> None:
    loop(tmp_path / "in" / "pad_120bpm.wav", 1.0)
    assert run("scan", tmp_path / "in").exit_code == 0
    run("init", tmp_path / "vault")
    result = run("import", tmp_path / "vault", tmp_path / "in", "--sidecar", tmp_path / "in" / "stems.csv")
    assert result.exit_code == 1 and "MissingFacts" in result.output


@pytest.mark.parametrize("separator", [",", ";"])
def test_what_a_person_wrote_stays_to_the_byte(tmp_path: Path, separator: str) -> None:
    for name in ("a_90bpm.wav", "b_90bpm.wav", "c_90bpm.wav"):
        loop(tmp_path / name, 1.0)
    (tmp_path / "c_90bpm.json").write_text("{}")
    header = "file,title,mood,artist,splits,role,opt_in,tempo".replace(",", separator)
    row = "a_90bpm.wav,Mine,dusk,Ilse,ilse=1000000,pads,yes,".replace(",", separator)
    written = f"\ufeff# of June\r\n{header}\r\n{row}".encode()
    (tmp_path / "stems.csv").write_bytes(written)
    assert "1 rows added, 2 files stated already" in run("scan", tmp_path).output
    after = (tmp_path / "stems.csv").read_bytes()
    assert after.startswith(written) and b"c_90bpm" not in after
    assert read_sheet(tmp_path / "stems.csv").facts_for(tmp_path / "a_90bpm.wav", tmp_path).tempo_mbpm is None
    assert after.splitlines()[-1].decode().split(separator)[-1] == "90"
    assert "0 rows added" in run("scan", tmp_path).output and (tmp_path / "stems.csv").read_bytes() == after


def test_what_cannot_be_read_is_named_and_nothing_is_no_success(tmp_path: Path) -> None:
    assert run("scan", tmp_path).output.startswith("NothingUsable: ")
    (tmp_path / "bad.wav").write_bytes(b"RIFFnonsense" * 30)
    loop(tmp_path / "good.wav", 0.5)
    result = run("scan", tmp_path)
    assert result.exit_code == 1 and "UnreadableAudio" in result.output and "1 rows added" in result.output
