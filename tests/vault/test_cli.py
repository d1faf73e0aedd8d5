"""`amos vault` as an operator meets it, and a folder of real recordings."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from amos_tools.stems import ROLES
from amos_tools.vault import Vault
from amos_tools.vault.cli import app

ROLE_OF_PREFIX = {
    "ambi": "pads", "bass": "bass", "bd": "beats", "drum": "beats", "elec": "tops", "glitch": "fx", "guit": "harmony",
    "loop": "beats", "mehackit": "melody", "misc": "fx", "perc": "tops", "sn": "beats", "tabla": "tops", "vinyl": "fx",
}  # fmt: skip


def run(*arguments: str | Path) -> Result:
    """The command's result; an exception other than a clean exit fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def audio(path: Path, seed: int) -> Path:
    """A second of mono noise, different for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.RandomState(seed).randint(-900, 900, 4000).astype(np.int16), 44_100)
    return path


def test_init_import_list(tmp_path: Path, good: dict[str, str]) -> None:
    vault = tmp_path / "vault"
    assert "empty vault at 48000 Hz" in run("init", vault, "--rate", "48000").output
    audio(tmp_path / "in" / "a.wav", 1).with_suffix(".json").write_text(json.dumps(good))
    result = run("import", vault, tmp_path / "in")
    assert result.exit_code == 0 and result.output.startswith("1 imported, 0 refused, warnings of 1\n")
    assert "LengthNotBeats" in result.output
    result = run("list", vault)
    assert result.exit_code == 0
    for text in ("Harbour", "Ilse Maren", "pads", "D minor", "84", "16", "ilse-maren 70% kite-publishing 30%"):
        assert text in result.output
    assert "1 stems, 1 opted in, 0:00 at 48000 Hz" in result.output


def test_an_import_goes_on_past_bad_files_and_says_which(tmp_path: Path, good: dict[str, str]) -> None:
    vault = tmp_path / "vault"
    run("init", vault)
    inside = tmp_path / "in"
    for seed, name in enumerate(("good.wav", "sub/also.flac", "cut.wav", "unstated.wav", "split.wav")):
        audio(inside / name, seed)
    (inside / "cut.wav").write_bytes((inside / "cut.wav").read_bytes()[:500])
    (inside / "notes.txt").write_text("no audio, and not asked for")
    sheet = inside / "stems.csv"
    rows = [{"file": name, **good} for name in ("good.wav", "sub/also.flac", "cut.wav", "split.wav", "gone.wav")]
    rows[3]["splits"] = "ada=1"
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    result = run("import", vault, inside, "--sidecar", sheet)
    assert result.exit_code == 1
    assert "2 imported, 4 refused" in result.output
    for name, refusal in (
        ("cut.wav", "TruncatedAudio"),
        ("unstated.wav", "MissingFacts"),
        ("split.wav", "SplitsDoNotSum"),
        ("gone.wav", "MissingFile"),
    ):
        assert any(name in line and refusal in line for line in result.output.splitlines()), result.output
    with Vault(vault) as opened:
        assert len(opened.stems()) == 2


@pytest.mark.parametrize("command", ["import", "list"])
def test_a_folder_that_is_no_vault_is_one_sentence(tmp_path: Path, command: str) -> None:
    result = run(command, tmp_path, *([tmp_path] if command == "import" else []))
    assert result.exit_code == 1
    assert result.output.startswith("NotAVault: ") and result.output.count("\n") == 1


def test_an_unreadable_sheet_is_one_sentence(tmp_path: Path) -> None:
    run("init", tmp_path / "vault")
    (tmp_path / "stems.csv").write_text("titel\n")
    result = run("import", tmp_path / "vault", tmp_path, "--sidecar", tmp_path / "stems.csv")
    assert result.exit_code == 1
    assert result.output.startswith("BadSidecar: ") and result.output.count("\n") == 1


def test_a_folder_of_real_recordings(sonic_pi_samples: Path, tmp_path: Path) -> None:
    files = sorted(sonic_pi_samples.glob("*.flac"))
    assert len(files) == 165
    sheet = tmp_path / "samples.csv"
    with sheet.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "title", "artist", "splits", "role", "opt_in"))
        for path in files:
            prefix = path.stem.partition("_")[0]
            splits = "sonic-pi=600000;recordist=400000"
            writer.writerow((path.name, path.stem.replace("_", " "), "Sonic Pi", splits, ROLE_OF_PREFIX[prefix], "yes"))
    run("init", tmp_path / "vault")
    result = run("import", tmp_path / "vault", sonic_pi_samples, "--sidecar", sheet)
    assert result.exit_code == 0 and result.output.startswith("165 imported, 0 refused")
    with Vault(tmp_path / "vault") as vault:
        stems = vault.stems()
        assert {stem.role for stem in stems} == set(ROLES) - {"vocals"}
        heard = {stem.title: vault.audio(stem) for stem in stems}
    for path in files:
        header = soundfile.info(path)
        stem = heard[path.stem.replace("_", " ")]
        assert stem.shape == (pytest.approx(header.frames * 44_100 / header.samplerate, abs=1), header.channels)
        if header.subtype == "PCM_16" and header.samplerate == 44_100:
            assert np.array_equal(stem, soundfile.read(path, dtype="int16", always_2d=True)[0])


def test_consent_ends_for_one_stem_or_for_all_of_an_artist(tmp_path: Path, good: dict[str, str]) -> None:
    vault = tmp_path / "vault"
    run("init", vault)
    for seed, artist in enumerate(("Ilse Maren", "Tomas", "Tomas", "Noor")):
        told = good | {"title": f"piece {seed}", "artist": artist}
        audio(tmp_path / "in" / f"{seed}.wav", seed).with_suffix(".json").write_text(json.dumps(told))
    assert run("import", vault, tmp_path / "in").exit_code == 0
    with Vault(vault) as opened:
        stems = {stem.title: stem for stem in opened.stems()}
    one = stems["piece 0"].stem_id.hex()
    assert run("optout", vault, one[:8], "--artist", "Tomas").output.count("opted out: ") == 3
    with Vault(vault) as opened:
        assert [stem.title for stem in opened.stems() if stem.opt_in] == ["piece 3"]
        assert len(opened.published_stems()) == 4, "they are still owed"
    for words in ((one[:7],), ("f" * 32,), ("",), (), ("--artist", "Nobody"), (one, "x" * 8)):
        refused = run("optout", vault, *words)
        assert refused.exit_code == 1 and "NoSuchStem: " in refused.output, words
    run("import", vault, tmp_path / "in")
    with Vault(vault) as opened:
        assert all(stem.opt_in for stem in opened.stems()), "who comes back is asked again, and says so"


def test_edit_states_credits_and_list_tells_them(tmp_path: Path, good: dict[str, str]) -> None:
    vault = tmp_path / "vault"
    run("init", vault)
    audio(tmp_path / "in" / "a.wav", 1).with_suffix(".json").write_text(json.dumps(good))
    imported = json.loads(run("import", vault, tmp_path / "in", "--json").output)["imported"]
    assert (imported[0]["ai_use"], imported[0]["training"], imported[0]["composers"]) == (None, None, [])
    stem = imported[0]["stem"]
    words = ("--set", "iswc=T-034.524.680-1", "--set", "composers=Ada=141073380", "--set", "training=no")
    assert run("edit", vault, stem[:8], *words).output == f"{stem} edited: Harbour, Ilse Maren\n"
    [listed] = json.loads(run("list", vault, "--json").output)["stems"]
    assert (listed["iswc"], listed["training"], listed["ai_use"]) == ("T0345246801", False, None)
    assert listed["composers"] == [{"name": "Ada", "ipi": "00141073380"}]
    [edited] = json.loads(run("edit", vault, stem, "--set", "iswc=", "--json").output)["edited"]
    assert edited["iswc"] is None


@pytest.mark.parametrize("words", [["label"], ["=x"], ["label=a", "label=b"]])
def test_an_edit_that_says_nothing_is_an_error_of_the_command_line(tmp_path: Path, words: list[str]) -> None:
    run("init", tmp_path / "vault")
    arguments = [word for text in words for word in ("--set", text)]
    assert run("edit", tmp_path / "vault", "12345678", *arguments).exit_code == 2
