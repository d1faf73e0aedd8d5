"""A pack for the bench of packs, and a real player that it is brought to."""

import json
from pathlib import Path

import numpy as np

from amos import crypto
from amos_tools.demo.processes import Process, Processes, amos_command
from amos_tools.device.call import ask_status
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

RATE_HZ = 44_100
STEM_BYTES = 4_500_000
START_S = 60
PUBLISHER_SEED, DEVICE_SEED = b"p" * 32, b"d" * 32
_SCRIPT = """experience "sync" seed device
clock {rate_hz} tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 8
pool all = stems where role pads
section loop 2 bars
  play pads from all count 4
"""


def make_pack(folder: Path, stems: int, stem_bytes: int = STEM_BYTES, serial: int = 1) -> Path:
    """A pack of so many stems of quiet noise: PCM as it is, in which zeros are frequent."""
    noise = np.random.default_rng(3)
    told = {"artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(stems):
            samples = noise.normal(0, 1500, (stem_bytes // 4 - number, 2)).astype(np.int16)
            vault.import_samples(samples, parse_facts("noise", told | {"title": f"noise {number}"}))
        compiled = compile_script(_SCRIPT.format(rate_hz=RATE_HZ), vault.stems())
        terms = {"publisher_seed": PUBLISHER_SEED, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        build_pack(compiled, vault, folder / "pack", serial=serial, **terms)  # type: ignore[arg-type]
    return folder / "pack"


class BenchPlayer:
    """A player without a pack, in a folder of its own; `address` is where a courier finds it, of the kind `link`."""

    def __init__(self, processes: Processes, folder: Path, link: str = "unix", pack: "Path | None" = None):
        folder.mkdir(parents=True)
        (folder / "device.key").write_bytes(DEVICE_SEED)
        key = crypto.public_key(PUBLISHER_SEED).hex()
        settings: dict[str, object] = {"publisher_key": key, "ledger_key": "00" * 32}
        settings |= {
            "pack": str(pack or "none"),
            "out": "null",
            "tier": 255,
            "linger": "forever",
            "link": f"{link}:{folder}/link",
        }
        (folder / "player.json").write_text(json.dumps(settings))
        self.address = f"{'unix' if link == 'unix' else 'serial'}:{folder}/link"
        self.line = folder / "link"
        self.process: Process = processes.start(folder.name, amos_command("player", str(folder)))
        ask_status(self.address, START_S)
