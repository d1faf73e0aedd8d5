"""Debian packages unpacked into the cache, without root and without touching the system's package state.

apt itself checks the archive's signature and every package's hash; only its folders and its source list are ours.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from amos_tools.toolchain import cache
from amos_tools.toolchain.errors import ToolMissing
from amos_tools.toolchain.mirrors import candidates

RELEASE = "trixie"  # Debian 13: the first with MicroPython >= 1.25
KEYRINGS = tuple(Path(f"/usr/share/keyrings/debian-archive-keyring.{end}") for end in ("pgp", "gpg"))
SOURCE = "source"
"""In place of an architecture: what packages are built from."""

TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Bundle:
    """Packages of one architecture that are unpacked into one folder, named `name` in the cache.

    only    when not empty, the only paths to unpack (qemu-user holds 465 MB of emulators for one we want); a folder
            stands for all in it, and each name may have wildcards (fnmatch)
    release of Debian; a library that this process is to load must be as old as its C library
    closure whether all that the packages depend on comes too, as apt finds it
    """

    name: str
    packages: tuple[str, ...]
    architecture: str
    only: tuple[str, ...] = ()
    release: str = RELEASE
    closure: bool = False

    def folder_name(self) -> str:
        """Changes with the contents asked for, so that an older bundle is never taken for this one."""
        contents = "\n".join((*self.packages, "", *self.only, *(["", "closure"] if self.closure else [])))
        digest = hashlib.sha256(contents.encode()).hexdigest()[:8]
        return f"{self.name}-{self.release}-{self.architecture}-{digest}"


def architecture() -> str:
    """Debian's name for this machine's programs: amd64, arm64, armhf, ..."""
    _need("dpkg-deb")
    return _run(["dpkg", "--print-architecture"], "dpkg cannot tell its architecture").strip()


def in_cache(bundle: Bundle) -> Path | None:
    """The root folder that holds `bundle`, if it has been fetched already."""
    root = cache.folder() / bundle.folder_name()
    return root if root.is_dir() else None


def unpacked(bundle: Bundle, check: Callable[[Path], None] = lambda root: None) -> Path:
    """The root folder that holds `bundle`, fetched if it is not in the cache yet.

    check   called with the new root; whatever it raises is passed on and leaves nothing behind
    Raises `ToolMissing`. Two processes that ask at the same time fetch once.
    """

    def fill(workspace: Path, root: Path) -> None:
        _fetch(bundle, workspace, root)
        check(root)

    return _kept(bundle, fill)


def unpacked_source(bundle: Bundle, check: Callable[[Path], None] = lambda root: None) -> Path:
    """The folder of the source of a package, in a bundle for `SOURCE`, as its authors published it: without Debian's
    patches. As `unpacked` else."""

    def fill(workspace: Path, root: Path) -> None:
        _fetch_source(bundle, workspace, root)
        check(root)

    return _kept(bundle, fill)


def _kept(bundle: Bundle, fill: Callable[[Path, Path], None]) -> Path:
    """The bundle's folder in the cache; if it is not there yet, `fill(apt's workspace, folder)` makes it."""
    tools = cache.folder()
    root = tools / bundle.folder_name()
    if root.is_dir():
        return root
    try:
        with cache.locked(tools):
            if not root.is_dir():
                with cache.staged(tools, bundle.folder_name()) as partial:
                    fill(tools / f"apt-{bundle.release}-{bundle.architecture}", partial)
    except OSError as error:
        raise ToolMissing(f"{bundle.name} could not be unpacked into {tools}: {error}") from error
    return root


def _fetch(bundle: Bundle, workspace: Path, root: Path) -> None:
    _need("dpkg-deb")
    words = ["download", *bundle.packages]
    if bundle.closure:
        # To apt nothing is installed here, so it fetches all that the packages need.
        words = ["install", "--download-only", "--no-install-recommends", "--yes", *bundle.packages]
    archives = _download(bundle, words, workspace, root)
    for package in sorted(archives.glob("*.deb")):
        _unpack(package, root, bundle.only)
    shutil.rmtree(archives)


def _fetch_source(bundle: Bundle, workspace: Path, root: Path) -> None:
    archives = _download(bundle, ["source", "--download-only", *bundle.packages], workspace, root)
    try:
        with tarfile.open(next(archives.glob("*.orig.tar.*"))) as archive:
            if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and later; Debian 12 has 3.11.2
                archive.extraction_filter = tarfile.data_filter
            archive.extractall(archives / "tree")  # apt has checked who made it
    except (StopIteration, tarfile.TarError) as error:
        raise ToolMissing(f"{bundle.name}'s source could not be unpacked: {error}") from error
    (tree,) = (archives / "tree").iterdir()
    for path in tree.iterdir():
        path.rename(root / path.name)
    shutil.rmtree(archives)


def _download(bundle: Bundle, words: list[str], workspace: Path, root: Path) -> Path:
    """The folder below `root` into which `apt-get words` has fetched, from the first mirror that has it."""
    _need("apt-get")
    keyring = next((path for path in KEYRINGS if path.exists()), None)
    if keyring is None:
        raise ToolMissing(f"{bundle.name} cannot be fetched without Debian's keys: install debian-archive-keyring")
    downloads = root / ".downloads"
    (downloads / "partial").mkdir(parents=True)
    failure: ToolMissing | None = None
    for mirror in candidates():
        apt = ["apt-get", "-qq", "-c", str(_apt_conf(workspace, bundle, mirror, keyring, downloads))]
        try:
            _run([*apt, "update"], f"the package list of {mirror} could not be read")
            _run([*apt, *words], f"{bundle.name} could not be fetched from {mirror}", downloads)
            return downloads
        except ToolMissing as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _apt_conf(workspace: Path, bundle: Bundle, mirror: str, keyring: Path, downloads: Path) -> Path:
    """An apt.conf(5) that keeps the machine's proxy and certificates but none of its state, sources, pins and hooks.

    The sandbox user cannot read a private cache folder, so root downloads as root, which is what apt falls back to.
    """
    for name in ("state/lists/partial", "cache"):
        (workspace / name).mkdir(parents=True, exist_ok=True)
    (workspace / "status").touch()
    kind, index = ("deb-src", "Sources") if bundle.architecture == SOURCE else ("deb", "Packages")
    options = f"arch={bundle.architecture} target={index} lang=none signed-by={keyring}"
    (workspace / "sources.list").write_text(f"{kind} [{options}] {mirror} {bundle.release} main\n")
    conf = workspace / "apt.conf"
    conf.write_text(
        f"""\
#clear APT::Architectures;
#clear APT::Update;
#clear APT::Default-Release;
#clear DPkg;
APT::Architecture "{bundle.architecture}";
APT::Architectures {{ "{bundle.architecture}"; }};
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Dir::State "{workspace}/state";
Dir::State::status "{workspace}/status";
Dir::Cache "{workspace}/cache";
Dir::Cache::archives "{downloads}";
Dir::Etc::sourcelist "{workspace}/sources.list";
Dir::Etc::sourceparts "{workspace}/none";
Dir::Etc::preferences "{workspace}/none";
Dir::Etc::preferencesparts "{workspace}/none";
"""
    )
    return conf


def _unpack(package: Path, root: Path, only: tuple[str, ...]) -> None:
    if not only:
        _run(["dpkg-deb", "-x", str(package), str(root)], f"{package.name} could not be unpacked")
        return
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            if member.isfile() and _wanted(member.name.removeprefix("./"), only):
                content = archive.extractfile(member)
                assert content is not None
                target = root / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)
                target.chmod(member.mode)


def _wanted(path: str, only: tuple[str, ...]) -> bool:
    """Whether a path, or a folder above it, is one of those; a wildcard matches within one name."""
    names = path.split("/")
    return any(
        len(names) >= len(patterns) and all(map(fnmatchcase, names, patterns))
        for patterns in (pattern.split("/") for pattern in only)
    )


def _need(program: str) -> None:
    if shutil.which(program) is None:
        raise ToolMissing(f"tools are fetched as Debian packages, and this machine has no {program}: install them")


def _run(argv: list[str], failure: str, cwd: Path | None = None) -> str:
    """The program's output. Raises `ToolMissing` with `failure` and the program's first error line."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise ToolMissing(f"{failure}: no answer in {TIMEOUT_S} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line.removeprefix("E:").strip() for line in lines if line.startswith("E:")]
        raise ToolMissing(f"{failure}: {(errors or lines or [f'exit code {done.returncode}'])[0]}")
    return done.stdout
