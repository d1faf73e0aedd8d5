"""The tools themselves: each starts and does what it is for; each failure is one sentence."""

import os
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from needed import missing
from patience import wait_until

from amos_tools import toolchain
from amos_tools.toolchain import debian, programs
from amos_tools.toolchain.browser import CHROMIUM_MIN, bundle, in_bundle


def output(argv: list[str], *arguments: str) -> str:
    return subprocess.run([*argv, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_micropython_is_recent_enough(micropython: list[str]) -> None:
    code = "import sys; print(sys.implementation.name, sys.implementation.version[:2] >= (1, 25))"
    assert output(micropython, "-c", code) == "micropython True"


def test_armhf_is_a_32_bit_build(micropython_armhf: list[str]) -> None:
    assert output(micropython_armhf, "-c", "import sys; print(sys.maxsize)") == str(2**31 - 1)


def test_armhf_compiles_viper_to_machine_code(micropython_armhf: list[str]) -> None:
    code = "@micropython.viper\ndef f(a: int, b: int) -> int:\n    return a * b\nprint(f(65536, 65537))"
    assert output(micropython_armhf, "-c", "import micropython\n" + code) == "65536"  # wraps as a 32-bit product does


OLDEST = min(toolchain.MICROPYTHON_RELEASES)


def test_a_version_of_micropython_is_exactly_that() -> None:
    argv = toolchain.micropython_version(OLDEST) or missing(toolchain.explain("micropython"))
    assert output(argv, "-c", "import sys; print(sys.implementation.version[:2])") == str(OLDEST)


def test_a_source_has_the_tools_of_a_build_and_is_kept_whole() -> None:
    root = toolchain.micropython_source(OLDEST) or missing(toolchain.explain("micropython-source"))
    assert {"tools/makemanifest.py", "tools/mpy-tool.py", "ports/qemu/Makefile"} <= {
        path.relative_to(root).as_posix() for folder in ("tools", "ports/qemu") for path in (root / folder).iterdir()
    }
    assert not (root / ".downloads").exists()


@pytest.mark.usefixtures("empty_cache")
def test_a_release_with_another_version_is_refused_by_name_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _needs_apt()
    monkeypatch.setattr(debian, "_fetch", lambda bundle, workspace, root: None)
    monkeypatch.setattr(programs, "_own_loader", lambda root, program: [])
    monkeypatch.setattr(programs, "_micropython_version", lambda argv: (1, 99))
    for _ in range(2):
        assert toolchain.micropython_version(OLDEST) is None
        assert toolchain.explain("micropython") == "MicroPython: expected 1.25 in Debian's trixie, found 1.99"


@pytest.mark.parametrize(
    ("machine", "unaided", "compiles", "expected"),
    [
        ("amd64", False, True, ["native"]),
        ("arm64", True, True, ["armhf"]),
        ("arm64", False, True, "this processor runs no 32-bit programs"),
        ("riscv64", False, False, "MicroPython has no compiler for riscv64"),
    ],
)
def test_a_player_gets_a_build_that_compiles_and_needs_no_emulator(
    monkeypatch: pytest.MonkeyPatch, machine: str, unaided: bool, compiles: bool, expected: object
) -> None:
    monkeypatch.setattr(programs, "architecture", lambda: machine)
    monkeypatch.setattr(programs, "micropython_native", lambda: ["native"])
    monkeypatch.setattr(programs, "_armhf_unaided", lambda: ["armhf"] if unaided else None)
    monkeypatch.setattr(programs, "_compiles", lambda argv: compiles)
    found = toolchain.micropython("compiling")
    if found is None:
        assert isinstance(expected, str) and expected in toolchain.explain("compiling")
    else:
        assert found == expected


def test_the_native_build_here_compiles_and_its_words_are_known(
    micropython: list[str], micropython_armhf: list[str]
) -> None:
    if debian.architecture() == "amd64":
        assert toolchain.micropython("compiling") == toolchain.micropython()
    assert toolchain.word_bytes(micropython) == struct.calcsize("P")
    assert toolchain.word_bytes(micropython_armhf) == 4


def test_mosquitto_starts_and_listens(mosquitto: list[str], tmp_path: Path) -> None:
    path = tmp_path / "mosquitto.sock"
    (tmp_path / "conf").write_text(f"listener 0 {path}\nallow_anonymous true\nuser root\n")  # root keeps to tmp_path
    with subprocess.Popen([*mosquitto, "-c", str(tmp_path / "conf")], stderr=subprocess.PIPE) as broker:
        try:
            wait_until(lambda: path.exists() or broker.poll() is not None, "a socket")
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(60)
                client.connect(str(path))
                client.sendall(bytes.fromhex("100d 0004 4d515454 04 02 003c 0001 61"))  # MQTT 3.1.1 CONNECT as "a"
                assert client.recv(4) == bytes.fromhex("20020000")  # CONNACK, accepted
        finally:
            broker.terminate()


def test_go_compiles_for_this_machine() -> None:
    root = toolchain.go() or missing(toolchain.explain("go"))
    assert "go1.19" in output([str(next(root.glob("usr/lib/go-*/pkg/tool/linux_*/compile"))), "-V"])
    assert (root / "usr/share/gocode/src/golang.org/x/mod/sumdb/tlog/tlog.go").is_file()


def test_chromium_and_its_driver_are_of_one_version(chromium: tuple[Path, Path, dict[str, str]]) -> None:
    """And new enough for what the pages that tests open do."""
    browser, driver, variables = chromium
    found = [
        subprocess.run([program, "--version"], env=os.environ | variables, capture_output=True, text=True).stdout
        for program in (browser, driver)
    ]
    versions = [re.search(r"\d+", text)[0] for text in found]  # type: ignore[index]
    assert int(versions[0]) >= CHROMIUM_MIN
    assert versions[0] == versions[1]


FIND_FONT = """
import ctypes
fontconfig = ctypes.CDLL("libfontconfig.so.1")
for name in ("FcNameParse", "FcFontMatch"):
    getattr(fontconfig, name).restype = ctypes.c_void_p
pattern = ctypes.c_void_p(fontconfig.FcNameParse(b"sans"))
fontconfig.FcConfigSubstitute(None, pattern, 0)
fontconfig.FcDefaultSubstitute(pattern)
match = ctypes.c_void_p(fontconfig.FcFontMatch(None, pattern, ctypes.byref(ctypes.c_int())))
file = ctypes.c_char_p()
fontconfig.FcPatternGetString(match, b"file", 0, ctypes.byref(file))
print(file.value.decode())
"""


def test_a_fetched_chromium_brings_its_letters_along() -> None:
    """A machine that has none shows pages all the same."""
    root = debian.unpacked(bundle())
    _browser, _driver, variables = in_bundle(root)
    words = [sys.executable, "-c", FIND_FONT]
    found = subprocess.run(words, env=os.environ | variables, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(root) and Path(found.strip()).is_file()


@pytest.mark.parametrize("version", [CHROMIUM_MIN - 1, CHROMIUM_MIN])
def test_an_installed_chromium_is_preferred_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    for name in ("chromium", "chromedriver"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho Chromium {version}.0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = toolchain.chromium()
    assert (found == (tmp_path / "chromium", tmp_path / "chromedriver", {})) == (version >= CHROMIUM_MIN)


def test_an_installed_program_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("micropython", "mosquitto"):
        (tmp_path / name).write_text("#!/bin/sh\necho version 1 26\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert toolchain.micropython() == [str(tmp_path / "micropython")]
    assert toolchain.mosquitto(on_path=True) == [str(tmp_path / "mosquitto")]


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("empty_cache")
def test_an_older_installed_micropython_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "micropython").write_text("#!/bin/sh\necho version 1 19\n")
    (tmp_path / "micropython").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))  # and nothing to fetch with
    assert toolchain.micropython() is None
    assert "this machine has no dpkg-deb" in toolchain.explain("micropython")


@pytest.mark.usefixtures("empty_cache")
def test_an_unreachable_mirror_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    _needs_apt()
    monkeypatch.setattr(debian, "candidates", lambda: ["file:///nowhere"])
    assert toolchain.debian_data("sonic-pi-samples") is None
    sentence = toolchain.explain("sonic-pi-samples")
    assert sentence.startswith("the package list of file:///nowhere could not be read: ")
    assert "\n" not in sentence


@pytest.mark.usefixtures("empty_cache")
def test_without_debians_keys_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    _needs_apt()
    monkeypatch.setattr(debian, "KEYRINGS", (Path("/nowhere"),))
    assert toolchain.debian_data("sonic-pi-samples") is None
    assert "install debian-archive-keyring" in toolchain.explain("sonic-pi-samples")


def _needs_apt() -> None:
    try:
        debian.architecture()
    except toolchain.ToolMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("package", ["", "-o", "a b", "../x", "Upper"])
def test_a_package_name_is_checked_before_apt_sees_it(package: str) -> None:
    with pytest.raises(ValueError, match="Debian package name"):
        toolchain.debian_data(package)


def test_command_line_prints_how_to_start_a_tool(micropython: list[str]) -> None:
    run = [sys.executable, "-m", "amos_tools.toolchain"]
    words = micropython[: micropython.index("-X")]  # the heap is the fixture's
    assert output(run, "micropython").split() == words
    assert output(run, "--explain", "micropython") == "micropython: " + " ".join(words)
