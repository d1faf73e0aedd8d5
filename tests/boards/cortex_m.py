"""A Cortex-M under QEMU that runs MicroPython with the firmware frozen into it, and its serial prompt."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from micropython_build import build_environment, make_library, micropython_source
from needed import missing

from amos_tools import toolchain
from amos_tools.firmware_files import board_files
from amos_tools.firmware_reach import modules_of, reachable

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
SOURCES = PROJECT / "firmware"
PORTABLE = PROJECT / "tests" / "portable"
PAYLOAD = [*sorted(PORTABLE.glob("*.py")), SOURCES / "amos" / "protocol" / "SPEC.md"]
START = HERE / "cortex_m_start.py"
PAYLOAD_AT = 0x21800000
PAYLOAD_BYTES_MAX = 1 << 20
"""As cortex_m_start.py has them."""

BOARD, MACHINE = "MPS2_AN385", "mps2-an385"
"""A Cortex-M3 with 4 MB of memory for code and heap, and 16 MB that MicroPython leaves alone."""

BUILD_TIMEOUT_S = 600
START_TIMEOUT_S = 30
ALL_OF_FAT = "-DMICROPY_VFS_FAT=1 -DMICROPY_FATFS_NORTC=1 -DMICROPY_FATFS_ENABLE_LFN=1 -DMICROPY_FATFS_RPATH=2"


def write_manifest(folder: Path) -> Path:
    """A board's manifest, with what else the portable tests import of `amos`, and the stand-in of `os`."""
    sources = [path.read_text() for path in PORTABLE.glob("*.py")]
    imported = set().union(*(reachable(modules_of(source)) for source in sources))
    more = tuple(sorted(imported - set(board_files())))
    path = folder / "manifest.py"
    path.write_text(
        f"include({str(SOURCES / 'manifest.py')!r})\n"
        f"freeze({str(SOURCES)!r}, {more!r})\n"
        f"module('os.py', base_path={str(HERE / 'cortex_m_modules')!r})\n"
    )
    return path


def build(version: tuple[int, int], folder: Path, heap_bytes: int) -> Path:
    """The firmware of the machine, with a heap of that size; what `folder` holds of it already is not built again."""
    source = micropython_source(version)
    compiler = toolchain.arm_gcc()
    if compiler is None:
        missing(toolchain.explain("arm-gcc"))
    library = folder / "lib"
    if not library.exists():
        make_library(library)
    out = folder / "build"
    for name in ("main.o", "firmware.elf"):
        (out / name).unlink(missing_ok=True)
    words = {
        "BOARD": BOARD,
        "BUILD": out,
        "PYTHON": sys.executable,
        "FROZEN_MANIFEST": write_manifest(folder),
        "MPY_LIB_DIR": library,
        "MICROPY_HEAP_SIZE": heap_bytes,
        "MICROPY_VFS_FAT": 1,
        "CFLAGS_EXTRA": ALL_OF_FAT,
    }
    command = ["make", "-j2", *(f"{name}={value}" for name, value in words.items())]
    # In the environment, since the port adds its own sources to it: FAT reckons dates, and this port has no clock.
    environment = build_environment() | compiler | {"SRC_C": "shared/timeutils/timeutils.c"}
    where = source / "ports" / "qemu"
    done = subprocess.run(
        command, cwd=where, env=environment, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return (out / "firmware.elf").rename(folder / f"heap-{heap_bytes}.elf")


def write_payload(path: Path) -> None:
    """What cortex_m_start.py unpacks: each file under its path in the project."""
    contents = [file.read_bytes() for file in PAYLOAD]
    names = [file.relative_to(PROJECT).as_posix() for file in PAYLOAD]
    head = json.dumps([[name, len(content)] for name, content in zip(names, contents, strict=True)])
    data = head.encode() + b"\n" + b"".join(contents)
    assert len(data) <= PAYLOAD_BYTES_MAX
    path.write_bytes(data)


class CortexM:
    """The machine from its start to `stop`; `run` gives its prompt some code."""

    def __init__(self, firmware: Path, payload: Path):
        qemu = toolchain.qemu_system_arm() or missing(toolchain.explain("qemu-system-arm"))
        words = ["-machine", MACHINE, "-display", "none", "-monitor", "none", "-semihosting", "-serial", "stdio"]
        words += ["-device", f"loader,file={payload},addr={PAYLOAD_AT:#x},force-raw=on", "-kernel", str(firmware)]
        self._process = subprocess.Popen(
            [*qemu, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        self._said = b""
        try:
            self._until(b">>> ", START_TIMEOUT_S)
            self._type(b"\x01")
            self._until(b"raw REPL; CTRL-B to exit\r\n>", START_TIMEOUT_S)
            self.run(START.read_text(), START_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise

    def run(self, code: str, timeout_s: float) -> str:
        """What the code printed. Raises AssertionError with its traceback, or with what it had printed in that time."""
        self._type(code.encode() + b"\x04")
        self._until(b"OK", START_TIMEOUT_S)
        printed = self._until(b"\x04", timeout_s)
        fault = self._until(b"\x04>", START_TIMEOUT_S)
        assert not fault, f"{printed}\n{fault}"
        return printed

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _type(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    def _until(self, end: bytes, timeout_s: float) -> str:
        """What the machine says before `end`."""
        assert self._process.stdout is not None
        end_s = time.monotonic() + timeout_s
        while end not in self._said:
            left_s = end_s - time.monotonic()
            assert left_s > 0, f"expected {end!r} within {timeout_s:g} s, found {self._said!r}"
            if select.select([self._process.stdout], [], [], left_s)[0]:
                data = os.read(self._process.stdout.fileno(), 4096)
                assert data, f"the emulator has ended: {self._said!r}"
                self._said += data
        said, _end, self._said = self._said.partition(end)
        return said.decode(errors="replace").replace("\r\n", "\n")
