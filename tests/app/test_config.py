"""A player's settings, whatever stands in the file: taken as they are meant, or refused by name in a sentence."""

import json
from pathlib import Path

import pytest

from amos.config import CONFIG_BYTES_MAX, FOR_RENDERERS, SETTINGS, load
from amos.settings import ConfigError

GIVEN = {"publisher_key": "11" * 32, "ledger_key": "22" * 32, "out": "alsa:default"}


def written(folder: Path, content: bytes) -> str:
    (folder / "player.json").write_bytes(content)
    return str(folder)


@pytest.mark.parametrize("name", sorted(SETTINGS))
@pytest.mark.parametrize("value", ["null", "true", "[]", "{}", "1.5", "1e999", "NaN", "-1", "9" * 300, '"a\\u0000"'])
def test_a_value_of_another_kind_is_refused_by_name(name: str, value: str, tmp_path: Path) -> None:
    others = json.dumps({key: text for key, text in GIVEN.items() if key != name})
    folder = written(tmp_path, (others[:-1] + f', "{name}": {value}}}').encode())
    with pytest.raises(ConfigError, match=f"^{name}: expected "):
        load(folder, [])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe{}",
        b"[" * 8000,
        b'{"a":' * 1500,
        b"{}" + b" " * CONFIG_BYTES_MAX,
        bytes(99),
    ],
)
def test_a_file_of_anything_else_is_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a JSON object of at most"):
        load(written(tmp_path, content), [])


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "player.json").mkdir()
    with pytest.raises(ConfigError, match=r"expected a file, found .*Is a directory"):
        load(str(tmp_path), [])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("tier=٣", "tier: expected a whole number"),
        ("tier= 3", "tier: expected a whole number"),
        ("tier=1_0", "tier: expected a whole number"),
        ("tier=", "tier: expected a whole number"),
        ("board=" + "x" * 65, "board: expected text of 1 to 64 letters"),
        ("board=café", "board: expected text"),
        ("pack=", "pack: expected text of 1 to 256 letters"),
        ("holidays=25.12.", "holidays: expected dates like 2026-12-25,2027-01-01"),
        ("holidays=2026-12-25, 2027-01-01", "holidays: expected dates"),
        ("holidays=2026-12-5", "holidays: expected dates"),
        ("publisher_key=" + "11 " * 32, "publisher_key: expected 64 hex digits"),
    ],
)
def test_a_word_that_means_nothing_is_refused(word: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        load(written(tmp_path, json.dumps(GIVEN).encode()), [word])


def test_what_is_meant_is_taken(tmp_path: Path) -> None:
    folder = written(tmp_path, json.dumps(GIVEN | {"tier": 7, "holidays": "", "pack": "/srv/café"}).encode())
    assert (load(folder, []).tier, load(folder, []).pack, load(folder, ["tier=12"]).tier) == (7, "/srv/café", 12)
    assert load(folder, ["holidays=2026-12-25,2027-01-01"]).holidays == "2026-12-25,2027-01-01"


@pytest.mark.parametrize(
    ("word", "what"), [("pace=free", "play faster than real time"), ("out=null", "play into nothing")]
)
@pytest.mark.parametrize("tier", [0, 254])
def test_only_a_renderer_plays_faster_or_into_nothing(word: str, what: str, tier: int, tmp_path: Path) -> None:
    folder = written(tmp_path, json.dumps(GIVEN | {"tier": tier}).encode())
    with pytest.raises(ConfigError) as refused:
        load(folder, [word])
    assert str(refused.value) == FOR_RENDERERS % (*word.split("="), tier, what, 255, 255)
    config = load(folder, [word, "tier=255"])
    assert word in (f"pace={config.pace}", f"out={config.out}")
    assert load(folder, ["out=wav:a.wav", "pace=clocked"]).tier == tier


def test_nobody_means_an_output_by_saying_nothing(tmp_path: Path) -> None:
    silent = json.dumps({name: key for name, key in GIVEN.items() if name != "out"}).encode()
    with pytest.raises(ConfigError, match=r"^out: expected alsa:DEVICE, .*say where the music goes"):
        load(written(tmp_path, silent), [])
