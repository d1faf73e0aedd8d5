"""The vault refuses what says that the engine made it, in every container that carries the mark along."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from amos.crypto import public_key
from amos.packs.folder import PackFolder
from amos_tools.cli import app
from amos_tools.render.make import render_file
from amos_tools.render.marks import MARK, carries_mark
from amos_tools.render.plan import Plan
from amos_tools.stems import Split
from amos_tools.vault import StatedFacts, Vault
from amos_tools.vault.errors import EngineOutput

FACTS = StatedFacts("Promo", "Somebody", (Split("somebody", 1_000_000),), "pads", True)


@pytest.fixture
def rendered(pack: PackFolder, plan: Plan, tmp_path: Path) -> Path:
    """A rendered file."""
    render_file(pack, public_key(bytes(range(32))), plan, tmp_path / "promo.wav", 0)
    return tmp_path / "promo.wav"


@pytest.fixture
def target(tmp_path: Path) -> Vault:
    """An empty vault."""
    return Vault.init(tmp_path / "vault", 22_050)


def test_the_engines_output_is_refused_by_name(rendered: Path, target: Vault) -> None:
    with pytest.raises(EngineOutput, match=r"promo\.wav: origin: expected a recording by people"):
        target.import_file(rendered, FACTS)
    assert target.stems() == []


def test_the_command_line_says_so(rendered: Path, target: Vault) -> None:
    sidecar = '{"title": "Promo", "artist": "Somebody", "splits": "somebody=1000000", "role": "pads", "opt_in": "yes"}'
    rendered.with_suffix(".json").write_text(sidecar)
    result = CliRunner().invoke(app, ["vault", "import", str(target.path), str(rendered)])
    assert result.exit_code == 1 and "EngineOutput" in result.output and "0 imported, 1 refused" in result.output


def _flac(path: Path, block: bytes) -> None:
    """A FLAC file with one more metadata block, of type application."""
    soundfile.write(path, np.zeros((1000, 2), np.int16), 22_050, format="FLAC")
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\x02" + len(block).to_bytes(3, "big") + block + data[4:])


def _riff(path: Path, form: bytes, order: str, kind: bytes) -> None:
    body = kind + b"note" + struct.pack(order + "I", len(MARK)) + MARK.encode()
    path.write_bytes(form + struct.pack(order + "I", len(body)) + body)


def test_other_containers_that_carry_it_are_found(tmp_path: Path) -> None:
    path = tmp_path / "x"
    _flac(path, b"riffbext" + MARK.encode())
    assert carries_mark(path)
    for form, order, kind in ((b"RIFX", ">", b"WAVE"), (b"FORM", ">", b"AIFF"), (b"RF64", "<", b"WAVE")):
        _riff(path, form, order, kind)
        assert carries_mark(path), form
    path.write_bytes(b"OggS" + bytes(60) + MARK.encode())
    assert carries_mark(path)


def test_the_mark_counts_in_metadata_only(tmp_path: Path) -> None:
    """Sixteen bytes of audio that happen to spell it prove nothing."""
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF" + bytes(4) + b"WAVEdata" + struct.pack("<I", len(MARK)) + MARK.encode())
    assert not carries_mark(path)
    assert not carries_mark(tmp_path / "none")


def test_a_conversion_that_drops_metadata_drops_the_mark(rendered: Path, target: Vault, tmp_path: Path) -> None:
    """The stated limit: such a file cannot be told from a recording."""
    bare = tmp_path / "bare.flac"
    soundfile.write(bare, *soundfile.read(rendered, dtype="int16"))
    assert target.import_file(bare, FACTS).frames == 5 * 22_050 + 17
