"""One score, one seed, one PCM: the whole player on CPython with NumPy, MicroPython x86-64 and MicroPython armhf; with
stereo and mono stems, of both codecs, a gain that moves, and layers that are darker, wider and to one side."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amos import crypto
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal
from amos.protocol.segment import Usage
from amos.protocol.usage_reader import open_usage
from amos_tools.device.run import micropython_environment
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.stems import ROLES
from amos_tools.vault import Vault, parse_facts

RATE_HZ = 22050
SEED, PUBLISHER = b"d" * 32, b"p" * 32
SCRIPT = """
experience "six roles" seed device
clock 22050 tempo 90 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 12
pool haze = stems where role pads
pool low = stems where role bass
pool kit = stems where role beats
section loud 2..3 bars
  play pads from haze count 2 fade 1 beat pan left 40 % lowpass 500 Hz
  play beats from kit every 1 bars chance 0.7
  next loud 1, soft 1
section soft 2 bars
  play pads from haze gain -12..-6 dB over 6 beats
  play bass from low enter bar 2 width 150 %
  next loud 2, soft 1
transition any -> any at bar fade 1 bars power
"""


@pytest.fixture(scope="module", params=["pcm16", "qoa"])
def pack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed pack of nine stems: tones and noise, stereo and mono, of odd lengths."""
    folder = tmp_path_factory.mktemp("pack")
    noise = np.random.RandomState(7)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(9):
            role = ("pads", "bass", "beats")[number % 3]
            assert role in ROLES
            frames = RATE_HZ * (1 + number) // 2 + number
            samples = noise.randint(-12000, 12000, (frames, 1 + number % 2)).astype("int16")
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": role, "opt_in": "yes"}
            vault.import_samples(samples, parse_facts("noise", told))
        compiled = compile_script(SCRIPT, vault.stems())
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        build_pack(compiled, vault, folder / "pack", codec=request.param, **terms)  # type: ignore[arg-type]
    return folder / "pack"


def play(command: list[str], pack: Path, folder: Path, block_frames: int) -> tuple[bytes, list[Usage]]:
    """One minute by a process of its own, always the same device and session: the WAV's bytes and the segments."""
    folder.mkdir()
    (folder / "device.key").write_bytes(SEED)
    settings = {"pack": str(pack), "publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": "00" * 32}
    settings |= {"pace": "free", "tier": 255, "linger": "no", "out": f"wav:{folder}/out.wav"}
    (folder / "player.json").write_text(json.dumps(settings | {"minutes": 1, "block_frames": block_frames}))
    run = subprocess.run([*command, "-m", "amos", str(folder)], env=micropython_environment(), capture_output=True)
    assert run.returncode == 0, run.stderr + run.stdout
    store = FileSectorDevice(str(folder / "journal.ring"), 1 << 23)
    journal = Journal(store, bytes(8))
    public = crypto.public_key(SEED)
    segments = [journal.read(number, 0, 1 << 16) for number in sorted(journal.segments)]
    store.close()
    return (folder / "out.wav").read_bytes(), [open_usage(segment, public, crypto.verify) for segment in segments]


@pytest.fixture(scope="module")
def reference(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Usage]]:
    return play([sys.executable], pack, tmp_path_factory.mktemp("reference") / "player", 4096)


def check(reference: tuple[bytes, list[Usage]], found: tuple[bytes, list[Usage]]) -> None:
    """Same music, same readings; only clocks and names of the run may differ."""
    wav, segments = found
    frames = (len(reference[0]) - 44) // 4
    assert hashlib.sha256(wav[44 : 44 + frames * 4]).digest() == hashlib.sha256(reference[0][44:]).digest()
    assert [usage.pcm_sha256 for usage in segments] == [usage.pcm_sha256 for usage in reference[1]]
    assert [usage.rows() for usage in segments] == [usage.rows() for usage in reference[1]]
    assert [usage.silent_frames for usage in segments] == [usage.silent_frames for usage in reference[1]]


def test_the_reference_is_music(reference: tuple[bytes, list[Usage]]) -> None:
    wav, segments = reference
    assert len(segments) == 1 and len(segments[0].rows()) > 20
    assert segments[0].pcm_sha256 == hashlib.sha256(wav[44:]).digest()
    assert np.abs(np.frombuffer(wav[44:], "<i2").astype(int)).max() > 5000


def test_micropython(pack: Path, reference: tuple[bytes, list[Usage]], micropython: list[str], tmp_path: Path) -> None:
    check(reference, play(micropython, pack, tmp_path / "player", 4096))


def test_micropython_armhf(
    pack: Path, reference: tuple[bytes, list[Usage]], micropython_armhf: list[str], tmp_path: Path
) -> None:
    check(reference, play(micropython_armhf, pack, tmp_path / "player", 4096))


def test_another_block_size(pack: Path, reference: tuple[bytes, list[Usage]], tmp_path: Path) -> None:
    check(reference, play([sys.executable], pack, tmp_path / "player", 320))
