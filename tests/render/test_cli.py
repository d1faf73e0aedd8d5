"""`amos render` and `amos provenance`, as a person types them."""

import os
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from amos.crypto import public_key
from amos_tools.cli import app
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault

PUBLISHER = public_key(bytes(range(32))).hex()


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def render(pack: Path, out: Path, *arguments: object) -> tuple[int, str]:
    return run("render", pack, "--length", "3s", "-o", out, "--publisher-key", PUBLISHER, *arguments)


def test_render_then_check(pack_folder: Path, tmp_path: Path) -> None:
    out, inputs = tmp_path / "out.wav", tmp_path / "inputs.jsonl"
    inputs.write_text('{"time": "1s", "kind": "intensity", "value": 1}\n')
    code, text = render(pack_folder, out, "--seed", 7, "--hit", "1.5s=crest", "--input", inputs)
    assert code == 0 and "66150 frames at 22050 Hz" in text
    assert soundfile.info(out).frames == 66_150
    code, text = run("provenance", out, "--pack", pack_folder)
    assert code == 0, text
    for word in ("promo & <co>", "serial 3", "1 inputs, 1 hits", "Haze <", "GBABC24", "the same samples and stems"):
        assert word in text
    data = bytearray(out.read_bytes())
    data[5000] ^= 1
    out.write_bytes(data)
    code, text = run("provenance", out, "--pack", pack_folder, "--publisher-key", PUBLISHER)
    assert code == 1 and "first difference: frame " in text
    code, text = run("provenance", out)
    assert code == 1 and "first difference: samples" in text


def test_a_piece_of_the_script(pack_folder: Path, tmp_path: Path) -> None:
    def rendered(name: str, *words: str) -> tuple[int, str]:
        return run("render", pack_folder, "-o", tmp_path / name, "--publisher-key", PUBLISHER, *words)

    code, text = rendered("piece.wav", "--piece", "jingle")
    assert code == 0 and "88200 frames at 22050 Hz" in text
    assert rendered("same.wav", "--length", "4s", "--fade", "500ms", "--hit", "2s=crest")[0] == 0
    samples = [soundfile.read(tmp_path / name, dtype="int16")[0] for name in ("piece.wav", "same.wav")]
    assert samples[0].any() and (samples[0] == samples[1]).all()
    code, text = rendered("none.wav", "--piece", "jungle")
    assert code == 1 and "piece: expected one that the script renders (“jingle”), found 'jungle'" in text
    for words in ((), ("--piece", "jingle", "--length", "3s"), ("--piece", "jingle", "--hit", "1s=crest")):
        assert rendered("none.wav", *words)[1].startswith("UsageError: expected --length")


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("--hit", "1s=none"), 1, "HitRefused: hit: expected TIME=SECTION with one of drift, bloom, crest"),
        (("--hit", "9s=crest"), 1, "HitRefused: hit at frame 198450: expected within"),
        (("--length", "3"), 2, "DurationError"),
        (("--length", "1ms"), 2, "DurationError: length: expected whole frames"),
        (("--length", "9h"), 1, "BadLength"),
        (("--seed", "x"), 2, "SeedError"),
        (("--publisher-key", "00"), 2, "publisher-key: expected a public key of 64 hex digits"),
        (("--publisher-key", "00" * 32), 1, "SignatureError"),
    ],
)
def test_refusals(pack_folder: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, expected: str) -> None:
    found, text = render(pack_folder, tmp_path / "out.wav", *arguments)
    assert found == code and expected in text.replace("\n", " ")
    assert not list(tmp_path.iterdir())


def test_a_pack_whose_lease_has_ended_is_refused(vault: Vault, script: str, tmp_path: Path) -> None:
    build_pack(
        compile_script(script, vault.stems()),
        vault,
        tmp_path / "pack",
        publisher_seed=bytes(range(32)),
        serial=1,
        board_class="linux",
        lease_end_unix_s=1_000_000,
    )
    code, text = render(tmp_path / "pack", tmp_path / "out.wav")
    assert code == 1 and "LeaseOver" in text


def test_a_file_without_provenance_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.wav").write_bytes(b"RIFF")
    code, text = run("provenance", tmp_path / "none.wav")
    assert code == 1 and "NoProvenance" in text


def test_what_a_render_may_write_over(pack_folder: Path, tmp_path: Path) -> None:
    def rendered(out: Path, *words: str) -> tuple[int, str]:
        return run("render", pack_folder, "-o", out, "--publisher-key", PUBLISHER, "--length", "1s", *words)

    out, link, fifo = tmp_path / "a.wav", tmp_path / "link.wav", tmp_path / "fifo.wav"
    out.write_bytes(b"a mix of mine")
    code, text = rendered(out)
    assert code == 1 and "--force" in text and out.read_bytes() == b"a mix of mine"
    assert rendered(out, "--force")[0] == 0 and rendered(out, "--seed", "2")[0] == 0
    link.symlink_to(out)
    before = out.read_bytes()
    assert rendered(link)[0] == 0 and link.is_symlink() and out.read_bytes() != before
    os.mkfifo(fifo)
    code, text = rendered(fifo, "--force")
    assert code == 1 and "found a FIFO" in text and fifo.is_fifo()
    assert "found a device" in rendered(Path("/dev/null"), "--force")[1]
