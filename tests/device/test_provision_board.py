"""`amos device provision` on a board: mpremote and the real firmware, on MicroPython that stands in for the board.

What it cannot show is a board's own: USB enumeration, its file systems, how long copying takes.
"""

import shutil
from pathlib import Path

import pytest
from board_standin import PackageIndex, StandInBoard
from typer.testing import CliRunner

from amos import __version__
from amos.protocol.link import STATE_STOPPED
from amos_ledger.folder import Folder
from amos_tools.cli import app
from amos_tools.device import flash, prompt
from amos_tools.device.call import ask_status
from amos_tools.device.prompt import open_prompt

PROJECT = Path(__file__).parents[2]


class Operator:
    """Calls `amos device provision` with what does not change."""

    def __init__(self, folder: Path, key: Path, ledger: Folder, pack: Path, index: PackageIndex):
        self.pack = [f"--pack={pack}"]
        self.words = [f"--operator-key-file={key}", f"--ledger={ledger.path}", f"--records={folder / 'kept'}"]
        self.words += ["--site=harbour", "--name=bar", "--tier=1", f"--index={index.url}", "--wait-s=60"]

    def provision(self, board: StandInBoard, *words: str) -> tuple[int, list[str]]:
        ports = [f"--port={board.prompt}", f"--link={board.link}", "--board=pico-2-w"]
        done = CliRunner().invoke(app, ["device", "provision", *self.words, *self.pack, *ports, *words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output.splitlines()


@pytest.fixture
def operate(tmp_path: Path, operator: Path, ledger: Folder, pack: Path, index: PackageIndex) -> Operator:
    return Operator(tmp_path, operator, ledger, pack, index)


@pytest.mark.long
def test_a_board_from_nothing_to_enrolled_interrupted_and_again(
    operate: Operator, board: StandInBoard, ledger: Folder, tmp_path: Path, micropython_armhf: list[str]
) -> None:
    code, lines = operate.provision(board, "--index=http://127.0.0.1:9")
    assert code == 1 and lines[0].startswith("firmware: ") and "0 others removed" in lines[0]
    assert lines[-1].startswith("PromptError: sdcard: expected it at http://127.0.0.1:9, found ")
    (board.flash / "amos" / "app.mpy").unlink()
    (board.flash / "amos" / "log_ring.mpy").write_bytes(b"half")
    (board.flash / "amos" / "of_another_version.py").write_bytes(b"")

    code, lines = operate.provision(board)
    assert code == 0, lines
    assert lines[0].startswith("firmware: 2 of ") and lines[0].endswith("1 others removed")
    assert lines[1:5] == [
        "libraries: installed sdcard, usb-device-cdc",
        "wiring: written to /board.json",
        "settings: written to /sd/player/player.json",
        "key: bound to the board's unique id",
    ]
    assert lines[-5] == "pack: 4 files, 4 copied" and lines[-4] == "board: restarted"
    assert lines[-1] == "ledger: enrolled; play counts from here on"
    with ledger.open_store() as store:
        (device,) = store.totals().devices
    assert lines[-3] == f"device: {device.device_id} holds its key; it signed our nonce"
    said = CliRunner().invoke(app, ["device", "logs", board.link]).output
    assert "key: bound to the board's unique id" in said and "playing: session 1" in said

    code, lines = operate.provision(board)
    assert code == 0, lines
    assert [line.partition(":")[2].rpartition(",")[2].strip() for line in lines[:4]] == ["as they were"] * 4
    assert lines[-5:-3] == ["pack: 4 files, as they were", "board: restarted"]
    assert lines[-1] == "ledger: had it; nothing changed"

    thief = StandInBoard(tmp_path / "thief", micropython_armhf, unique_id=b"87654321", like=board)
    try:
        code, lines = operate.provision(thief)
    finally:
        thief.stop()
    assert code == 1 and f"holds the key of device {device.device_id}, which is bound to another board" in lines[-1]


def test_a_board_without_a_pack_is_enrolled_and_waits(operate: Operator, flashed: StandInBoard) -> None:
    operate.pack = []
    code, lines = operate.provision(flashed)
    assert code == 0, lines
    assert lines[0].startswith("firmware: ") and lines[0].endswith(" files, as they were")
    assert not any(line.startswith("pack: ") for line in lines)
    assert lines[-1] == "ledger: enrolled; play counts from here on"
    status = ask_status(flashed.link, 60)
    assert status.state == STATE_STOPPED and str(status.text).startswith("no pack: ")


def test_a_board_of_another_kind_is_refused_before_anything_is_written(operate: Operator, board: StandInBoard) -> None:
    code, lines = operate.provision(board, "--board=esp32-s3")
    assert code == 1 and len(lines) == 1
    assert lines[0] == (
        f"PromptError: {board.prompt}: expected a ESP32S3 for esp32-s3, found a Raspberry Pi Pico 2 W with RP2350"
    )
    assert sorted(path.name for path in board.flash.iterdir()) == ["unique_id"]


def test_a_port_without_a_prompt_is_refused_by_name(operate: Operator, board: StandInBoard, tmp_path: Path) -> None:
    code, lines = operate.provision(board, f"--port={board.link}")  # the link's line: nobody answers as a prompt
    assert code == 3 and lines == [f"PromptError: {board.link}: no MicroPython prompt answers there"]
    code, lines = operate.provision(board, "--port=serial:/dev/no-such-line")
    assert code == 3 and lines[-1].startswith("PromptError: serial:/dev/no-such-line: ")


def test_an_interrupt_that_a_booting_board_loses_is_repeated(
    board: StandInBoard, tmp_path: Path, micropython_armhf: list[str]
) -> None:
    (board.flash / "main.py").write_text("while True:\n    pass\n")
    playing = StandInBoard(tmp_path / "playing", micropython_armhf, like=board, deaf_to=1)
    try:
        with open_prompt(playing.prompt) as prompt:
            assert prompt.facts()[0] == "micropython" and prompt.run("print(6 * 7)") == [42]
    finally:
        playing.stop()


def test_what_the_board_says_of_a_failure_is_named(board: StandInBoard) -> None:
    from amos_tools.device.prompt import PromptError

    with open_prompt(board.prompt) as prompt:
        assert prompt.facts()[0] == "micropython"
        with pytest.raises(PromptError, match="the board says ZeroDivisionError"):
            prompt.run("1 / 0")
        with pytest.raises(PromptError, match="expected values, found b'no value"):
            prompt.run("print('no value')")
        prompt.write("/a/b/c.bin", bytes(range(256)) * 40)
        assert (board.flash / "a/b/c.bin").read_bytes() == bytes(range(256)) * 40
        assert prompt.files_below("/a") == ["/a/b/c.bin"] and prompt.files_below("/none") == []
        assert prompt.hashes(["/none"]) == {"/none": None}


@pytest.mark.long
def test_a_board_changes_its_key_and_is_enrolled_anew(
    operate: Operator, flashed: StandInBoard, ledger: Folder, tmp_path: Path
) -> None:
    asked = ["device", "rotate-key", flashed.prompt]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 1 and done.output.startswith("PromptError: ")
    code, lines = operate.provision(flashed)
    assert code == 0, lines
    with ledger.open_store() as store:
        (device,) = store.totals().devices
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == ["request: written to /sd/player/rotate-key", "board: restarted"]
    ask_status(flashed.link, 60)  # it plays by then, so that an interrupt meets no board that is about to start
    assert any((flashed.card / "player").glob("key-history.*"))
    code, lines = operate.provision(flashed)
    assert code == 0, lines
    assert lines[-3] == f"device: {device.device_id} holds its key; it signed our nonce"
    assert lines[-2].startswith("enrolment: signed for bar") and lines[-1].startswith("ledger: enrolled")
    with ledger.open_store() as store:
        (found,) = store.totals().devices
        assert found.device_id == device.device_id
        assert len(store.chain.keys(bytes.fromhex(device.device_id))) == 2


@pytest.fixture
def frozen(board: StandInBoard, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `amos` where the board finds what is frozen; here it is a folder of the stand-in's flash."""
    package = board.flash / "frozen" / "amos"
    package.parent.mkdir()
    shutil.copytree(PROJECT / "firmware" / "amos", package)
    monkeypatch.setattr(prompt, "FROZEN_PATH", "/frozen")
    return package


def test_a_board_that_has_the_firmware_frozen_gets_no_files_that_would_hide_it(
    board: StandInBoard, frozen: Path
) -> None:
    (board.flash / "amos").mkdir()
    (board.flash / "amos" / "app.mpy").write_bytes(b"of an older version")
    said: list[str] = []
    with open_prompt(board.prompt) as opened:
        assert flash._is_frozen(board.prompt, opened, said.append)
        assert flash._is_frozen(board.prompt, opened, said.append)
    assert said == [
        f"firmware: frozen into the board, amos {__version__}; 1 files removed",
        f"firmware: frozen into the board, amos {__version__}",
    ]
    assert not list((board.flash / "amos").iterdir())


def test_another_version_frozen_is_refused_before_anything_is_written(
    operate: Operator, board: StandInBoard, frozen: Path
) -> None:
    (frozen / "__init__.py").write_text("__version__ = '0.0.9'\n")
    code, lines = operate.provision(board)
    assert code == 1 and f"expected amos {__version__} frozen into the board's MicroPython, found 0.0.9" in lines[-1]
    assert sorted(path.name for path in board.flash.iterdir()) == ["frozen", "unique_id"]


def test_a_board_without_it_has_none_frozen(board: StandInBoard) -> None:
    with open_prompt(board.prompt) as opened:
        assert opened.frozen_version() is None
