"""The renderer in a board's memory: eight stereo voices of QOA with meter, ducks and limiter, on the 32-bit build."""

import os
import subprocess
from pathlib import Path

import numpy as np

import amos
from amos_tools.pack.qoa import encode_qoa

FIRMWARE = Path(amos.__file__).parents[1]
HEAP_KB = 192
"""Modules included, which a board would have in flash. MicroPython stops with MemoryError where this is not enough."""

SCRIPT = """
import gc
from amos.edges.stem_file_qoa import QoaStem
from amos.sound.events import Duck, Start
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer

class Folder:
    def admit(self, stem):
        pass

stems = [QoaStem(Folder().admit, {path!r}, 20480, 2) for _ in range(8)]
mixer = make_mixer(44100, 8, 1024, ceiling=26029)
meter = Meter(8)
for voice in range(8):
    event = Start(voice, voice, voice, 12000, 30000, 2000 * (voice & 1), 3000)
    mixer.start(event, stems[voice])
    meter.start(event)
mixer.duck(Duck(1000, 5000, 8000, 3000, 0))
mixer.set_volume(6000, 9000)
while mixer.frame < 12288:
    mixer.render(1024)
    meter.delivered(mixer.frame)
    meter.open_rows()
rows = meter.take_ended()
gc.collect()
print(len(rows), gc.mem_alloc())
"""


def play(micropython: list[str], folder: Path, heap_kb: int, blob: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "play.py"
    script.write_text(SCRIPT.format(path=str(blob)))
    command = [*micropython, "-X", f"heapsize={heap_kb}k", str(script)]
    environment = os.environ | {"MICROPYPATH": str(FIRMWARE)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_eight_stereo_voices_of_qoa_fit(micropython_armhf: list[str], tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-9000, 9000, (20_480, 2)).astype(np.int16)
    blob = tmp_path / "stem.qoa"
    blob.write_bytes(encode_qoa(samples, 44_100))
    done = play(micropython_armhf, tmp_path, HEAP_KB, blob)
    assert done.returncode == 0, done.stderr + done.stdout
    rows, held_bytes = map(int, done.stdout.split())
    assert rows == 8
    assert held_bytes < 100 * 1024
    too_little = play(micropython_armhf, tmp_path, HEAP_KB // 4, blob)
    assert "MemoryError" in too_little.stderr + too_little.stdout
