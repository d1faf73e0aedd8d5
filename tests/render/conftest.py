"""A pack of six tones under two sections, at 22.05 kHz."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amos.crypto import public_key, verify
from amos.packs.folder import PackFolder, open_pack
from amos_tools.pack import build_pack
from amos_tools.render.plan import Plan
from amos_tools.script import compile_script
from amos_tools.stems import Split
from amos_tools.vault import StatedFacts, Vault

RATE_HZ = 22_050
KEY_SEED = bytes(range(32))
PUBLISHER = public_key(KEY_SEED)
SCRIPT = """experience "promo & <co>" seed device
clock 22050 tempo 120 meter 4/4 key D minor
pool warm = stems where role pads
pool low = stems where role bass
mix target -20 LUFS peak -1 dBTP voices 6
slider intensity 0..1 start 0.5
section drift 1..2 bars
  play pads from warm fade 2 beats
  play bass from low chance intensity
  next drift 1, bloom 1
section bloom 2 bars
  play pads from warm count 2
  next drift 1
section crest 2 bars
  play bass from low
  play pads from warm count 2 gain -3 dB
  next drift 1
transition any -> any at bar fade 2 beats power
render "jingle" length 4 s fade 500 ms hit 2 s crest
"""
FACTS = StatedFacts("Haze", "Ilse & Maren", (Split("ilse-maren", 1_000_000),), "pads", True, "D minor", 120_000, 4)


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Four pads of two seconds and two basses."""
    with Vault.init(tmp_path_factory.mktemp("vault"), RATE_HZ) as vault:
        for number in range(6):
            sine = np.sin(np.arange(2 * RATE_HZ) * (2 * np.pi * (200 + 50 * number) / RATE_HZ))
            samples = np.repeat(np.rint(sine * 9000).astype(np.int16)[:, None], 2, axis=1)
            facts = replace(FACTS, title=f"Haze <{number}>", isrc=f"GBABC240000{number}")
            if number > 3:
                facts = replace(facts, role="bass", artist="Tomas", isrc=None)
            vault.import_samples(samples, facts)
        yield vault


@pytest.fixture(scope="session")
def pack_folder(vault: Vault, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack's folder."""
    folder = tmp_path_factory.mktemp("pack")
    build_pack(
        compile_script(SCRIPT, vault.stems()),
        vault,
        folder,
        publisher_seed=KEY_SEED,
        serial=3,
        board_class="linux",
        lease_end_unix_s=4_000_000_000,
    )
    return folder


@pytest.fixture
def pack(pack_folder: Path) -> Iterator[PackFolder]:
    """The pack, open."""
    opened = open_pack(str(pack_folder), PUBLISHER, verify)
    yield opened
    opened.close()


@pytest.fixture
def script() -> str:
    """The script of the pack."""
    return SCRIPT


@pytest.fixture
def plan() -> Plan:
    """Five seconds and an odd number of frames."""
    return Plan(seed=bytes(range(32)), frames=5 * RATE_HZ + 17, fade_frames=RATE_HZ // 2)
