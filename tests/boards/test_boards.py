"""Every board of the project is right; every way of being wrong is refused by file and key."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from amos.config import Config
from amos_tools import package_data
from amos_tools.boards import FILE_BYTES_MAX, SCHEMA, BoardError, board_names, load_board, parse_board
from amos_tools.cli import app

README = (package_data.BOARDS / "README.md").read_text()
LINUX = {"pi-zero-2w", "pi-3", "pi-4", "pi-5"}
BOARDS = {"pico-2-w", "esp32-s3"}


def refusal(data: bytes, name: str = "x") -> str:
    with pytest.raises(BoardError) as caught:
        parse_board(name, data, "boards/x.toml")
    assert str(caught.value).startswith("boards/x.toml: ")
    return str(caught.value).removeprefix("boards/x.toml: ")


def text_of(name: str) -> str:
    return (package_data.BOARDS / f"{name}.toml").read_text()


def changed(name: str, key: str, value: str) -> bytes:
    """The board's file with the last part of `key`, in its own table, given another value."""
    table, _dot, last = key.rpartition(".")
    head, mark, tail = text_of(name).partition(f"[{table}]\n") if table else ("", "", text_of(name))
    after, count = re.subn(rf"(?m)^{last} = .*$", lambda _found: f"{last} = {value}", tail, count=1)
    assert count == 1, (name, key)
    return (head + mark + after).encode()


def test_the_project_has_the_boards_it_promises() -> None:
    runtimes = {name: load_board(name)["runtime"] for name in board_names()}
    assert {name for name, runtime in runtimes.items() if runtime == "linux"} >= LINUX
    assert {name for name, runtime in runtimes.items() if runtime == "micropython"} >= BOARDS


@pytest.mark.parametrize("name", board_names())
def test_a_player_takes_the_settings_of_every_board(name: str) -> None:
    given = {"pack": "p", "publisher_key": "00" * 32, "ledger_key": "11" * 32}
    board = load_board(name)
    config = Config("d", given | board.player_settings("bar"))
    assert config.board == name and config.block_frames == board["audio.block_frames"]
    assert "{" not in config.link + config.out


def test_what_the_design_says_of_boards_holds() -> None:
    pico = load_board("pico-2-w")
    assert pico["memory.heap_bytes"] <= 400 << 10 and pico["audio.voices"] >= 6 and pico["codec"] == "qoa"
    for board in map(load_board, BOARDS):
        assert board["storage.spi.baudrate_hz"] == 20_000_000
    for board in map(load_board, LINUX):
        # An opt-out is heard within 100 ms: the buffer, one block that has just been taken, and two cells.
        frames = board["audio.block_frames"] + 2 * 64 + board["audio.buffer_ms"] * board["audio.rate_hz"] // 1000
        assert frames * 1000 < 100 * board["audio.rate_hz"]


REFUSED = [
    ("pi-4", "runtime", '"windows"', "runtime: expected one of linux, micropython, found 'windows'"),
    ("pi-4", "codec", '"mp3"', "codec: expected one of pcm16, qoa, found 'mp3'"),
    ("pi-4", "title", "4", "title: expected text of 1 to 64 bytes, found 4"),
    ("pi-4", "title", '""', "title: expected text"),
    ("pi-4", "title", '"a\\u0007"', "title: expected text"),
    ("pi-4", "audio.voices", "33", "audio.voices: expected a whole number, 1 to 32, found 33"),
    ("pi-4", "audio.voices", "0", "audio.voices: expected a whole number, 1 to 32, found 0"),
    ("pi-4", "audio.voices", "true", "audio.voices: expected a whole number, 1 to 32, found True"),
    ("pi-4", "audio.voices", "8.0", "audio.voices: expected a whole number, 1 to 32, found 8.0"),
    ("pi-4", "audio.rate_hz", "32000", "audio.rate_hz: expected one of 22050, 44100, 48000, found 32000"),
    ("pi-4", "audio.block_frames", "4000", "audio.block_frames: expected a multiple of 64, found 4000"),
    ("pi-4", "audio.block_frames", "4096", "audio.block_frames: expected at most 1152, for 100 ms in all, found 4096"),
    ("pi-4", "audio.buffer_ms", "69", "audio.buffer_ms: expected a whole number, 20 to 68, found 69"),
    ("pi-4", "audio.sink", '"i2s"', "audio.device: expected only with audio.sink = 'alsa'"),
    ("pi-4", "link.path", '"run/x"', "link.path: expected an absolute path, found 'run/x'"),
    ("pi-4", "memory.heap_bytes", "2_000_000_000", "memory.heap_bytes: expected at most memory.ram_bytes"),
    ("pico-2-w", "mpy_architecture", '"z80"', "mpy_architecture: expected one of"),
    ("pico-2-w", "audio.block_frames", "256", "audio.block_frames: expected 512 to 1024 with I2S, found 256"),
    ("pico-2-w", "audio.block_frames", "2048", "audio.block_frames: expected 512 to 1024 with I2S, found 2048"),
    ("pico-2-w", "audio.buffer_bytes", "4095", "audio.buffer_bytes: expected a whole number, 4096 to 17408"),
    ("pico-2-w", "audio.buffer_bytes", "8192", "audio.buffer_bytes: expected at most 7168, for 100 ms in all"),
    ("pico-2-w", "audio.pins.sd", "10", "audio.pins.sd: expected a pin of its own, found 10, which is audio.pins.sck"),
    ("pico-2-w", "storage.spi.cs", "9", "storage.spi.cs: expected a pin of its own, found 9, which is audio.pins.sd"),
    ("pico-2-w", "storage.spi.baudrate_hz", "50_000_000", "storage.spi.baudrate_hz: expected a whole number"),
    ("pico-2-w", "storage.mount", '"/"', "storage.mount: expected an absolute path below the root, found '/'"),
    ("pico-2-w", "storage.kind", '"file"', "storage.mount: expected only with storage.kind = 'sd'"),
    ("pico-2-w", "runtime", '"linux"', "mpy_architecture: expected only with runtime = 'micropython'"),
]


