"""The whole player in a process of its own: how soon it sounds, and in how small a heap it plays."""

import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amos.crypto import public_key
from amos.protocol.segment import TIER_RENDERER
from amos_tools import toolchain
from amos_tools.bench.board import HERE, board_environment, smallest_heap_kb
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.profile import PUBLISHER_SEED
from amos_tools.boards import Board, heap_option
from amos_tools.device.call import DeviceError, ask_status
from amos_tools.firmware_build import ARMHF, BuildError, build_firmware, has_compiler

REPEATS = 3
TIMEOUT_S = 300
ASK_EVERY_S = 0.25
HEAP_LOW_KB, HEAP_HIGH_KB = 192, 640
HELD_BLOCK_BYTES = 4096
"""PCM that waits for its count beside what the I2S ring holds (amos.edges.i2s_out)."""
SAID = "said.txt"
FOUND_HERE = "."
"""MicroPython's path of modules that are in the folder in which it starts."""
_WAV_HEADER_BYTES = 44
_CODE = "import gc; import amos.__main__; gc.collect(); print(gc.mem_alloc())"


def write_player(folder: Path, board: Board, pack: Path) -> Path:
    """A player's directory below `folder`, with the board's settings and this machine's edges."""
    directory = folder / "player"
    directory.mkdir()
    settings = {
        "pack": str(pack),
        "publisher_key": public_key(PUBLISHER_SEED).hex(),
        "ledger_key": "00" * 32,
        "board": board.name,
        "block_frames": board["audio.block_frames"],
        "journal_bytes": board["storage.journal_bytes"],
        "pace": "free",
        "out": "null",
        "tier": TIER_RENDERER,
        "linger": "no",
        "minutes": 1,
    }
    (directory / "player.json").write_text(json.dumps(settings))
    return directory


def first_sound(board: Board, pack: Path) -> list[Figure]:
    """From the start of the process to the first block in the output, on CPython and on MicroPython."""
    runtimes: list[tuple[str, list[str] | None]] = [("CPython", [sys.executable])]
    native = toolchain.micropython()
    runtimes.append(("MicroPython", native and native + heap_option(board.name, struct.calcsize("P"))))
    found = []
    for label, command in runtimes:
        name = f"{label}: boot to first sound"
        if command is None:
            found.append(Figure("device", name, None, "ms", None, toolchain.explain("micropython")))
            continue
        note_progress(name)
        with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
            directory = write_player(Path(folder), board, pack)
            took_ms = [_first_sound_ms(command, directory) for _ in range(1 + REPEATS)]
        note = f"{board.name}'s fullest music, after a power cut; the very first boot, with key and ring to make, "
        found.append(Figure("device", name, min(took_ms[1:]), "ms", None, note + f"{took_ms[0]:,.0f} ms"))
    return found


def _first_sound_ms(command: Sequence[str], directory: Path) -> float:
    """Raises RuntimeError when the player ends without a sound."""
    out = directory / "out.wav"
    out.unlink(missing_ok=True)
    words = [*command, "-m", "amos", str(directory), f"out=wav:{out}"]
    started = time.monotonic()
    process = subprocess.Popen(words, env=board_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        while not out.exists() or out.stat().st_size <= _WAV_HEADER_BYTES:
            if process.poll() is not None or time.monotonic() - started > TIMEOUT_S:
                said = process.stdout.read().decode() if process.stdout and process.poll() is not None else ""
                raise RuntimeError(f"first sound: expected one, found {said.strip()[-300:]}")
            time.sleep(0.001)
        return (time.monotonic() - started) * 1000
    finally:
        process.kill()
        process.communicate()


def heap(board: Board, pack: Path) -> list[Figure]:
    """The smallest heap of the 32-bit build in which the whole player plays a minute, its status asked meanwhile.

    Once with the code, which the unix port has in its heap, and once less what a board that freezes it has in flash.
    """
    name = f"armhf, {board.name}: smallest heap in which the whole player plays"
    limit_kb = board["memory.heap_bytes"] >> 10
    bound = ("at most", float(limit_kb))
    argv = toolchain.micropython("armhf")
    if argv is None:
        return [Figure("device", name, None, "KB", bound, toolchain.explain("armhf"))]
    note_progress(name)
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        try:
            firmware = build_firmware(Path(folder) / "firmware", ARMHF)
        except BuildError as error:
            return [Figure("device", name, None, "KB", bound, str(error), broken=has_compiler())]
        directory = write_player(Path(folder), board, pack)
        words = board_words(board, directory)

        def enough(heap_kb: int) -> bool:
            return plays_and_answers([*argv, "-X", f"heapsize={heap_kb}k", *words], directory, firmware)

        high = HEAP_HIGH_KB
        if not enough(high):
            return [Figure("device", name, None, "KB", bound, f"does not even play in {high} KB", broken=True)]
        least = smallest_heap_kb(HEAP_LOW_KB, high, enough, 8)
        code = code_bytes(argv, firmware) >> 10
    music = f"{board['audio.voices']} stereo voices of {board['codec']} at {board['audio.rate_hz']} Hz, I2S ring, link"
    return [
        Figure("device", f"{name}, compiled code in it", least, "KB", bound, music),
        Figure("device", f"{name}, frozen code in flash", least - code, "KB", bound, f"less {code} KB of code"),
    ]


def code_bytes(argv: Sequence[str], firmware: Path) -> int:
    """What the code of a player that is about to start takes of the heap."""
    command = [*argv, "-X", "heapsize=4m", "-c", _CODE]
    measured = subprocess.run(command, **_as_on_a_board(firmware), capture_output=True, check=True)
    return int(measured.stdout)


def board_words(board: Board, directory: Path) -> list[str]:
    """What MicroPython is told to run the player of that directory beside the board's I2S ring."""
    ring = 2 * board["audio.buffer_bytes"] + HELD_BLOCK_BYTES
    return [str(HERE / "board_boot.py"), str(ring), str(directory)]


def _as_on_a_board(firmware: Path) -> dict[str, Any]:
    """Folder and environment in which each module is found by a short path, as in the root of a board's flash. Its path
    is in the heap with each of 140 modules: a long one would take 10 KB that no board misses."""
    return {"cwd": firmware, "env": os.environ | {"MICROPYPATH": FOUND_HERE}}


def plays_and_answers(command: list[str], directory: Path, firmware: Path) -> bool:
    """Whether the player plays to its end, its status asked meanwhile; what it says is in `SAID` of its directory."""
    line = directory / "serial"
    with (directory / SAID).open("wb") as said:
        process = subprocess.Popen(
            [*command, f"link=pty:{line}"], **_as_on_a_board(firmware), stdout=said, stderr=subprocess.STDOUT
        )
    asking = threading.Thread(target=_ask, args=(process, f"serial:{line}"))
    asking.start()
    try:
        return process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        asking.join()


def _ask(process: subprocess.Popen[bytes], address: str) -> None:
    while process.poll() is None:
        # Before the link is open, after a MemoryError, and at the end there is nobody to answer.
        with contextlib.suppress(DeviceError, OSError):
            ask_status(address)
        time.sleep(ASK_EVERY_S)
