"""`python3 -I host_tools/amos_tools/bootstrap.py demo|test`: makes `.venv` and installs amos into it.

Runs on the system's Python, before anything is installed. `demo` installs what amos needs to run, `test` the
development tools too. Does nothing while a stamp in `.venv` shows that the same was installed already.
"""

from __future__ import annotations  # an older Python must get as far as the sentence that refuses it

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
STUBS = VENV / "micropython-stubs"
PYTHON_MIN = (3, 11)
PIP = "pip>=25.1"  # the first that reads dependency groups

INSTALLS: dict[str, list[list[str | Path]]] = {
    "demo": [["--editable", "."]],
    "test": [
        ["--upgrade", PIP],
        ["--editable", ".", "--group", "dev"],
        ["--target", STUBS, "--upgrade", "--group", "stubs"],
    ],
}


class SetupError(Exception):
    """One line that says what is missing and how to get it."""


def main(kind: str) -> None:
    if sys.version_info < PYTHON_MIN:
        raise SetupError(f"amos needs Python 3.11 or later, and this is {sys.version.split()[0]}: make PYTHON=...")
    wanted = _digest()
    if any(_read(_stamp(done)) == wanted for done in {kind, "test"}) and _works():
        return
    print("Installing amos into .venv (once; a minute or two)", flush=True)
    if not _works():
        _make()
    for arguments in INSTALLS[kind]:
        _pip(arguments)
    _stamp(kind).write_text(wanted)


def _digest() -> str:
    """Changes when the dependencies, the Python or the place of this checkout do."""
    parts = (PROJECT / "pyproject.toml").read_text(), sys.version, str(PROJECT)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _stamp(kind: str) -> Path:
    return VENV / f".installed-{kind}"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _works() -> bool:
    """Whether `.venv` was made here and its Python still starts (an upgrade of the system may have removed it)."""
    python = VENV / "bin" / "python"
    check = "import sys, pip; print(sys.prefix)"
    try:
        found = subprocess.run([python, "-c", check], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return Path(found.strip()).resolve() == VENV


def _make() -> None:
    try:
        import venv

        shutil.rmtree(VENV, ignore_errors=True)
        venv.create(VENV, symlinks=True)
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
    # Twice quiet: once still prints warnings about the machine's own pip settings.
    command: list[str | Path] = [
        VENV / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        *arguments,
    ]
    _run(command, f"pip install {arguments[0]} {arguments[1]} failed")


def _run(command: list[str | Path], failure: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run([str(part) for part in command], cwd=PROJECT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SetupError(failure)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in INSTALLS:
        sys.exit("usage: bootstrap.py demo|test")
    try:
        main(sys.argv[1])
    except SetupError as error:
        sys.exit(f"amos: {error}")
