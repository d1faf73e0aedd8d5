"""The commands of host_tools/OPERATING.md, and of the pages that go on from it, run in order, as they stand.

Those marked `# needs` are left out: the page says what each wants.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

PROJECT = Path(__file__).resolve().parents[2]
PAGES = (
    "host_tools/OPERATING.md",
    "host_tools/amos_tools/device/PLAYERS.md",
    "host_tools/amos_tools/audit/AUDITING.md",
    "daemon/amos_ledger/RUNNING.md",
)
PAGE = "\n".join((PROJECT / page).read_text() for page in PAGES)
LINES_MAX = 370
"""Of the first page: what to do. What there is to know stands beside the code that it is about."""
RATE_HZ = 44_100
BARS_S = 4
NEEDS = {
    "a disk for back-ups",
    "an alert",
    "a broker",
    "a checkpoint kept",
    "a cluster",
    "a courier's spool",
    "a device in quarantine",
    "a device to revoke",
    "a ledger that lost something",
    "a mirror",
    "a month's play",
    "a Raspberry Pi",
    "a proof",
    "a settled period",
    "a statement",
    "a stem's id",
    "the operator's next key",
    "witnesses",
}
SIDECAR = """file,title,artist,splits,role,key,tempo,beats,opt_in
haze.wav,Haze,Ilse Maren,ilse-maren=700000;kite-publishing=300000,pads,A minor,60,4,yes
glow.wav,Glow,June Okafor,june-okafor=1000000,melody,A minor,60,4,yes
"""
SCRIPT = """
experience "cafe" seed device
clock 44100 tempo 60 meter 4/4 key A minor
mix target -20 LUFS peak -1 dBTP voices 4
pool haze = stems where role pads
pool tunes = stems where role melody
section quiet 2 bars
  play pads from haze
  next bloom 1
section bloom 2 bars
  play pads from haze
  play melody from tunes
  next quiet 1
"""


def commands() -> list[str]:
    """Every command of the page, its continuation lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def need_of(command: str) -> str | None:
    match = re.search(r"# needs ([^;]*)", command)
    return match[1].strip() if match else None


def bring(folder: Path) -> None:
    """What a publisher brings: recordings, what their artists state, a script."""
    (folder / "stems").mkdir()
    seconds = np.arange(BARS_S * RATE_HZ) / RATE_HZ
    for name, pitch_hz in (("haze", 220), ("glow", 440)):
        sf.write(folder / "stems" / f"{name}.wav", 0.3 * np.sin(2 * np.pi * pitch_hz * seconds), RATE_HZ)
    (folder / "stems.csv").write_text(SIDECAR)
    (folder / "cafe.aimi").write_text(SCRIPT)


def test_the_page_stays_short() -> None:
    assert len((PROJECT / PAGES[0]).read_text().splitlines()) <= LINES_MAX


def test_each_further_page_is_named_by_the_first() -> None:
    first = (PROJECT / PAGES[0]).read_text()
    assert all(f"`{page}`" in first for page in PAGES[1:])


def test_what_is_left_out_says_what_it_needs() -> None:
    assert {need for command in commands() if (need := need_of(command))} <= NEEDS
    assert sum(need_of(command) is None for command in commands()) > 20


@pytest.mark.long
def test_the_commands_run_in_order_as_they_stand(tmp_path: Path) -> None:
    bring(tmp_path)
    script = "\n".join(command for command in commands() if need_of(command) is None)
    (tmp_path / "operating.sh").write_text(f"set -eux\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}\n")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "operating.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert (tmp_path / "promo.wav").is_file()
    assert "harbour-cafe" in done.stdout
