"""Where each tool comes from, and how it is started."""

import ctypes
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

from amos_tools.toolchain.debian import Bundle, architecture, unpacked
from amos_tools.toolchain.errors import ToolMissing

MICROPYTHON_MIN = (1, 25)
MICROPYTHON = ("micropython", "libc6", "libffi8", "libgcc-s1", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")
# What `ld.so --list mosquitto` names; the package's other dependencies serve its plugins and its service.
MOSQUITTO = (
    *("mosquitto", "libc6", "libcap2", "libdlt2", "libgcc-s1", "libssl3t64", "libsystemd0"),
    *("libwebsockets19t64", "libwrap0", "libzstd1", "zlib1g"),
)
# What `ld.so --list scsynth` names, and its unit generators; its other dependencies serve real-time audio.
SCSYNTH = (
    *("supercollider-server", "libscsynth1t64", "libc6", "libgcc-s1", "libstdc++6", "libsndfile1"),
    *("libavahi-common3", "libavahi-client3", "libjack-jackd2-0", "libboost-filesystem1.83.0", "libfftw3-single3"),
    *("libflac14", "libvorbis0a", "libvorbisenc2", "libopus0", "libogg0", "libmpg123-0t64", "libmp3lame0"),
    *("libdbus-1-3", "libdb5.3t64", "libsystemd0", "libcap2", "libx11-6", "libxcb1", "libxau6", "libxdmcp6"),
)
ARMHF = Bundle("micropython", MICROPYTHON, "armhf")
ALSA = "libasound.so.2"
ALSA_RELEASE = "bookworm"  # Debian 12: the oldest C library that any of our machines has
QEMU_ARM = "usr/bin/qemu-arm"  # linked statically, so nothing else is needed
START_TIMEOUT_S = 60

_VERSION = "import sys; print('version', *sys.implementation.version[:2])"


def micropython_native() -> list[str]:
    """MicroPython for this machine. Raises `ToolMissing`."""
    installed = shutil.which("micropython")
    if installed is not None and _micropython_version([installed]) >= MICROPYTHON_MIN:
        return [installed]
    bundle = Bundle("micropython", MICROPYTHON, architecture())
    start = partial(_own_loader, program="usr/bin/micropython")
    return start(unpacked(bundle, lambda root: _check_micropython(start(root))))


def micropython_armhf() -> list[str]:
    """MicroPython's 32-bit ARM build, under qemu-arm where the processor cannot run it. Raises `ToolMissing`."""
    native = architecture()
    if native == "armhf":
        return micropython_native()
    if native == "arm64":
        command = _armhf_unaided()
        if command is not None:
            return command
    qemu = _qemu_arm(native)
    start = partial(_own_loader, program="usr/bin/micropython")
    return [qemu, *start(unpacked(ARMHF, lambda root: _check_micropython([qemu, *start(root)])))]


def micropython_compiling() -> list[str]:
    """A MicroPython that compiles to machine code and needs no emulator. Raises `ToolMissing`."""
    native = architecture()
    found = _armhf_unaided() if native == "arm64" else micropython_native()
    if found is None:
        raise ToolMissing("MicroPython has no compiler for 64-bit ARM, and this processor runs no 32-bit programs")
    if not _compiles(found):
        raise ToolMissing(f"MicroPython has no compiler for {native}")
    return found


def _armhf_unaided() -> list[str] | None:
    """The 32-bit build on a 64-bit ARM processor, most of which run 32-bit programs."""
    command = _own_loader(unpacked(ARMHF), program="usr/bin/micropython")
    return command if _micropython_version(command) >= MICROPYTHON_MIN else None


MICROPYTHON_BUILDS = {
    "native": micropython_native,
    "armhf": micropython_armhf,
    "compiling": micropython_compiling,
}


def word_bytes(argv: list[str]) -> int:
    """4 or 8, asked of the MicroPython that `argv` starts."""
    return 8 if _output([*argv, "-c", "import sys; print(sys.maxsize > 2**31)"]).strip() == "True" else 4


def _compiles(argv: list[str]) -> bool:
    code = "@micropython.viper\ndef f():\n    pass\nprint('compiled')"
    return "compiled" in _output([*argv, "-c", "import micropython\n" + code])


def mosquitto_on_path() -> list[str]:
    """An installed mosquitto; Debian keeps it in /usr/sbin, which is not on everyone's PATH. Raises `ToolMissing`."""
    installed = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if installed is None:
        raise ToolMissing("mosquitto is not installed")
    return [installed]


def mosquitto() -> list[str]:
    """The mosquitto broker, installed or fetched. Raises `ToolMissing`."""
    try:
        return mosquitto_on_path()
    except ToolMissing:
        start = partial(_own_loader, program="usr/sbin/mosquitto")
        bundle = Bundle("mosquitto", MOSQUITTO, architecture())
        return start(unpacked(bundle, lambda root: _check_output([*start(root), "-h"], "mosquitto version")))


def scsynth() -> list[str]:
    """SuperCollider's server, installed or fetched, with its own unit generators. Raises `ToolMissing`."""
    installed = shutil.which("scsynth")
    if installed is not None:
        return [installed]
    start = partial(_own_loader, program="usr/bin/scsynth")
    bundle = Bundle("scsynth", SCSYNTH, architecture())
    root = unpacked(bundle, lambda root: _check_output([*start(root), "-v"], "scsynth"))
    return [*start(root), "-U", str(root / "usr/lib/SuperCollider/plugins")]


def alsa() -> str:
    """ALSA's library, as a name or a path to load in this process. Raises `ToolMissing`."""
    try:
        ctypes.CDLL(ALSA)
        return ALSA
    except OSError:
        bundle = Bundle("alsa", ("libasound2",), architecture(), release=ALSA_RELEASE)
        path = next(unpacked(bundle).glob(f"usr/lib/*/{ALSA}"), None)
    try:
        return ctypes.CDLL(str(path))._name
    except OSError as error:
        raise ToolMissing(f"{ALSA} was fetched but cannot be loaded here: {error}") from None


def debian_data(package: str) -> Path:
    """The root of an architecture-independent package. Raises `ToolMissing`."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", package):
        raise ValueError(f"a Debian package name is lower-case letters, digits and +.-, not {package!r}")
    return unpacked(Bundle(package, (package,), architecture()))


def _qemu_arm(native: str) -> str:
    installed = shutil.which("qemu-arm") or shutil.which("qemu-arm-static")
    if installed is not None:
        return installed
    return str(unpacked(Bundle("qemu-arm", ("qemu-user",), native, only=(QEMU_ARM,))) / QEMU_ARM)


def _own_loader(root: Path, program: str) -> list[str]:
    """Starts `program` with the C library it was built for, which the system's may be too old to replace."""
    loader = next(iter([*root.glob("usr/lib*/ld-linux*.so.*"), *root.glob("usr/lib*/ld64.so.*")]), None)
    libraries = next(root.glob("usr/lib/*-linux-gnu*"), None)
    if loader is None or libraries is None or not (root / program).exists():
        raise ToolMissing(f"{program} with its C library is not where Debian's packages usually have it, in {root}")
    # Some packages keep their library directly below usr/lib.
    return [str(loader), "--library-path", f"{libraries}:{libraries.parent}", str(root / program)]


def _check_micropython(argv: list[str]) -> None:
    if _micropython_version(argv) < MICROPYTHON_MIN:
        raise ToolMissing(f"MicroPython was fetched but does not start here: {' '.join(argv)}")


def _micropython_version(argv: list[str]) -> tuple[int, int]:
    """(0, 0) where it does not start."""
    match = re.search(r"^version (\d+) (\d+)$", _output([*argv, "-c", _VERSION]), re.MULTILINE)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _check_output(argv: list[str], expected: str) -> None:
    if expected not in _output(argv):
        raise ToolMissing(f"{' '.join(argv)} was fetched but does not start here")


def _output(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
