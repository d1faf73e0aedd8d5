"""Real players and real packs: two that share most of their stems, and one of another publisher's choosing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

sys.path.append(str(Path(__file__).parent))  # the tests here share helpers by plain name

from pack_player import PUBLISHER, RATE_HZ, Player

SCRIPT = """
experience "packs" seed device
clock 22050 tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 4
pool all = stems where role pads
section loop 1 bars
  play pads from all fade 1 beat
"""


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Packs by serial: 1 has three stems, 2 one more, 3 the same as 2 and one that is longer than all of them. Of 4 the
    lease has ended, of 5 it ends first."""
    folder = tmp_path_factory.mktemp("packs")
    made = {}
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        counts = {1: (3, 2), 2: (1, 2), 3: (1, 20)}
        for serial, (count, seconds) in counts.items():
            for number in range(count):
                import_tone(vault, 10 * serial + number, seconds)
            made[serial] = folder / f"pack-{serial}"
            terms = {"publisher_seed": PUBLISHER, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
            compiled = compile_script(SCRIPT, vault.stems())
            build_pack(compiled, vault, made[serial], serial=serial, **terms)  # type: ignore[arg-type]
        for serial, lease_end_unix_s in ((4, 1_600_000_000), (5, 1_900_000_000)):
            made[serial] = folder / f"pack-{serial}"
            terms["lease_end_unix_s"] = lease_end_unix_s
            build_pack(compiled, vault, made[serial], serial=serial, **terms)  # type: ignore[arg-type]
    return made


def import_tone(vault: Vault, number: int, seconds: int) -> None:
    """A quiet chord, with noise that makes its bytes its own."""
    frames = RATE_HZ * seconds + number
    wave = 5000 * np.sin(np.arange(frames) * (2 * np.pi * (180 + 10 * number) / RATE_HZ))
    wave += np.random.RandomState(number).randint(-300, 300, frames)
    told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
    vault.import_samples(wave.astype("int16")[:, None], parse_facts("tone", told))


@pytest.fixture(params=["cpython-unix", "micropython-pty"])
def player(request: pytest.FixtureRequest, packs: dict[int, Path], tmp_path: Path) -> Iterator[Player]:
    runtime, _dash, link = request.param.partition("-")
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    made = Player(tmp_path / "player", packs[1], command, link)
    yield made
    made.end()
