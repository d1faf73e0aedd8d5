"""Text that people write or that a file system gives: composed or not, with a byte order mark, or no text at all."""

import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from amos.crypto import public_key
from amos_cli.text import TextFault, decode_text
from amos_tools.cli import app

ARTIST = "Zoë Ångström"
FACTS = {"title": "Über", "artist": ARTIST, "splits": {"zoe": "1000000"}, "role": "pads", "opt_in": True}
BOM = "\ufeff"


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """An empty vault, and `in/Möwe.wav` beside it."""
    (tmp_path / "in").mkdir()
    noise = np.random.RandomState(1).randint(-900, 900, 4000).astype(np.int16)
    soundfile.write(tmp_path / "in" / "Möwe.wav", noise, 44_100)
    run("vault", "init", tmp_path / "vault")
    return tmp_path / "vault"


def test_a_decomposed_name_is_the_same_name(vault: Path) -> None:
    folder = vault.parent / "in"
    (folder / nfd("Möwe.json")).write_text(BOM + json.dumps(FACTS | {"artist": nfd(ARTIST)}))
    assert run("vault", "import", vault, folder).output == "1 imported, 0 refused\n"
    listed = json.loads(run("vault", "list", vault, "--json").stdout)["stems"]
    assert [stem["artist"] for stem in listed] == [ARTIST]
    script = vault.parent / "a.aimi"
    text = f'{BOM}experience "x"\npool warm = artist "{nfd(ARTIST)}"\nsection one\n  play pads from warm\n'
    script.write_text(text)
    assert "no stem" not in run("script", "check", script, "--vault", vault).output
    ended = run("vault", "optout", vault, "--artist", nfd(ARTIST))
    assert ended.exit_code == 0 and "opted out: Über" in ended.output
    refused = run("vault", "optout", vault, "--artist", "Zoe Angstrom")
    assert refused.exit_code == 1 and f"such as {ARTIST}" in refused.output


def test_a_row_of_a_sheet_finds_its_file_and_says_the_nearest(vault: Path) -> None:
    folder = vault.parent / "in"
    sheet = folder / "stems.csv"
    head = "file,title,artist,splits,role,opt_in\n"
    sheet.write_text(BOM + head + nfd("Möwe.wav") + f",Über,{ARTIST},zoe=1000000,pads,yes\n")
    assert run("vault", "import", vault, folder, "--sidecar", sheet).output == "1 imported, 0 refused\n"
    sheet.write_text(head + f"Möve.wav,Über,{ARTIST},zoe=1000000,pads,yes\n")
    assert "the nearest is Möve.wav" in run("vault", "import", vault, folder, "--sidecar", sheet).output
    sheet.write_text(head.replace("artist", "artits"))
    refused = run("vault", "import", vault, folder, "--sidecar", sheet).output
    assert "header in line 1" in refused and "the nearest is artist" in refused
    sheet.write_bytes(head.encode() + b"a.wav,\xff")
    assert (
        "line 2, column 7: expected UTF-8 text, found byte 0xff"
        in run("vault", "import", vault, folder, "--sidecar", sheet).output
    )
    sheet.write_text(head + 'a.wav,"cut')
    assert "in line 2" in run("vault", "import", vault, folder, "--sidecar", sheet).output
    sheet.write_text("")
    assert "the column file, found nothing" in run("vault", "import", vault, folder, "--sidecar", sheet).output


def test_a_role_that_nearly_is_one(vault: Path) -> None:
    folder = vault.parent / "in"
    (folder / "Möwe.json").write_text(json.dumps(FACTS | {"role": "pad"}))
    refused = json.loads(run("vault", "import", vault, folder, "--json").stdout)["refused"]
    assert [(one["name"], one["found"]) for one in refused] == [("UnknownRole", "pad")]
    assert refused[0]["expected"].endswith("the nearest is pads")


@pytest.mark.parametrize(("data", "place"), [(b"\xff", "line 1, column 1"), (b"a\nb\xc3\xa9\xff", "line 2, column 3")])
def test_what_is_no_text_has_a_place(data: bytes, place: str) -> None:
    with pytest.raises(TextFault, match=place):
        decode_text(data)
    with pytest.raises(TextFault, match=place):
        decode_text(b"\xef\xbb\xbf" + data)


def test_a_key_file_is_bytes_or_digits_and_nothing_is_advised_to_go(tmp_path: Path) -> None:
    file = tmp_path / "a.key"
    made = run("key", file)
    assert made.exit_code == 0 and file.stat().st_size == 32
    seed = file.read_bytes()
    for text in (seed.hex(), seed.hex().upper() + "\r\n", BOM + seed.hex()):
        file.write_text(text, newline="")
        assert run("key", file).output == made.output == public_key(seed).hex() + "\n"
    for data in (b"", b"notes of mine", b"0" * 63, b"ab " * 21 + b"a"):
        file.write_bytes(data)
        refused = run("key", file)
        assert refused.exit_code == 1 and "expected 32 bytes or 64 hex digits" in refused.output
        assert "remove" not in refused.output and file.read_bytes() == data


def test_a_key_that_others_can_read_and_a_name_that_is_no_file_are_said(tmp_path: Path) -> None:
    file = tmp_path / "a.key"
    assert run("key", file).stderr == ""
    file.chmod(0o644)
    shown = run("key", file)
    assert shown.exit_code == 0 and shown.stderr == (
        f"warning: {file} can be read by others than its owner: chmod 600 {file}\n"
    )
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # opening it would wait for whoever writes
    link = tmp_path / "link"
    link.symlink_to("nothing")
    for path, code, said in (
        (pipe, 1, "expected a file, found something else"),
        (tmp_path / "no" / "b.key", 2, "expected a folder"),
        (link, 2, "expected a file or a free name, found a link to nothing, where no file is"),
        (tmp_path, 2, "is a directory"),
    ):
        refused = run("key", path)
        assert refused.exit_code == code and said in refused.stderr and ".new" not in refused.stderr
