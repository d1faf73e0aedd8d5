"""Programs the demo and the tests use but Python packages do not bring: found on PATH, else fetched without root.

Standard library only: it also runs before the project's own environment exists. Every function returns None where the
tool cannot be had; `explain` then says why in one line.
"""

from pathlib import Path

from amos_tools.toolchain import browser, programs
from amos_tools.toolchain.errors import ToolMissing
from amos_tools.toolchain.programs import MICROPYTHON_RELEASES

__all__ = [
    "MICROPYTHON_RELEASES",
    "ToolMissing",
    "alsa",
    "arm_gcc",
    "browser_at_hand",
    "chromium",
    "debian_data",
    "explain",
    "go",
    "micropython",
    "micropython_source",
    "micropython_version",
    "mosquitto",
    "mosquitto_clients",
    "postgres",
    "qemu_system_arm",
    "scsynth",
    "strace",
    "word_bytes",
    "zsh",
]

_reasons: dict[str, str] = {}


def micropython(build: str = "native") -> list[str] | None:
    """The start of a command line that runs MicroPython >= 1.25 (unix port).

    build   "native": this machine's. "armhf": the real 32-bit ARM build; elsewhere than on ARM it runs under qemu-arm,
            10 to 30 times slower. "compiling": a build that this machine runs itself and that compiles to machine
            code, which a player needs to be fast; on 64-bit ARM that is the 32-bit build
    """
    if build not in programs.MICROPYTHON_BUILDS:
        raise ValueError(f"build is one of {', '.join(programs.MICROPYTHON_BUILDS)}, not {build!r}")
    try:
        return programs.MICROPYTHON_BUILDS[build]()
    except ToolMissing as missing:
        _reasons["micropython" if build == "native" else build] = str(missing)
        return None


def micropython_version(version: tuple[int, int]) -> list[str] | None:
    """The start of a command line that runs MicroPython of exactly that version, one of `MICROPYTHON_RELEASES`."""
    try:
        return programs.micropython_version(version)
    except ToolMissing as missing:
        _reasons["micropython"] = str(missing)
        return None


def micropython_source(version: tuple[int, int]) -> Path | None:
    """The folder of the source of MicroPython of that version, one of `MICROPYTHON_RELEASES`: a build's own tools, and
    ports that nobody has compiled for us. Only for reading: builds go elsewhere."""
    try:
        return programs.micropython_source(version)
    except ToolMissing as missing:
        _reasons["micropython-source"] = str(missing)
        return None


def arm_gcc() -> dict[str, str] | None:
    """The environment variables with which a build finds `arm-none-eabi-gcc`, the compiler for boards without a system;
    none where it is installed."""
    try:
        return programs.arm_gcc()
    except ToolMissing as missing:
        _reasons["arm-gcc"] = str(missing)
        return None


def qemu_system_arm() -> list[str] | None:
    """The start of a command line that emulates a whole ARM machine, such as one with a Cortex-M."""
    try:
        return programs.qemu_system_arm()
    except ToolMissing as missing:
        _reasons["qemu-system-arm"] = str(missing)
        return None


def word_bytes(micropython: list[str]) -> int:
    """The size of a word of the MicroPython that `micropython` starts: 4 or 8."""
    return programs.word_bytes(micropython)


def mosquitto(on_path: bool = False) -> list[str] | None:
    """The start of a command line that runs the mosquitto broker; with `on_path`, only an installed one.

    Started as root it becomes `nobody` before it opens its files and sockets, unless its configuration has `user root`.
    """
    try:
        return programs.mosquitto_on_path() if on_path else programs.mosquitto()
    except ToolMissing as missing:
        _reasons["mosquitto"] = str(missing)
        return None


def mosquitto_clients() -> dict[str, list[str]] | None:
    """The starts of command lines that run `mosquitto_pub` and `mosquitto_sub`, by name."""
    try:
        return programs.mosquitto_clients()
    except ToolMissing as missing:
        _reasons["mosquitto-clients"] = str(missing)
        return None


def postgres() -> tuple[Path, dict[str, str]] | None:
    """The folder with `postgres` and `initdb`, and the environment variables with which they start. Neither starts as
    root."""
    try:
        return programs.postgres()
    except ToolMissing as missing:
        _reasons["postgres"] = str(missing)
        return None


def chromium() -> tuple[Path, Path, dict[str, str]] | None:
    """A browser and its WebDriver, and the environment variables with which they start."""
    try:
        return browser.chromium()
    except ToolMissing as missing:
        _reasons["chromium"] = str(missing)
        return None


def browser_at_hand() -> tuple[Path, dict[str, str]] | None:
    """A Chromium or Chrome that need not be fetched, and the environment variables with which it starts."""
    try:
        return browser.browser_at_hand()
    except ToolMissing as missing:
        _reasons["browser"] = str(missing)
        return None


def scsynth() -> list[str] | None:
    """The start of a command line that runs SuperCollider's synthesis server, a yardstick for `amos bench`."""
    try:
        return programs.scsynth()
    except ToolMissing as missing:
        _reasons["scsynth"] = str(missing)
        return None


def alsa() -> str | None:
    """ALSA's library, as a name or a path to load in this process."""
    try:
        return programs.alsa()
    except ToolMissing as missing:
        _reasons["alsa"] = str(missing)
        return None


def zsh() -> str | None:
    """The path of zsh, in which the tests complete commands."""
    try:
        return programs.zsh()
    except ToolMissing as missing:
        _reasons["zsh"] = str(missing)
        return None


def go() -> Path | None:
    """The folder with Go's compiler, linker and compiled library, and the source of `golang.org/x/mod/sumdb`, at the
    paths of Debian's packages: `usr/lib/go-1.19/pkg`, `usr/share/gocode/src`."""
    try:
        return programs.go()
    except ToolMissing as missing:
        _reasons["go"] = str(missing)
        return None


def strace() -> list[str] | None:
    """The start of a command line that runs strace, with which tests kill a process at any system call."""
    try:
        return programs.strace()
    except ToolMissing as missing:
        _reasons["strace"] = str(missing)
        return None


def debian_data(package: str) -> Path | None:
    """The folder into which the architecture-independent Debian 13 `package` is unpacked (it holds `usr/...`)."""
    try:
        return programs.debian_data(package)
    except ToolMissing as missing:
        _reasons[package] = str(missing)
        return None


def explain(tool: str) -> str:
    """Why the last call for `tool` ("micropython", another build of it, "micropython-source", "mosquitto",
    "arm-gcc", "browser", "qemu-system-arm", "go", a package) gave None; one line."""
    return _reasons.get(tool, f"{tool} is not missing, or was not asked for")
