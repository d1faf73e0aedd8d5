"""Real players and real packs: two that share most of their stems, and one of another publisher's choosing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from amos import crypto
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal
from amos.protocol.link import Status
from amos.protocol.segment import Usage, open_usage
from amos_tools.device.call import DeviceError, ask_status
from amos_tools.device.run import micropython_environment
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

sys.path.append(str(Path(__file__).parent))  # the tests here share helpers by plain name

RATE_HZ = 22050
SEED, PUBLISHER = b"d" * 32, b"p" * 32
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
    """Packs by serial: 1 has three stems, 2 one more, 3 the same as 2 and one that is longer than all of them."""
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
    return made


def import_tone(vault: Vault, number: int, seconds: int) -> None:
    """A quiet chord, with noise that makes its bytes its own."""
    frames = RATE_HZ * seconds + number
    wave = 5000 * np.sin(np.arange(frames) * (2 * np.pi * (180 + 10 * number) / RATE_HZ))
    wave += np.random.RandomState(number).randint(-300, 300, frames)
    told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
    vault.import_samples(wave.astype("int16")[:, None], parse_facts("tone", told))


class Player:
    """A player's directory, and its process when it runs. `line` is where a courier finds it."""

    def __init__(self, folder: Path, pack: Path, command: list[str], link: str):
        self.folder = folder
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        kind = "unix" if link == "unix" else "serial"
        self.line = f"{kind}:{folder}/link"
        self.settings: dict[str, object] = {
            "pack": str(pack),
            "publisher_key": crypto.public_key(PUBLISHER).hex(),
            "ledger_key": "00" * 32,
            "link": f"{link}:{folder}/link",
            "linger": "forever",
            "block_frames": 1024,
        }
        folder.mkdir()
        (folder / "device.key").write_bytes(SEED)

    def start(self, before: Callable[[], None] | None = None, **settings: object) -> None:
        (self.folder / "player.json").write_text(json.dumps(self.settings | settings))
        words = [*self._command, "-m", "amos", str(self.folder)]
        with (self.folder / "said").open("a") as said:
            self._process = subprocess.Popen(
                words,
                env=micropython_environment(),
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                preexec_fn=before,
            )
        self.status()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        (self.folder / "link").unlink(missing_ok=True)

    def stop(self) -> None:
        """Over, in order where the runtime knows signals; MicroPython is gone as in a power cut."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        assert "Traceback" not in self.said, self.said

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text() if (self.folder / "said").exists() else ""

    def status(self) -> Status:
        for _try in range(100):
            assert self._process is not None and self._process.poll() is None, self.said
            try:
                return ask_status(self.line, 20)
            except DeviceError:
                continue
        raise AssertionError(self.said)

    def wait_for_pack(self, pack_id: bytes) -> Status:
        for _try in range(400):
            status = self.status()
            if status.pack == pack_id:
                return status
        raise AssertionError(self.said)

    def segments(self) -> list[Usage]:
        """Every sealed segment, chain checked; of a player that does not run."""
        store = FileSectorDevice(str(self.folder / "journal.ring"), 1 << 23)
        journal = Journal(store, bytes(8))
        found, previous = [], bytes(32)
        for number in sorted(journal.segments):
            usage = open_usage(journal.read(number, 0, 1 << 16), crypto.public_key(SEED), crypto.verify)
            assert (usage.sequence, usage.previous) == (len(found) + 1, previous)
            previous = journal.segments[number].sha256
            found.append(usage)
        store.close()
        return found


@pytest.fixture(params=["cpython-unix", "micropython-pty"])
def player(request: pytest.FixtureRequest, packs: dict[int, Path], tmp_path: Path) -> Iterator[Player]:
    runtime, _dash, link = request.param.partition("-")
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    made = Player(tmp_path / "player", packs[1], command, link)
    yield made
    made.end()