@pytest.mark.parametrize(("name", "key", "value", "expected"), REFUSED)
def test_wrong_values_are_refused_by_key(name: str, key: str, value: str, expected: str) -> None:
    assert refusal(changed(name, key, value)).startswith(expected)


@pytest.mark.parametrize("name", sorted(LINUX | BOARDS))
def test_every_key_is_needed_and_no_other_is_taken(name: str) -> None:
    lines = text_of(name).splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            without = "\n".join(lines[:number] + lines[number + 1 :])
            key = line.partition(" ")[0]
            # Without the key that others hang on, one of those is the first in the wrong place.
            assert re.match(
                rf"([a-z.]*\b{key}: expected a value, found none|.*: expected only with )", refusal(without.encode())
            )
    assert refusal((text_of(name) + "\n[audio.extra]\nloudness = 11\n").encode()).startswith(
        "audio.extra.loudness: unknown"
    )
    assert refusal((text_of(name) + "\n[extra]\n").encode()).startswith("extra: unknown key")
    assert refusal(b"colour = 1\n" + text_of(name).encode()).startswith("colour: unknown key; expected one of title, ")


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    assert refusal(b"a = ").startswith("expected TOML")
    assert refusal(b"\xff\xfe").startswith("expected TOML")
    assert refusal(b"a = " + b"[" * 5000).startswith("expected TOML")
    assert refusal(b"#" * (FILE_BYTES_MAX + 1)).startswith("expected at most")
    assert refusal(text_of("pi-4").encode(), "Pi 4").startswith("expected a name")
    for name in ("pi-9", "../pi-4", ""):
        with pytest.raises(BoardError, match="one of esp32-s3, "):
            load_board(name)
    with pytest.raises(BoardError, match="expected a readable file"):
        load_board(str(tmp_path / "none.toml"))
    (tmp_path / "own.toml").write_text(text_of("pi-4"))
    assert load_board(str(tmp_path / "own.toml")).name == "own"


VALUES = st.recursive(
    st.integers()
    | st.text(max_size=5)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from(["id", "sck", "audio", "spi", "x"]), inner, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(sorted(SCHEMA)), VALUES, st.sampled_from(sorted(LINUX | BOARDS)))
def test_any_other_value_is_taken_or_refused_by_name(key: str, value: Any, name: str) -> None:
    from amos_tools.boards import _fault

    fault = _fault(load_board(name).facts | {key: value})
    assert fault is None or re.match(r"[a-z_.0-9]+: ", fault)


def test_the_readme_documents_every_key_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|", README, re.MULTILINE)
    assert sorted(rows) == sorted(SCHEMA)


def test_amos_boards_lists_and_checks() -> None:
    listed = CliRunner().invoke(app, ["boards"]).output
    assert all(name in listed for name in LINUX | BOARDS)
    assert "audio.voices" in CliRunner().invoke(app, ["boards", "pi-4"]).output
    refused = CliRunner().invoke(app, ["boards", "pi-9"])
    assert refused.exit_code == 2 and "pi-zero-2w" in refused.output


def test_amos_boards_prints_data_too(tmp_path: Path) -> None:
    listed = json.loads(CliRunner().invoke(app, ["boards", "--json"]).stdout)["boards"]
    assert {board["name"] for board in listed} == set(LINUX | BOARDS)
    assert json.loads(CliRunner().invoke(app, ["boards", "pi-4", "--json"]).stdout) == load_board("pi-4").facts
    assert "units" in json.loads(CliRunner().invoke(app, ["boards", "--units", "--json"]).stdout)
    written = json.loads(CliRunner().invoke(app, ["boards", "--firmware", str(tmp_path / "f"), "--json"]).stdout)
    assert written["files"] == sum(path.is_file() for path in (tmp_path / "f").rglob("*"))
    refused = CliRunner().invoke(app, ["boards", "pi-9", "--json"])
    assert refused.exit_code == 2 and json.loads(refused.stdout)["refusal"]["name"] == "BoardError"
