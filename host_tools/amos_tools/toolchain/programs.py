"""Where each tool comes from, and how it is started."""

import ctypes
import os
import re
import shutil
from functools import partial
from pathlib import Path

from amos_tools.toolchain.debian import SOURCE, Bundle, architecture, unpacked, unpacked_source
from amos_tools.toolchain.errors import ToolMissing
from amos_tools.toolchain.started import output_of

MICROPYTHON_MIN = (1, 25)
MICROPYTHON_RELEASES = {(1, 25): "trixie", (1, 26): "forky"}
"""Version -> the release of Debian that has it: the oldest that the firmware runs on, and the newest there is."""

# What `ld.so --list mosquitto` names; the package's other dependencies serve its plugins and its service.
MOSQUITTO = (
    *("mosquitto", "libc6", "libcap2", "libdlt2", "libgcc-s1", "libssl3t64", "libsystemd0"),
    *("libwebsockets19t64", "libwrap0", "libzstd1", "zlib1g"),
)
MOSQUITTO_CLIENTS = (
    *("mosquitto-clients", "libmosquitto1", "libcjson1", "libcares2", "libc6", "libgcc-s1", "libssl3t64", "libzstd1"),
    "zlib1g",
)
# What `ld.so --list scsynth` names, and its unit generators; its other dependencies serve real-time audio.
SCSYNTH = (
    *("supercollider-server", "libscsynth1t64", "libc6", "libgcc-s1", "libstdc++6", "libsndfile1"),
    *("libavahi-common3", "libavahi-client3", "libjack-jackd2-0", "libboost-filesystem1.83.0", "libfftw3-single3"),
    *("libflac14", "libvorbis0a", "libvorbisenc2", "libopus0", "libogg0", "libmpg123-0t64", "libmp3lame0"),
    *("libdbus-1-3", "libdb5.3t64", "libsystemd0", "libcap2", "libx11-6", "libxcb1", "libxau6", "libxdmcp6"),
)
# What `ldd postgres initdb` names beside the C library, without the compiler of queries.
POSTGRES = (
    *("postgresql-15", "postgresql-client-15", "libpq5", "libicu72", "libxml2", "libssl3", "libldap-2.5-0", "libpam0g"),
    *("libgssapi-krb5-2", "libkrb5-3", "libkrb5support0", "libk5crypto3", "libkeyutils1", "libcom-err2", "liblz4-1"),
    *("libzstd1", "libsystemd0", "libsasl2-2", "libaudit1", "libcap-ng0", "libcap2", "libgcrypt20", "libgpg-error0"),
    *("liblzma5", "libgnutls30", "libhogweed6", "libnettle8", "libgmp10", "libidn2-0", "libp11-kit0", "libtasn1-6"),
    *("libunistring2", "libffi8", "zlib1g", "libstdc++6", "libgcc-s1"),
)
POSTGRES_RELEASE = "bookworm"  # as for ALSA: its programs start each other, with the machine's own C library
ALSA = "libasound.so.2"
ALSA_RELEASE = "bookworm"  # Debian 12: the oldest C library that any of our machines has
# What arm-none-eabi-gcc and the programs that it starts load; libnewlib-dev has the C library's headers.
ARM_GCC = (
    *("gcc-arm-none-eabi", "binutils-arm-none-eabi", "libnewlib-dev"),
    *("libgmp10", "libisl23", "libmpc3", "libmpfr6"),
)
ARM_GCC_RELEASE = "bookworm"  # as for ALSA: its programs start each other, with the machine's own C library
# What `ld.so --list strace` names.
STRACE = ("strace", "libc6", "libunwind8", "liblzma5", "libgcc-s1")
ZSH_RELEASE = "bookworm"  # as for ALSA: it runs with the C library and the terminal library of the machine
# With Go's library for signed notes and Merkle logs, which the tests check ours with.
GO = ("golang-1.19-go", "golang-golang-x-mod-dev")
GO_RELEASE = (
    "bookworm"  # the last whose Go comes with its library compiled; later ones need 18 MB of source and a build
)
GO_ROOT = "usr/lib/go-1.19"
GO_PACKAGES = (
    *(
        "bufio",
        "bytes",
        "crypto",
        "encoding",
        "errors",
        "fmt",
        "hash",
        "internal",
        "io",
        "math",
        "os",
        "path",
        "reflect",
    ),
    *("runtime", "sort", "strconv", "strings", "sync", "syscall", "time", "unicode"),
)
# Of 330 MB: the compiler, the linker, and of the library what a small program without network is linked from.
GO_ONLY = (
    *(f"{GO_ROOT}/pkg/tool/linux_*/{program}" for program in ("compile", "link")),
    *(f"{GO_ROOT}/pkg/linux_*/{package}*" for package in GO_PACKAGES),
    "usr/share/gocode/src/golang.org/x/mod/sumdb",
)
QEMU_ARM = "usr/bin/qemu-arm"  # linked statically, so nothing else is needed

