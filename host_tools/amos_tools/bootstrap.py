"""`python3 -I host_tools/amos_tools/bootstrap.py demo|test`: makes `.venv` and installs amos into it.

Runs on the system's Python, before anything is installed. `demo` installs what amos needs to run, `test` the
development tools too. Does nothing while a stamp in `.venv` shows that the same was installed already. What an
interrupted run left is made anew by the next.
"""

from __future__ import annotations  # an older Python must get as far as the sentence that refuses it

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
STUBS = VENV / "micropython-stubs"
UNFINISHED = VENV / ".unfinished"
"""There while an install runs: whatever ended it, the next run then trusts nothing in `.venv`."""

PYTHON_MIN = (3, 11)
ERROR_LINES_MAX = 5
PIP = "pip>=25.1"  # the first that reads dependency groups
FROM_DEBIAN = struct.calcsize("P") == 4
"""32-bit ARM, for which the index has no wheels of compiled packages: `.venv` then sees those that Debian installed."""

DEBIAN_PACKAGES = "python3-numpy python3-scipy python3-soundfile python3-soxr python3-nacl python3-pydantic"
# The demo's broker has compiled parts that Debian 13 has only in versions too old; the demo then fetches mosquitto.
EXTRAS = "desk" if FROM_DEBIAN else "demo"

INSTALLS: dict[str, list[list[str | Path]]] = {
    "demo": [["--editable", f".[{EXTRAS}]"]],
    "test": [
        ["--upgrade", PIP],
        ["--editable", f".[{EXTRAS}]", "--group", "dev"],
        ["--target", STUBS, "--upgrade", "--group", "stubs"],
    ],
}


class SetupError(Exception):
    """One line that says what is missing and how to get it."""


class SwallowedInterrupts:
    """A Ctrl-C that comes while Python clears up after an import is told to `sys.unraisablehook` and forgotten; here
    it raises at the next step."""

    def __init__(self) -> None:
        self._came = False

    def hook(self, unraisable: sys.UnraisableHookArgs) -> None:
        """To be `sys.unraisablehook`."""
        if unraisable.exc_type is KeyboardInterrupt:
            self._came = True
        else:
            sys.__unraisablehook__(unraisable)

    def check(self) -> None:
        """Raises `KeyboardInterrupt` when one came."""
        if self._came:
            raise KeyboardInterrupt


swallowed = SwallowedInterrupts()


def main(kind: str) -> None:
    if sys.version_info < PYTHON_MIN:
        raise SetupError(f"amos needs Python 3.11 or later, and this is {sys.version.split()[0]}: make PYTHON=...")
    wanted = _digest()
    stamps = {done: _stamp(done) for done in INSTALLS}
    if any(_read(stamps[done]) == wanted for done in {kind, "test"}) and not UNFINISHED.exists() and _works():
        return
    print("Installing amos into .venv (once; a minute or two)", flush=True)
    if UNFINISHED.exists() or not _works() or not _pip_works():
        _make()
    for stamp in stamps.values():
        stamp.unlink(missing_ok=True)
    UNFINISHED.touch()
    for arguments in INSTALLS[kind]:
        _pip(arguments)
    _stamp(kind).write_text(wanted)
    UNFINISHED.unlink()


def _digest() -> str:
    """Changes when the dependencies, the version, the Python, the place of this checkout or the installs do."""
    version = _read(PROJECT / "firmware" / "amos" / "__init__.py")
    parts = (PROJECT / "pyproject.toml").read_text(), version, sys.version, str(PROJECT), str(INSTALLS)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _stamp(kind: str) -> Path:
    return VENV / f".installed-{kind}"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _works() -> bool:
    """Whether `.venv` was made here with this Python, which still starts (the system may have another by now)."""
    python = VENV / "bin" / "python"
    check = "import sys; print(sys.prefix, sys.version, sep='\\n')"
    try:
        found = subprocess.run([python, "-c", check], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    prefix, _newline, version = found.strip().partition("\n")
    return Path(prefix).resolve() == VENV and version == sys.version


def _pip_works() -> bool:
    """Whether pip loads all of itself: its package alone imports even when half of it is gone."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _make() -> None:
    try:
        import venv

        shutil.rmtree(VENV, ignore_errors=True)
        venv.create(VENV, symlinks=True, system_site_packages=FROM_DEBIAN)
        UNFINISHED.touch()
    except ImportError:
        raise SetupError("Python's venv module is missing: apt install python3-venv") from None
    except OSError as error:
        raise SetupError(f".venv cannot be made: {error}") from None
    _run(_pip_source(), "pip cannot be installed into .venv: apt install python3-venv")


def _pip_source() -> list[str | Path]:
    """The command that installs pip; Debian splits the wheel of it off into a package of its own."""
    python = VENV / "bin" / "python"
    try:
        import ensurepip

        ensurepip.version()
        return [python, "-m", "ensurepip", "--default-pip"]
    except (ImportError, OSError):
        sys.path.insert(0, str(PROJECT / "host_tools"))
        from amos_tools import toolchain

        root = toolchain.debian_data("python3-pip-whl")
        if root is None:
            reason = toolchain.explain("python3-pip-whl")
            raise SetupError(f"pip is missing: apt install python3-venv ({reason})") from None
        wheel = next(root.glob("usr/share/python-wheels/pip-*.whl"))
        return [python, wheel / "pip", "install", "-qq", "--no-index", wheel]


def _pip(arguments: list[str | Path]) -> None:
    # Twice quiet: once still prints warnings about the machine's own pip settings. Wheels alone: nobody here waits for
    # a compiler, or reads its complaints.
    options = ["-qq", "--disable-pip-version-check", "--only-binary=:all:"]
    command: list[str | Path] = [VENV / "bin" / "python", "-m", "pip", "install", *options, *arguments]
    _run(command, f"pip install {arguments[0]} {arguments[1]} failed", f"apt install {DEBIAN_PACKAGES}")


def _run(command: list[str | Path], failure: str, without_wheel: str = "") -> None:
    """Run it to its end. Raises `SetupError` with `failure` after what it said; on a machine for which a package has
    no wheel, with that package and the advice `without_wheel`."""
    swallowed.check()
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run([str(part) for part in command], cwd=PROJECT, env=environment, capture_output=True, text=True)
    swallowed.check()
    if not done.returncode:
        return
    lacking = re.search(r"No matching distribution found for (\S+)", done.stderr)
    if FROM_DEBIAN and lacking and without_wheel:
        raise SetupError(f"{lacking[1]} has no wheel for this machine; on Debian 13: {without_wheel}")
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    errors = [line for line in said if line.lower().startswith("error:")]
    print(*(errors or said)[-ERROR_LINES_MAX:], sep="\n", file=sys.stderr)
    raise SetupError(failure)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in INSTALLS:
        sys.exit("usage: bootstrap.py demo|test")
    sys.unraisablehook = swallowed.hook
    try:
        main(sys.argv[1])
    except SetupError as error:
        sys.exit(f"amos: {error}")
    except KeyboardInterrupt:
        print("amos: stopped before .venv was complete; the next run makes it anew", file=sys.stderr)
        sys.exit(130)
