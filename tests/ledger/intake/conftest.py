"""A real player's run, to forge from: three segments, of two sessions and two boots, with placements that sound on."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from player_key import give_key

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.protocol.manifest import Manifest, open_manifest
from amos.protocol.segment import TIER_RENDERER, Usage
from amos.protocol.signing import sign_manifest
from amos.protocol.usage_reader import open_usage
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

sys.path.append(str(Path(__file__).parent))

RATE_HZ, STEM_S = 22050, 8
PUBLISHER = b"p" * 32
SCRIPT = """
experience "two stems" seed device
clock 22050 tempo 60 meter 4/4 key A minor
mix target -20 LUFS peak -1 dBTP voices 3
pool low = stems where role bass
pool high = stems where role pads
section always 4 bars
  play bass from low
  play pads from high
"""


@dataclass(frozen=True)
class Run:
    """What the player played and sealed: 11 minutes, then a minute in another boot."""

    manifest: bytes
    catalogue: bytes
    usages: tuple[Usage, ...]

    @property
    def pack(self) -> Manifest:
        return open_manifest(self.manifest, crypto.public_key(PUBLISHER), crypto.verify)

    def other_pack(self) -> bytes:
        """The manifest of a pack with the same stems and score, and another serial number."""
        manifest = self.pack
        manifest.serial += 1
        publisher = crypto.key_id(crypto.public_key(PUBLISHER))
        return bytes(sign_manifest(manifest, publisher, lambda message: crypto.sign(PUBLISHER, message)))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("run")
    seconds = np.arange(STEM_S * RATE_HZ) / RATE_HZ
    vault = Vault.init(folder / "vault", rate_hz=RATE_HZ)
    for name, role, pitch_hz in (("low", "bass", 110), ("high", "pads", 440)):
        sf.write(folder / f"{name}.flac", 0.3 * np.sin(2 * np.pi * pitch_hz * seconds), RATE_HZ)
        told = {"title": name, "artist": "Ada", "splits": "ada=1000000", "role": role, "key": "A minor"}
        vault.import_file(folder / f"{name}.flac", parse_facts(f"{name}.flac", told | {"opt_in": "yes"}))
    compiled = compile_script(SCRIPT, vault.stems())
    facts: dict[str, Any] = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "linux"}
    build_pack(compiled, vault, folder / "pack", lease_end_unix_s=1 << 33, **facts)
    vault.close()
    for minutes in (11, 1):
        play(folder, minutes)
    manifest, catalogue = ((folder / "pack" / name).read_bytes() for name in ("manifest.cose", "catalogue.cose"))
    yield Run(manifest, catalogue, tuple(sealed(folder)))


def config_of(folder: Path, **changes: Any) -> Config:
    settings = {
        "pack": str(folder / "pack"),
        "publisher_key": crypto.public_key(PUBLISHER).hex(),
        "ledger_key": "0" * 64,
    }
    settings |= {"out": "null", "pace": "free", "linger": "no", "tier": TIER_RENDERER} | changes
    (folder / "player").mkdir(exist_ok=True)
    give_key(folder / "player")
    return Config(str(folder / "player"), settings)


def play(folder: Path, minutes: int) -> None:
    Player(config_of(folder, minutes=minutes), lambda line: None).run()


def sealed(folder: Path) -> Iterator[Usage]:
    player = Player(config_of(folder), lambda line: None)
    journal, public_key = player.device.journal, player.device.identity.public_key
    for number in journal.segments:
        yield open_usage(bytes(journal.read(number, 0, 1 << 16)), public_key, crypto.verify)
    player.stop()
    player.run()


@pytest.fixture
def stage(world: Any, run: Any) -> Any:
    """The world, with the run's pack and its twin published."""
    with world.folder.open_store() as store:
        for manifest in (run.manifest, run.other_pack()):
            store.documents.add_manifest(1, sha256(manifest).digest(), manifest, 0)
    world.other_pack = sha256(run.other_pack()).digest()
    return world