_VERSION = "import sys; print('version', *sys.implementation.version[:2])"


def micropython_native() -> list[str]:
    """MicroPython for this machine. Raises `ToolMissing`."""
    installed = shutil.which("micropython")
    if installed is not None and _micropython_version([installed]) >= MICROPYTHON_MIN:
        return [installed]
    bundle = _micropython(architecture())
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
    bundle = _micropython("armhf")
    return [qemu, *start(unpacked(bundle, lambda root: _check_micropython([qemu, *start(root)])))]


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
    command = _own_loader(unpacked(_micropython("armhf")), program="usr/bin/micropython")
    return command if _micropython_version(command) >= MICROPYTHON_MIN else None


MICROPYTHON_BUILDS = {
    "native": micropython_native,
    "armhf": micropython_armhf,
    "compiling": micropython_compiling,
}


def word_bytes(argv: list[str]) -> int:
    """4 or 8, asked of the MicroPython that `argv` starts."""
    return 8 if output_of([*argv, "-c", "import sys; print(sys.maxsize > 2**31)"]).strip() == "True" else 4


def _compiles(argv: list[str]) -> bool:
    code = "@micropython.viper\ndef f():\n    pass\nprint('compiled')"
    return "compiled" in output_of([*argv, "-c", "import micropython\n" + code])


def _micropython(architecture: str, version: tuple[int, int] = MICROPYTHON_MIN) -> Bundle:
    """Named by its version: another one that its release has later is another bundle."""
    name, release = f"micropython-{version[0]}.{version[1]}", MICROPYTHON_RELEASES[version]
    return Bundle(name, ("micropython",), architecture, release=release, closure=architecture != SOURCE)


def micropython_version(version: tuple[int, int]) -> list[str]:
    """MicroPython of exactly that version, one of `MICROPYTHON_RELEASES`. Raises `ToolMissing`."""
    installed = shutil.which("micropython")
    if installed is not None and _micropython_version([installed]) == version:
        return [installed]
    start = partial(_own_loader, program="usr/bin/micropython")
    bundle = _micropython(architecture(), version)
    return start(unpacked(bundle, lambda root: _check_version(version, _micropython_version(start(root)))))


def micropython_source(version: tuple[int, int]) -> Path:
    """The source of MicroPython of that version, one of `MICROPYTHON_RELEASES`. Raises `ToolMissing`."""

    def check(root: Path) -> None:
        text = (root / "py" / "mpconfig.h").read_text()
        found = re.findall(r"(?m)^#define MICROPY_VERSION_M(?:AJOR|INOR) (\d+)$", text)
        _check_version(version, tuple(map(int, found)))

    return unpacked_source(_micropython(SOURCE, version), check)


