"""A sheet of what names and chunks say, that never writes over what a person stated."""

import contextlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from amos_tools.vault import Vault
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
        ("8A - 124bpm - sub.wav", {"tempo": "124", "key": "A minor", "role": "bass"}),
        ("Lead Vox 84bpm.wav", {"tempo": "84"}),
        ("vox_oohs_Am.wav", {"key": "A minor", "role": "vocals"}),
        ("pad_D_dorian.wav", {"key": "D dorian", "role": "pads"}),
        ("13B 8AM.wav", {}),
        ("take 3.wav", {}),
        ("04_beats.wav", {"role": "beats"}),
        ("12_beats.wav", {"role": "beats", "beats": "12"}),
        ("Amazing.wav", {}),
        ("1097bpm.wav", {}),
        ("kick and bass.wav", {}),
        ("DeepBass97bpm.wav", {"tempo": "97", "role": "bass"}),
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
        ((b"iXML", b"<KEY>F#</KEY><KEY>12a</KEY><KEY>?</KEY>"), {"key": "C# minor"}),
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


def test_a_file_s_number_is_not_its_beats_where_its_length_says_others(tmp_path: Path) -> None:
    loop(tmp_path / "12_beats_120bpm.wav", 8.0)
    (only,) = json.loads(run("scan", tmp_path, "--json").output)["added"]
    assert only["guesses"]["beats"]["text"] == "16" and only["guesses"]["role"]["text"] == "beats"


def test_a_file_whose_name_begins_as_a_comment_is_no_comment(tmp_path: Path) -> None:
    loop(tmp_path / "#1 kick_120bpm.wav", 0.5)
    loop(tmp_path / "#drums" / "kick_120bpm.wav", 0.5)
    (tmp_path / "stems.csv").touch()
    assert "2 rows added" in run("scan", tmp_path).output
    assert "0 rows added" in run("scan", tmp_path).output
    for name in ("#1 kick_120bpm.wav", "#drums/kick_120bpm.wav"):
        with pytest.raises(MissingFacts, match="artist"):  # the row is found, and waits for a person
            read_sheet(tmp_path / "stems.csv").facts_for(tmp_path / name)


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
    assert read_sheet(tmp_path / "stems.csv").facts_for(tmp_path / "a_90bpm.wav").tempo_mbpm is None
    assert after.splitlines()[-1].decode().split(separator)[-1] == "90"
    assert "0 rows added" in run("scan", tmp_path).output and (tmp_path / "stems.csv").read_bytes() == after


def test_what_cannot_be_read_is_named_and_nothing_is_no_success(tmp_path: Path) -> None:
    assert run("scan", tmp_path).output.startswith("NothingUsable: ")
    (tmp_path / "bad.wav").write_bytes(b"RIFFnonsense" * 30)
    loop(tmp_path / "good.wav", 0.5)
    result = run("scan", tmp_path)
    assert result.exit_code == 1 and "UnreadableAudio" in result.output and "1 rows added" in result.output


def test_a_name_that_begins_with_a_blank_is_stated_once(tmp_path: Path) -> None:
    loop(tmp_path / " kick_120bpm.wav", 0.5)
    loop(tmp_path / "kick_120bpm.wav", 0.7)
    loop(tmp_path / "hats\u00a0120bpm.wav", 0.9)
    assert "3 rows added" in run("scan", tmp_path).output
    assert "0 rows added, 3 files stated already" in run("scan", tmp_path).output


def test_a_sheet_that_says_where_its_files_are_from_itself_is_understood(tmp_path: Path) -> None:
    loop(tmp_path / "stems" / "a_90bpm.wav", 0.5)
    written = "file,title,artist,splits,role,opt_in\nstems/a_90bpm.wav,Mine,Ilse,ilse=1000000,pads,yes\n"
    (tmp_path / "stems.csv").write_text(written)
    assert "0 rows added" in run("scan", tmp_path / "stems", "--sidecar", tmp_path / "stems.csv").output
    assert (tmp_path / "stems.csv").read_text() == written


