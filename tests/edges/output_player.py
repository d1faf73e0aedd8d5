"""Players as processes, on libasound's own plugins."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from patience import Patience

from amos import crypto
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal
from amos.protocol.link import Status
from amos.protocol.segment import Usage
from amos.protocol.usage_reader import open_usage
from amos_tools.device.call import ask_status
from amos_tools.device.run import micropython_environment
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

RATE_HZ = 48000
SEED, PUBLISHER = b"d" * 32, b"p" * 32
VOICES = 8
SCRIPT = f"""
experience "loud" seed device
clock {RATE_HZ} tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices {2 * VOICES}
pool all = stems where role pads
section loop 4 bars
  play pads from all count {VOICES} fade 1 beat
"""
PIPE_CARD = Path(__file__).parent / "pipe_card.py"


def make_pack(folder: Path) -> Path:
    """Eight voices of low tones: whatever is sharper than they are is a click."""
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(2 * VOICES):
            time_s = np.arange(RATE_HZ * 9 + number) / RATE_HZ
            tone = 6000 * np.sin(2 * np.pi * (60 + 17 * number) * time_s)
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
            vault.import_samples(tone.astype("int16")[:, None], parse_facts("tone", told))
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        build_pack(compile_script(SCRIPT, vault.stems()), vault, folder / "pack", **terms)  # type: ignore[arg-type]
    return folder / "pack"


class Player:
    """A player's directory with ALSA devices of its own: `file`, `null`, `full`, `absent`, whose card is not there, and
    `card`, which has a clock."""

    def __init__(self, folder: Path, pack: Path, alsa: str):
        self.folder = folder
        self.heard = folder / "heard.raw"
        self.report = folder / "report.jsonl"
        self.link = f"unix:{folder}/link.sock"
        (folder / "device.key").write_bytes(SEED)
        self._processes: list[subprocess.Popen[str]] = []
        self.configure()
        self.environment = micropython_environment() | {"ALSA_CONFIG_PATH": str(folder / "asound.conf")}
        if "/" in alsa:
            self.environment["LD_LIBRARY_PATH"] = os.path.dirname(alsa)
        self.settings: dict[str, object] = {"pack": str(pack), "publisher_key": crypto.public_key(PUBLISHER).hex()}
        self.settings |= {"ledger_key": "00" * 32, "tier": 255, "linger": "no", "link": self.link, "block_frames": 1024}

    def configure(self, card: bool = True) -> None:
        """Write ALSA's configuration, which it reads again at each opening when it has changed."""
        words = (sys.executable, PIPE_CARD, self.heard, self.report)
        command = "|exec " + shlex.join(str(word) for word in words)
        devices = {"file": self.heard, "full": "/dev/full"} | ({"card": command} if card else {})
        lines = ["pcm.null { type null }", "pcm.absent { type hw card 31 }"]
        for name, target in devices.items():
            lines.append(f'pcm.{name} {{ type file slave.pcm {{ type null }} format raw file "{target}" }}')
        staged = self.folder / "asound.new"
        staged.write_text("\n".join(lines) + "\n")
        staged.replace(self.folder / "asound.conf")

    def start(self, *before: str, **settings: object) -> "subprocess.Popen[str]":
        (self.folder / "player.json").write_text(json.dumps(self.settings | settings))
        words = [*before, sys.executable, "-m", "amos", str(self.folder)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(words, env=self.environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        self._processes.append(process)
        return process

    def end(self) -> None:
        """Leave nothing behind that a failed test did not end."""
        for process in self._processes:
            process.kill()
            process.communicate()

    def run(self, exit_code: int = 0, **settings: object) -> str:
        process = self.start(**settings)
        out, _err = process.communicate(timeout=120)
        assert process.returncode == exit_code and "Traceback" not in out, out
        return out

    def status(self) -> Status:
        return ask_status(self.link, wait_s=60)

    def wait_for_status(self, holds: Callable[[Status], bool]) -> Status:
        patience = Patience()
        while not holds(status := self.status()):
            assert patience.lasts(), status.to_map()
            time.sleep(0.05)
        return status

    def samples(self) -> np.ndarray:
        """What was heard: int16, frames by 2."""
        data = self.heard.read_bytes()
        return np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2)

    def segments(self) -> list[Usage]:
        store = FileSectorDevice(str(self.folder / "journal.ring"), 1 << 23)
        journal = Journal(store, bytes(8))
        public_key = crypto.public_key(SEED)
        found = [open_usage(journal.read(n, 0, 1 << 16), public_key, crypto.verify) for n in sorted(journal.segments)]
        store.close()
        return found