def arm_gcc() -> dict[str, str]:
    """What a build with `arm-none-eabi-gcc` has to find in its environment: PATH, libraries, headers. Raises
    `ToolMissing`."""
    if shutil.which("arm-none-eabi-gcc") is not None:
        return {}
    root = unpacked(Bundle("arm-gcc", ARM_GCC, architecture(), release=ARM_GCC_RELEASE))
    libraries = next(root.glob("usr/lib/*-linux-gnu*"))
    return {
        "PATH": f"{root / 'usr/bin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": str(libraries),
        "C_INCLUDE_PATH": str(root / "usr/include/newlib"),
    }


def qemu_system_arm() -> list[str]:
    """The start of a command line that emulates a whole ARM machine. Raises `ToolMissing`."""
    installed = shutil.which("qemu-system-arm")
    if installed is not None:
        return [installed]
    start = partial(_own_loader, program="usr/bin/qemu-system-arm")
    bundle = Bundle("qemu-system-arm", ("qemu-system-arm",), architecture(), closure=True)
    return start(unpacked(bundle, lambda root: _check_output([*start(root), "--version"], "QEMU emulator")))


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


def mosquitto_clients() -> dict[str, list[str]]:
    """`mosquitto_pub` and `mosquitto_sub`, installed or fetched, by name. Raises `ToolMissing`."""
    names = ("mosquitto_pub", "mosquitto_sub")
    if all(shutil.which(name) for name in names):
        return {name: [name] for name in names}
    root = unpacked(Bundle("mosquitto-clients", MOSQUITTO_CLIENTS, architecture()))
    return {name: _own_loader(root, program=f"usr/bin/{name}") for name in names}


def postgres() -> tuple[Path, dict[str, str]]:
    """(folder of the server's programs, their environment), installed or fetched. Debian keeps them in a folder for
    each version. Raises `ToolMissing`."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent, {}
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent, {}
    root = unpacked(Bundle("postgres", POSTGRES, architecture(), release=POSTGRES_RELEASE))
    libraries = next(root.glob("usr/lib/*-linux-gnu*"))
    return next(root.glob("usr/lib/postgresql/*/bin")), {"LD_LIBRARY_PATH": str(libraries)}


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


def zsh() -> str:
    """The shell, installed or fetched. Raises `ToolMissing`."""
    installed = shutil.which("zsh")
    if installed is not None:
        return installed

    def program(root: Path) -> str:
        return str(next((path for name in ("bin", "usr/bin") if (path := root / name / "zsh").exists()), root))

    bundle = Bundle("zsh", ("zsh",), architecture(), release=ZSH_RELEASE)
    return program(unpacked(bundle, lambda root: _check_output([program(root), "--version"], "zsh ")))


def go() -> Path:
    """The folder that `GO` is unpacked into. Raises `ToolMissing`."""

    def check(root: Path) -> None:
        compiler = next(root.glob(f"{GO_ROOT}/pkg/tool/linux_*/compile"), root)
        _check_output([str(compiler), "-V"], "compile version go1.19")

    return unpacked(Bundle("go", GO, architecture(), only=GO_ONLY, release=GO_RELEASE), check)


def strace() -> list[str]:
    """The tracer of system calls, installed or fetched. Raises `ToolMissing`."""
    installed = shutil.which("strace")
    if installed is not None:
        return [installed]
    start = partial(_own_loader, program="usr/bin/strace")
    bundle = Bundle("strace", STRACE, architecture())
    return start(unpacked(bundle, lambda root: _check_output([*start(root), "-V"], "strace -- version")))


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
    match = re.search(r"^version (\d+) (\d+)$", output_of([*argv, "-c", _VERSION]), re.MULTILINE)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _check_version(version: tuple[int, int], found: tuple[int, ...]) -> None:
    if found != version:
        expected, came = (".".join(map(str, numbers)) for numbers in (version, found))
        raise ToolMissing(f"MicroPython: expected {expected} in Debian's {MICROPYTHON_RELEASES[version]}, found {came}")


def _check_output(argv: list[str], expected: str) -> None:
    if expected not in output_of(argv):
        raise ToolMissing(f"{' '.join(argv)} was fetched but does not start here")