def test_a_name_that_no_sheet_can_hold_is_refused_alone(tmp_path: Path) -> None:
    loop(tmp_path / "good.wav", 0.5)
    bad = Path(os.fsdecode(os.fsencode(tmp_path) + b"/k\xfcck.wav"))
    bad.write_bytes((tmp_path / "good.wav").read_bytes())
    result = run("scan", tmp_path)
    assert result.exit_code == 1 and "1 rows added" in result.output and "BadText" in result.output


def test_what_a_mac_leaves_beside_files_is_no_audio(tmp_path: Path, vault: Vault) -> None:
    loop(tmp_path / "in" / "good.wav", 0.5).with_suffix(".json").write_text("{}")
    for name in ("._good.wav", "__MACOSX/good.wav", "__MACOSX/._take.m4a"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"\0\5\x16\7")
    result = run("scan", tmp_path / "in")
    assert result.exit_code == 0 and "1 files stated already" in result.output
    result = run("import", vault.path, tmp_path / "in")
    assert "0 imported, 1 refused" in result.output and "MissingFacts" in result.output


def test_other_audio_and_the_same_audio_twice_are_named(tmp_path: Path) -> None:
    loop(tmp_path / "kit 1" / "kick.wav", 0.5)
    loop(tmp_path / "kit 2" / "kick.wav", 0.5)
    loop(tmp_path / "kit 2" / "snare.wav", 0.7)
    (tmp_path / "take.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    result = run("scan", tmp_path, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1 and len(told["added"]) == 3
    assert [(one["name"], one["found"]) for one in told["refused"]] == [("UnsupportedFormat", ".m4a")]
    assert [(one["name"], one["file"], one["found"]) for one in told["warned"]] == [
        ("SameAudio", str(tmp_path / "kit 2" / "kick.wav"), "that of kit 1/kick.wav: one stem")
    ]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("kit 1/kick.wav", "kit 2/kick.wav", "bad.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"RIFFnonsense" * 30)
    output = run("scan", tmp_path).output
    assert "kit 1/kick.wav" in output and "kit 2/kick.wav" in output and " bad.wav" in output


def test_a_terminal_shows_how_far_it_is(tmp_path: Path, vault: Vault) -> None:
    for seconds in (0.5, 0.6):
        loop(tmp_path / "in" / f"{seconds}.wav", seconds)
    scanning = on_terminal("scan", str(tmp_path / "in"))
    assert "scanning" in scanning and "2/2" in scanning
    for path in (tmp_path / "in").glob("*.wav"):
        path.with_suffix(".json").write_text(
            '{"title":"T","artist":"A","splits":"a=1000000","role":"fx","opt_in":"no"}'
        )
    importing = on_terminal("import", str(vault.path), str(tmp_path / "in"))
    assert "importing" in importing and "2/2" in importing
    assert CliRunner().invoke(app, ["import", str(vault.path), str(tmp_path / "in")]).stderr == ""


def on_terminal(*words: str) -> str:
    """What `amos vault` with these words shows on a terminal's standard error."""
    master, slave = os.openpty()
    command = [sys.executable, "-m", "amos_tools", "vault", *words]
    shown = b""
    with subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL, env=os.environ | {"TERM": "xterm"}):
        os.close(slave)
        with contextlib.suppress(OSError):  # Linux ends a terminal so
            while part := os.read(master, 4096):
                shown += part
    os.close(master)
    return shown.decode()


def test_what_an_import_would_refuse_gets_no_row(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), RATE_HZ)
    mark = b"<BWFXML><NOTE>amos-engine-output/1</NOTE></BWFXML>"
    loop(tmp_path / "promo.wav", 0.5, (b"iXML", mark))
    loop(tmp_path / "good.wav", 0.5)
    told = json.loads(run("scan", tmp_path, "--json").stdout)
    assert [one["file"] for one in told["added"]] == ["good.wav"]
    assert sorted(one["name"] for one in told["refused"]) == ["EngineOutput", "SilentAudio"]
