"""A player inside this program: the page's example as it stands, what it tells, and what it refuses."""

import re
import socket
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from noise_pack import PUBLISHER, make_pack
from patience import wait_until
from sealed_usage import sealed_usage

from amos import crypto
from amos.protocol.segment import TIER_RENDERER
from amos.score.inputs import INPUT_DISLIKE, INPUT_PAUSE, INPUT_SKIP, INPUT_VOLUME
from amos_player import Now, Player, PlayerError
from amos_player import player as player_module

PAGE = Path(player_module.__file__).with_name("EMBEDDING.md")
KEYS = {"publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": "aa" * 32}
FREE = {"tier": TIER_RENDERER, "pace": "free"}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def playing(pack: Path, tmp_path: Path) -> Iterator[Player]:
    with Player(tmp_path / "player", pack=str(pack), out="null", tier=TIER_RENDERER, **KEYS) as player:
        wait_until(lambda: player.now.stems, "music")
        yield player


def test_the_example_of_the_page_runs_as_it_stands(pack: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) <= 42
    (tmp_path / "embed.py").write_text(code)
    words = [tmp_path / "p", pack, KEYS["publisher_key"], KEYS["ledger_key"], tmp_path / "out.wav", "4"]
    done = subprocess.run(
        [sys.executable, tmp_path / "embed.py", *map(str, words)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "section loop" in done.stdout and re.search(r"sounds stem \d by A", done.stdout)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 22_050)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert 4 * 22_050 <= len(samples) // 2 < 6 * 22_050 and np.abs(samples).max() > 1000


def test_what_is_told_it_stands_in_its_signed_log(playing: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = sealed_usage(monkeypatch)
    assert playing.now.state == "playing" and playing.now.section == "loop"
    assert {stem.artist for stem in playing.now.stems} == {"A"} and all(stem.number for stem in playing.now.stems)
    playing.volume(-6)
    playing.skip()
    playing.dislike(playing.now.stems[0].number)
    playing.pause()
    wait_until(lambda: playing.now.state == "paused" and playing.now.volume_db == -6.0, lambda: playing.now)
    playing.stop()
    (usage,) = sealed
    assert list(usage.input_kinds) == [INPUT_VOLUME, INPUT_SKIP, INPUT_DISLIKE, INPUT_PAUSE]
    assert [event.kind for event in playing.events()][-1] == "state"
    assert playing.now.state == "stopped" and playing.now.stems == ()


def test_an_input_that_means_nothing_is_refused_in_a_sentence(playing: Player) -> None:
    for tell, expected in (
        (lambda: playing.volume(3), "volume: expected -60 to 0 dB, found 3"),
        (lambda: playing.volume(float("nan")), "volume: expected -60 to 0 dB"),
        (lambda: playing.slider("warmth", 1), "kind: expected .*found 'warmth'"),
        (lambda: playing.slider("pause", 1), "which has a method of its own"),
        (lambda: playing.announce("closing"), "announce: expected one of none, found 'closing'"),
        (lambda: playing.like(99), "value: expected 0 to 6, found 99"),
        (lambda: playing.start(), "expected a player that was not started"),
    ):
        with pytest.raises(PlayerError, match=expected):
            tell()
    assert playing.now.state == "playing", "it plays on"


def test_what_staff_may_not_do_a_program_may_not_either(pack: Path, tmp_path: Path) -> None:
    limits = {"staff": "volume", "staff_volume_min": 10}
    with Player(tmp_path, pack=str(pack), out="null", tier=TIER_RENDERER, **limits, **KEYS) as player:
        wait_until(lambda: player.now.stems, "music")
        with pytest.raises(PlayerError, match="staff: expected volume, which the setting staff allows, found skip"):
            player.skip()
        with pytest.raises(PlayerError, match="staff: expected a volume of 10 to 100 %"):
            player.volume(-40)
        player.volume(-6)
    with pytest.raises(PlayerError, match="skip: expected a player that runs"):
        player.skip()


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"pack": "/nowhere"}, "PackError: /nowhere/manifest.cose: expected a readable file"),
        ({"publisher_key": "xyz"}, "ConfigError: publisher_key: expected 64 hex digits"),
        ({"loudness": 3}, "ConfigError: loudness: expected one of"),
        ({"tier": 0}, "ConfigError: pace=free: expected another with tier=0"),
    ],
)
def test_settings_that_are_refused_are_named_before_anything_plays(
    pack: Path, tmp_path: Path, wrong: dict[str, object], expected: str
) -> None:
    settings = {"pack": str(pack), "out": "null", **KEYS, **FREE} | wrong
    with pytest.raises(PlayerError, match=re.escape(expected)):
        Player(tmp_path, **settings).start()


def test_whoever_is_at_its_link_notices_its_end(pack: Path, tmp_path: Path) -> None:
    with Player(tmp_path, pack=str(pack), out="null", link=f"unix:{tmp_path}/s", tier=TIER_RENDERER, **KEYS) as player:
        wait_until(lambda: player.now.stems, "music")
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(str(tmp_path / "s"))
    line.settimeout(30)
    with suppress(ConnectionResetError):  # where the player ended before it had answered the door
        assert line.recv(1) == b""
    line.close()
    with pytest.raises(ConnectionRefusedError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as again:
        again.connect(str(tmp_path / "s"))


def test_audio_that_raises_ends_play_and_says_so(pack: Path, tmp_path: Path) -> None:
    heard: list[bytes] = []

    def audio(pcm: bytes, _rate_hz: int) -> None:
        heard.append(pcm)
        if len(heard) == 3:
            raise RuntimeError("the cable is out")

    player = Player(tmp_path, pack=str(pack), audio=audio, **KEYS, **FREE).start()
    events = list(player.events())
    assert events[-1].now.state == "fault" or any(event.kind == "fault" for event in events)
    with pytest.raises(PlayerError, match=r"audio: .*RuntimeError: the cable is out"):
        player.stop()


def test_of_a_slow_reader_the_oldest_events_give_way(pack: Path, tmp_path: Path) -> None:
    player = Player(tmp_path, pack=str(pack), out="null", minutes=8, **KEYS, **FREE).start()
    assert player._thread is not None
    player._thread.join(120)
    events = list(player.events())
    assert len(events) == player_module.EVENTS_MAX - 1, "beside the end"
    assert isinstance(events[-1].now, Now) and events[-1].now.state == "stopped"
