"""A real player of packs: its directory, and its process when it runs."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from patience import Patience

from amos import crypto
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal
from amos.protocol.link import Status
from amos.protocol.segment import Usage
from amos.protocol.usage_reader import open_usage
from amos_tools.device.call import DeviceError, ask_status
from amos_tools.device.run import micropython_environment

RATE_HZ = 22050
SEED, PUBLISHER = b"d" * 32, b"p" * 32


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
            "out": "null",
            "tier": 255,
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
        # It answers before it has looked for a pack.
        self.wait_for(lambda status: any(status.pack) or "no pack" in (status.text or ""))

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        (self.folder / "link").unlink(missing_ok=True)

    def stop(self) -> None:
        """Over, in order where the runtime knows signals; MicroPython is gone as in a power cut."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        assert "Traceback" not in self.said, self.said

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text() if (self.folder / "said").exists() else ""

    def status(self) -> Status:
        patience = Patience()
        while True:  # after a kill the name of its line stays, and leads nowhere
            assert self._process is not None and self._process.poll() is None, self.said
            try:
                return ask_status(self.line, 60)
            except DeviceError as error:
                assert patience.lasts(), (error, self.said)
                time.sleep(0.05)

    def wait_for(self, holds: Callable[[Status], bool]) -> Status:
        """The first status for which it holds."""
        patience = Patience()
        while not holds(status := self.status()):
            assert patience.lasts(), (status.to_map(), self.said)
            time.sleep(0.02)
        return status

    def wait_for_pack(self, pack_id: bytes) -> Status:
        return self.wait_for(lambda status: status.pack == pack_id)

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
