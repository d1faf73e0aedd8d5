"""The processes of the fault sweep: services that are started again whenever they end, and players that leave notes."""

import hashlib
import subprocess
import sys
from pathlib import Path

from noise_pack import OPERATOR, PUBLISHER, enrolment_of, prepare_player

from amos import crypto
from amos_ledger import registry
from amos_ledger.folder import Folder, init_folder
from amos_tools.device.run import micropython_environment

PROGRAM = str(Path(__file__).with_name("noted_player.py"))

_LATE = (
    "import sys, time; offset = int(sys.argv.pop(1)); s, ns = time.time, time.time_ns;"
    " time.time, time.time_ns = lambda: s() + offset, lambda: ns() + offset * 10**9;"
    " from amos_tools.cli import app; app()"
)
"""`amos` in a process that believes another time: the machine's clock is everybody's."""


def amos_at(offset_s: int, *words: str) -> list[str]:
    """argv of `amos` whose wall clock is wrong by so much."""
    return [sys.executable, "-c", _LATE, str(offset_s), *words]


class Service:
    """A process that is supervised: `look` starts it when it has ended. `kills` were ours."""

    def __init__(self, name: str, folder: Path, enter: list[str]) -> None:
        self.name = name
        self.kills = 0
        self.log = folder / f"{name}.log"
        self.command: list[str] = []
        self._enter = enter
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([*self._enter, *self.command], stdout=log, stderr=log)

    @property
    def begun(self) -> bool:
        return self.log.exists()

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def look(self) -> None:
        if self._process is not None and not self.runs:
            self.start()

    def kill(self) -> None:
        """kill -9; it stays down until `start`."""
        if self._process is None:
            return
        self.kills += self.runs
        self._process.kill()
        self._process.wait()
        self._process = None


class NotedPlayer:
    """A real player in a directory of its own. `notes` is what it wrote down; `address` is where a courier finds it."""

    def __init__(self, folder: Path, name: str, command: list[str], link: str, address: str) -> None:
        self.name, self.link, self.address = name, link, address
        self.folder = folder / name
        self.seed = hashlib.sha256(name.encode()).digest()
        self.device_id = crypto.key_id(crypto.public_key(self.seed))
        self.kills = 0
        self.notes = folder / f"{name}.notes"
        self._noted_bytes = 0
        self._said = folder / f"{name}.said"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self, pack: Path, ledger_key: bytes) -> None:
        operator = crypto.public_key(OPERATOR).hex()
        more = {"link": self.link, "out": "null", "journal_bytes": 1 << 20, "linger": "receipted"}
        prepare_player(self.folder, self.seed, pack, ledger_key, more | {"operator_key": operator, "block_frames": 512})
        self.notes.touch()

    def start(self, clock_offset_s: int = 0) -> None:
        self._enough.unlink(missing_ok=True)
        self._noted_bytes = self.notes.stat().st_size
        words = [*self._command, PROGRAM, str(self.notes), str(clock_offset_s), str(self.folder)]
        environment = micropython_environment() | {"PYTHONUNBUFFERED": "1"}
        with self._said.open("wb") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)

    @property
    def has_sealed(self) -> bool:
        """Whether it has noted anything in this life; the assertion fails for one that has ended."""
        assert self._process is not None and self._process.poll() is None, self.said()
        return self.notes.stat().st_size > self._noted_bytes

    def kill(self) -> None:
        """kill -9; the assertion fails for one that had ended by itself."""
        if self._process is None:
            return
        assert self._process.poll() is None, self.said()
        self.kills += 1
        self._process.kill()
        self._process.wait()
        self._process = None

    def end(self) -> None:
        """Whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def finish(self) -> None:
        """It plays no more, and leaves as soon as it has a receipt for everything."""
        self._enough.touch()

    def is_finished(self) -> bool:
        assert self._process is not None
        code = self._process.poll()
        assert code in (None, 0), self.said()
        return code == 0

    def said(self) -> str:
        return f"{self.name}: {self._said.read_text()[-2000:]}"

    def told(self, word: str) -> list[tuple[int, bytes]]:
        """(sequence, bytes) of the notes that begin with this word, in their order."""
        lines = [line.split(" ") for line in self.notes.read_text().splitlines()]
        return [(int(number), bytes.fromhex(data)) for found, number, data in lines if found == word]

    def refused(self) -> int:
        """How many receipts it was handed that it took for none."""
        return len(self.told("receipt")) - len(self.told("trimmed"))

    @property
    def _enough(self) -> Path:
        return self.folder / "enough"


def make_ledger(path: Path, pack: Path, players: list[NotedPlayer]) -> Folder:
    """The ledger's folder with its players enrolled, and their directories."""
    folder = init_folder(path, "ledger.example/sweep", crypto.public_key(OPERATOR), crypto.public_key(PUBLISHER))
    with folder.open_store() as store:
        registry.add_pack(folder, store, *registry.read_pack(pack))
        for player in players:
            player.prepare(pack, folder.public_key)
            registry.enrol(folder, store, enrolment_of(player.seed, player.name))
        registry.publish(folder, store)
    return folder
