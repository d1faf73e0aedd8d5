"""A small vault, a script compiled for it, and a pack built from both."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amos.crypto import public_key, verify
from amos.packs.folder import PackFolder, open_pack
from amos_tools.pack import PackSummary, build_pack
from amos_tools.script import Compiled, compile_script
from amos_tools.stems import Split
from amos_tools.vault import StatedFacts, Vault

sys.path.append(str(Path(__file__).parent))  # the tests here share a reference by plain name

SEED = bytes(range(32))
PUBLISHER = public_key(SEED)
TERMS = {"publisher_seed": SEED, "serial": 1, "board_class": "linux", "lease_end_unix_s": 1_800_000_000}
CODECS = ("pcm16", "qoa")
BEAT_FRAMES = 31_500
SCRIPT = """experience "test" seed device
clock 44100 tempo 84 meter 4/4 key D minor
pool warm = stems where role pads
pool low = stems where role bass
mix target -23 LUFS peak -3 dBTP voices 8
section only 4 bars
  play pads from warm count 2
  play bass from low
  next only 1
"""

FACTS = StatedFacts("Haze", "Ilse Maren", (Split("ilse-maren", 1_000_000),), "pads", True, "D minor", 84_000, 1)


def tone(midi: int, channels: int = 2, level: float = 0.3, frames: int = BEAT_FRAMES) -> np.ndarray:
    """A sine as int16 of shape (frames, channels)."""
    sine = np.sin(np.arange(frames) * (2 * np.pi * 440 * 2 ** ((midi - 69) / 12) / 44_100))
    return np.repeat(np.rint(sine * level * 32768).astype(np.int16)[:, None], channels, axis=1)


@pytest.fixture(scope="session")
def made_vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pads, a mono bass, and a bass whose artist said no; to be copied."""
    folder = tmp_path_factory.mktemp("made") / "vault"
    with Vault.init(folder) as vault:
        for number, midi in enumerate((62, 65, 69)):
            vault.import_samples(tone(midi, level=0.1 + 0.1 * number), replace(FACTS, title=f"Haze {number}"))
        low = replace(FACTS, title="Low", role="bass", artist="Tomas Reyes", isrc="GBABC2400001")
        low = replace(low, splits=(Split("tomas-reyes", 600_001), Split("dockside", 399_999)))
        vault.import_samples(tone(38, channels=1, level=0.9), low)
        vault.import_samples(tone(40, channels=1), replace(low, title="Withheld", opt_in=False))
    return folder


@pytest.fixture
def vault(made_vault: Path, tmp_path: Path) -> Iterator[Vault]:
    """The vault, a test's own."""
    with Vault(shutil.copytree(made_vault, tmp_path / "vault")) as vault:
        yield vault


@pytest.fixture
def script() -> str:
    """Two pads and a bass, over and over."""
    return SCRIPT


@pytest.fixture
def compiled(vault: Vault) -> Compiled:
    """The script, compiled for the vault."""
    return compile_script(SCRIPT, vault.stems())


Build = Callable[..., PackSummary]


@pytest.fixture
def build(vault: Vault, compiled: Compiled, tmp_path: Path) -> Build:
    """`build_pack` into `tmp_path / "pack"`; keywords change its arguments."""

    def build(compiled: Compiled = compiled, out: Path = tmp_path / "pack", **changed: object) -> PackSummary:
        return build_pack(compiled, vault, out, **(TERMS | changed))  # type: ignore[arg-type]

    return build


@pytest.fixture(scope="session")
def made_packs(made_vault: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Codec -> the built pack; to be copied."""
    folder = tmp_path_factory.mktemp("packs")
    with Vault(shutil.copytree(made_vault, folder / "vault")) as vault:
        compiled = compile_script(SCRIPT, vault.stems())
        terms: dict[str, Any] = TERMS
        return {codec: build_pack(compiled, vault, folder / codec, codec=codec, **terms).path for codec in CODECS}


@pytest.fixture
def pack(made_packs: dict[str, Path], tmp_path: Path) -> Iterator[PackFolder]:
    """The built pack, opened as a player opens it."""
    opened = open_pack(str(shutil.copytree(made_packs["pcm16"], tmp_path / "pack")), PUBLISHER, verify)
    yield opened
    opened.close()


@pytest.fixture
def qoa_pack(made_packs: dict[str, Path], tmp_path: Path) -> Iterator[PackFolder]:
    """The same pack, its stems in QOA."""
    opened = open_pack(str(shutil.copytree(made_packs["qoa"], tmp_path / "pack")), PUBLISHER, verify)
    yield opened
    opened.close()
