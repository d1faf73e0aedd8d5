"""What `make` does before anything else: an install that broke off, a broken pip, a machine without wheels."""

import shutil
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
from patience import wait_until

from amos_tools import bootstrap

PROJECT = Path(__file__).resolve().parents[2]
Command = list[str | Path]


class Place:
    """A project of its own, and what pip was told in it."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / ".venv"
        self.told: list[Command] = []
        self.fails: BaseException | None = None

    def pip(self, arguments: Command) -> None:
        self.told.append(arguments)
        if self.fails is not None:
            raise self.fails


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(bootstrap, "PROJECT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", place.venv)
    monkeypatch.setattr(bootstrap, "UNFINISHED", place.venv / ".unfinished")
    monkeypatch.setattr(bootstrap, "_pip", place.pip)
    return place


MAKE_PIP = """
import pathlib, site
package = pathlib.Path(site.getsitepackages()[0], "pip")
package.mkdir()
(package / "__main__.py").touch()
"""


@pytest.fixture
def small_pip(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments get a pip that starts and does nothing: to unpack the real one takes seconds."""
    monkeypatch.setattr(bootstrap, "_pip_source", lambda: [place.venv / "bin" / "python", "-c", MAKE_PIP])


@pytest.mark.usefixtures("small_pip")
def test_what_is_installed_is_left_alone_until_the_dependencies_change(place: Place, tmp_path: Path) -> None:
    bootstrap.main("test")
    done = len(place.told)
    assert done == len(bootstrap.INSTALLS["test"])
    (place.venv / "kept").touch()
    bootstrap.main("test")
    bootstrap.main("demo")  # which `test` has in it
    assert len(place.told) == done
    (tmp_path / "pyproject.toml").write_text("changed")
    bootstrap.main("demo")
    assert len(place.told) == done + 1 and (place.venv / "kept").exists()


@pytest.mark.usefixtures("small_pip")
def test_another_python_makes_an_environment_of_its_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.main("demo")
    (place.venv / "of the other").touch()
    monkeypatch.setattr(sys, "version", "3.99.0")
    bootstrap.main("demo")
    assert not (place.venv / "of the other").exists()


@pytest.mark.usefixtures("small_pip")
@pytest.mark.parametrize("end", [KeyboardInterrupt(), bootstrap.SetupError("no network")])
def test_an_install_that_broke_off_is_made_anew(place: Place, end: BaseException) -> None:
    bootstrap.main("demo")
    place.fails = end
    with pytest.raises(type(end)):
        bootstrap.main("test")
    (place.venv / "half").touch()
    place.fails = None
    bootstrap.main("demo")  # was complete before, and is so no more
    assert not (place.venv / "half").exists() and place.told[-1] == bootstrap.INSTALLS["demo"][-1]


def test_a_broken_pip_is_repaired(place: Place) -> None:
    bootstrap.main("demo")
    shutil.rmtree(next(place.venv.glob("lib/*/site-packages/pip/_internal")))
    assert not bootstrap._pip_works()
    bootstrap.main("test")
    assert bootstrap._pip_works()


def test_without_a_wheel_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "ERROR: Ignored some\nERROR: No matching distribution found for numpy>=2.0\n"
    command: Command = [sys.executable, "-c", f"import sys; sys.exit({said!r})"]
    monkeypatch.setattr(bootstrap, "FROM_DEBIAN", True)
    with pytest.raises(bootstrap.SetupError, match=r"^numpy>=2.0 has no wheel .* apt install python3-numpy"):
        bootstrap._run(command, "failed", "apt install python3-numpy")


def test_of_a_long_complaint_the_errors_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    said = "\n".join([*(f"gcc: {n}" for n in range(99)), "  error: subprocess-exited-with-error", "hint", ""])
    with pytest.raises(bootstrap.SetupError, match="failed"):
        bootstrap._run([sys.executable, "-c", f"import sys; sys.exit({said!r})"], "failed")
    assert capsys.readouterr().err == "error: subprocess-exited-with-error\n"


def test_pip_never_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Command] = []
    monkeypatch.setattr(bootstrap, "_run", lambda command, *_: told.append(command))
    bootstrap._pip(["--editable", "."])
    assert "--only-binary=:all:" in told[0]


def test_ctrl_c_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    tools = tmp_path / "host_tools" / "amos_tools"
    shutil.copytree(PROJECT / "host_tools" / "amos_tools" / "toolchain", tools / "toolchain")
    shutil.copy(PROJECT / "host_tools" / "amos_tools" / "bootstrap.py", tools)
    (tmp_path / "pyproject.toml").write_text("")
    command = [sys.executable, "-I", tools / "bootstrap.py", "demo"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command,
        stdout=pipe,
        stderr=pipe,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job hands on that it ignores it
    ) as process:
        wait_until(lambda: (tmp_path / ".venv").exists(), "a .venv that is being made")
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "amos: stopped before .venv was complete; the next run makes it anew\n"


def test_a_ctrl_c_that_python_swallows_stops_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cleared:
        pass

    def interrupt(_reference: object) -> None:
        raise KeyboardInterrupt

    swallowed = bootstrap.SwallowedInterrupts()
    monkeypatch.setattr(bootstrap, "swallowed", swallowed)
    monkeypatch.setattr(sys, "unraisablehook", swallowed.hook)
    bootstrap._run([sys.executable, "-c", ""], "failed")
    cleared = Cleared()
    reference = weakref.ref(cleared, interrupt)
    del cleared  # the callback raises, as one of an import's does when Ctrl-C comes just then
    assert reference() is None
    with pytest.raises(KeyboardInterrupt):
        bootstrap._run([sys.executable, "-c", ""], "failed")
