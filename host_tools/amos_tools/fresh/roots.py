"""Debian roots in the cache: made once by debootstrap, with README's packages and one user who is not root."""

import fcntl
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amos_tools.fresh import machine
from amos_tools.fresh.machine import Bind
from amos_tools.toolchain import ToolMissing, cache, mirrors

UID = 1000
USER = "anna"
HOME = f"/home/{USER}"
PIP_CACHE = "/var/cache/pip"
PIP_CONF = "/etc/pip.conf"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
QEMU = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}
PROCESSOR = {"arm64": "cortex-a72", "armhf": "cortex-a7"}
"""What is emulated: a Raspberry Pi 4's and 2's. QEMU's own choice has vector instructions (SVE) that no Raspberry Pi
has, and of which QEMU 7.2 copies memory wrong."""
HOST_PACKAGES = "debootstrap"
EMULATOR_PACKAGES = "qemu-user-static binfmt-support"


@dataclass(frozen=True)
class Root:
    """A root of a Debian `release` for `arch`, with `packages` installed; `folder` is where it is."""

    release: str
    arch: str
    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return cache.folder("roots") / f"{self.release}-{self.arch}"

    @property
    def home(self) -> Path:
        """The user's home, as it is seen from outside."""
        return self.folder / HOME.lstrip("/")


def check_machine(arch: str) -> None:
    """Raises `ToolMissing` with what this machine lacks to make and enter roots of `arch`."""
    if os.geteuid() != 0:
        raise ToolMissing("make fresh makes and enters Debian roots, which only root may: sudo make fresh")
    if shutil.which("debootstrap") is None:
        raise ToolMissing(f"debootstrap is missing: apt install {HOST_PACKAGES}")
    qemu = QEMU.get(arch)
    if qemu is None or _native() == arch:
        return
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)], capture_output=True, check=False)
    if not (BINFMT / qemu).exists() and shutil.which("update-binfmts"):
        subprocess.run(["update-binfmts", "--enable", qemu], capture_output=True, check=False)
    if not (BINFMT / qemu).exists():
        raise ToolMissing(f"this machine does not run {arch} programs: apt install {EMULATOR_PACKAGES}")


def _native() -> str:
    return _run(["dpkg", "--print-architecture"], "dpkg cannot tell its architecture").strip()


@contextmanager
def in_use(root: Root) -> Iterator[None]:
    """Holds the root for one process; another waits here."""
    with Path(f"{root.folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepared(root: Root) -> None:
    """Make the root unless it is there, and give it an empty home. Raises `ToolMissing`."""
    done = root.folder / ".amos-packages"
    wanted = " ".join(root.packages)
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(root.folder, ignore_errors=True)
        _bootstrap(root)
        script = f"apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install {wanted}"
        inside(root, f"{script} && useradd --uid {UID} --shell /bin/bash {USER}", uid=0, log=log_of(root, "packages"))
        done.write_text(wanted)
    shutil.rmtree(root.home, ignore_errors=True)
    root.home.mkdir(parents=True)
    os.chown(root.home, UID, UID)


def _bootstrap(root: Root) -> None:
    failure = "no mirror"
    for mirror in mirrors.candidates():
        words = ["debootstrap", "--variant=minbase", f"--arch={root.arch}", root.release, str(root.folder), mirror]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            dump = _run(["apt-config", "dump"], "apt-config does not run")
            (root.folder / "etc/apt/apt.conf.d/00machine").write_text(machine.apt_conf(dump))
            return
        failure = f"{mirror}: {(done.stdout.strip().splitlines() or ['no reason given'])[-1]}"
        shutil.rmtree(root.folder, ignore_errors=True)
    raise ToolMissing(f"debootstrap {root.release} for {root.arch} failed: {failure}")


def log_of(root: Root, step: str) -> Path:
    """The file for what a step says in a root; empty."""
    log = cache.folder("fresh") / f"{root.release}-{root.arch}-{step}.log"
    log.write_text("")
    return log


def inside(root: Root, command: str, log: Path, uid: int = UID, folder: str = "/") -> None:
    """Run the shell `command` in the root, with this machine's network and pip settings. What it says goes to `log`.
    Raises `ToolMissing` with its last line when it fails."""
    found = _settings()
    # The root's own packages write where the user's pip is to read this machine's certificates.
    paths = (*machine.NETWORK_FILES, *(found.paths if uid else ()))
    binds = [Bind(path, path) for path in paths if Path(path).exists()] + (_pip_binds(found) if uid else [])
    environment = _environment(found.environment if uid else {}) | {"PIP_CACHE_DIR": PIP_CACHE}
    if root.arch in PROCESSOR:
        environment["QEMU_CPU"] = PROCESSOR[root.arch]
    script = machine.enter_script(str(root.folder), binds, uid, f"cd {shlex.quote(folder)} && {command}")
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
    with log.open("ab") as out:
        code = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode
    if code:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise ToolMissing(f"{(lines or [f'exit code {code}'])[-1]}; see {log}")


def _pip_binds(found: machine.Settings) -> list[Bind]:
    """This machine's settings, and a cache of wheels that lasts."""
    wheels, conf = cache.folder("pip"), cache.folder("roots") / "pip.conf"
    os.chown(wheels, UID, UID)
    conf.write_text(found.pip_conf)
    return [Bind(PIP_CONF, str(conf)), Bind(PIP_CACHE, str(wheels), writable=True)]


def _environment(network: Mapping[str, str]) -> dict[str, str]:
    user = {"HOME": HOME, "USER": USER, "LOGNAME": USER, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    return {**network, **user}


def _settings() -> machine.Settings:
    files = [Path(name).expanduser() for name in machine.PIP_FILES]
    return machine.settings([path.read_text() for path in files if path.is_file()], os.environ)


def _run(argv: list[str], failure: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolMissing(f"{failure}: {done.stderr.strip()}")
    return done.stdout
