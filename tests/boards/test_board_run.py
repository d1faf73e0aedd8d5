"""The whole player as on a board: boot.py, main.py, I2S, USB and card, on MicroPython with a board's modules faked.

The unix port stands for the board's: 32-bit ARM within the board's heap, 64 bits within twice that, since its words are
twice as wide. What this cannot show is hardware: interrupts, DMA, a card's own delays.
"""

import json
import os
import platform
import re
import subprocess
from pathlib import Path

import pytest
from boards_pack import PUBLISHER, RATE_HZ, make_pack
from typer.testing import CliRunner

from amos import crypto
from amos.edges.hardware import hardware_ids
from amos.edges.key_store import load_or_make_device_seed
from amos.edges.sector_device import FileSectorDevice
from amos.edges.two_slot_file import TwoSlotFile
from amos.identity import key_id_of
from amos.journal.journal import Journal
from amos.ledger_keys import KEPT_BYTES_MAX, LedgerKeys
from amos.protocol.frames import frame
from amos.protocol.limits import READ_CHUNK_BYTES_MAX
from amos.protocol.link import (
    LIST,
    OFFER,
    OFFER_CHUNK_BYTES_MAX,
    OFFER_ROTATION,
    READ,
    STATE_PLAYING,
    STATUS,
    Request,
    Status,
)
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_call import read_status
from amos.protocol.link_courier_talk import Conversation
from amos.protocol.link_device import NO_ROOM
from amos.protocol.merkle import leaf_hash, root_from_path
from amos.protocol.rotation import LEDGER, OPERATOR, Rotation, appointment, sign_rotation
from amos.protocol.segment import Usage
from amos.protocol.signing import sign_receipt
from amos.protocol.usage_reader import open_usage
from amos_tools.bench.boot import SAID, board_words, code_bytes, plays_and_answers, write_player
from amos_tools.bench.profile import make_profile_pack
from amos_tools.boards import UNIX_MORE_BYTES, load_board
from amos_tools.cli import app
from amos_tools.firmware_build import ARMHF, build_firmware

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
NATIVE = {"x86_64": "x64"}
"""What mpy-cross calls this machine's processor, for the unix port; those it has no name for run the source."""
SECONDS = 60
ARM_MINUTES = 3
"""An emulator takes half a minute of one core for them; the sweep plays ten."""
STEM_SECONDS = 8
DAY_MINUTES = 24 * 60
RING_BYTES = 1 << 23
"""A day of the fullest music is more than a board's 1 MB."""
CODE_BYTES_MAX = 266 << 10
"""All compiled code that a player imports and keeps, in the heap of a board that does not freeze it."""
SPARE_BYTES = 5 << 10
"""Of the board's heap, in which the fullest music need not play: chance cuts a heap up, now more and now less."""
SPARE_BYTES_WITH_LOOPS = 3 << 10
"""Where the score has loops, whose code takes the rest."""
HELD_BYTES_MORE = 4096
"""Rows and inputs under way, and integers that pass 30 bits after half a day."""


@pytest.fixture(scope="module")
def armhf_firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as a board gets it."""
    return build_firmware(tmp_path_factory.mktemp("armhf") / "firmware", ARMHF)


def prepare(directory: Path, pack: Path, board: str, *settings: str) -> tuple[int, str]:
    words = ["device", "prepare", str(directory), "--pack", str(pack), "--board", board]
    words += ["--publisher-key", crypto.public_key(PUBLISHER).hex(), "--ledger-key", "00" * 32]
    done = CliRunner().invoke(app, words + [word for one in settings for word in ("--setting", one)])
    return done.exit_code, done.output


def test_a_pack_that_the_board_cannot_play_is_refused(tmp_path: Path) -> None:
    pack = make_pack(tmp_path, voices=8)
    code, out = prepare(tmp_path / "player", pack, "pico-2-w")
    assert code == 1 and "expected at most 6 voices on pico-2-w, found 8" in out
    assert not (tmp_path / "player" / "player.json").exists()


def test_a_linux_board_gives_its_settings_and_a_word_overrides_them(tmp_path: Path) -> None:
    pack = make_pack(tmp_path, voices=8)
    assert prepare(tmp_path / "bar", pack, "pi-4", "block_frames=512")[0] == 0
    settings = json.loads((tmp_path / "bar" / "player.json").read_text())
    assert settings["board"] == "pi-4" and settings["out"] == "alsa:default"
    assert settings["link"] == "unix:/run/amos/bar/link.sock" and int(settings["block_frames"]) == 512
    assert settings["pack"] == str(pack) and not (tmp_path / "bar" / "board.json").exists()


@pytest.mark.parametrize(("board", "said"), [("pi-4", "run it with"), ("pico-2-w", "the pack comes over the link")])
def test_a_player_is_prepared_before_it_has_a_pack(tmp_path: Path, board: str, said: str) -> None:
    words = ["device", "prepare", str(tmp_path / "bar"), "--board", board, "--ledger-key", "00" * 32]
    done = CliRunner().invoke(app, [*words, "--publisher-key", crypto.public_key(PUBLISHER).hex()])
    assert done.exit_code == 0 and said in done.output
    settings = json.loads((tmp_path / "bar" / "player.json").read_text())
    assert settings["pack"] == "none" and settings["link"] != "none"


def play(
    micropython: list[str],
    board: str,
    heap_factor: int,
    firmware: Path,
    pack: Path,
    directory: Path,
    minutes: int,
    *more: str,
) -> str:
    """Boot in `directory`'s parent and play so many minutes in the board's heap times `heap_factor`; what it said."""
    folder = directory.parent
    # No courier takes receipts here, and a full journal would stop play.
    settings = [
        f"pack={pack}",
        "pace=free",
        "tier=255",
        f"minutes={minutes}",
        "linger=no",
        f"journal_bytes={RING_BYTES}",
        *more,
    ]
    code, out = prepare(directory, pack, board, *settings)
    assert code == 0 and "/sd/player" in out
    wiring = json.loads((directory / "board.json").read_text())
    assert wiring["player"] == "/sd/player"
    (folder / "board.json").write_text(json.dumps(wiring | {"player": str(directory)}))
    heap = heap_factor * (load_board(board)["memory.heap_bytes"] + UNIX_MORE_BYTES)
    # A module's path is in the heap, 140 times, and on a board it is a short one, whatever this folder is called.
    (folder / "fw").symlink_to(firmware)
    environment = os.environ | {"MICROPYPATH": f"{HERE / 'board_modules'}:fw"}
    words = [*micropython, "-X", f"heapsize={heap}", str(HERE / "run_board.py"), str(FIRMWARE)]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("board", "runtime", "heap_factor"),
    [("pico-2-w", "micropython_armhf", 1), ("pico-2-w", "micropython", 2), ("esp32-s3", "micropython", 2)],
)
def test_a_board_boots_plays_answers_and_meters(
    tmp_path: Path, request: pytest.FixtureRequest, board: str, runtime: str, heap_factor: int
) -> None:
    micropython: list[str] = request.getfixturevalue(runtime)
    compiled = runtime == "micropython_armhf"
    firmware: Path = request.getfixturevalue("armhf_firmware") if compiled else FIRMWARE
    facts = load_board(board)
    pack = make_pack(tmp_path, voices=4, codec=facts["codec"])
    directory = tmp_path / "player"
    link = CourierLink(7)
    talk = Conversation(read_status(link))
    talk.advance(0)
    (tmp_path / "usb.in").write_bytes(link.outgoing(0))
    out = play(micropython, board, heap_factor, firmware, pack, directory, SECONDS // 60)

    assert "USB 1 True" in out and "mounted at 20000000" in out
    pins = " ".join(str(facts[f"audio.pins.{name}"]) for name in ("id", "sck", "ws", "sd"))
    assert f"I2S {pins} 16 {RATE_HZ} {facts['audio.buffer_bytes']}" in out
    link.feed((tmp_path / "usb.out").read_bytes(), 1)
    talk.advance(1)
    assert isinstance(talk.result, tuple) and isinstance(talk.result[0], Status)
    assert (talk.result[0].state, talk.result[0].rate_hz) == (STATE_PLAYING, RATE_HZ)
    heard = (tmp_path / "i2s.pcm").read_bytes()
    assert sum(usage.delivered_frames for usage in segments(directory)) * 4 == len(heard) >= SECONDS * RATE_HZ * 4
    assert any(heard)
    fed = re.search(r"WDT 8000\ntimer feeds 2000 1\n[^$]*player feeds 1\n[^$]*timer feeds 2000 (\d+)\n", out)
    filling = (
        facts["audio.buffer_bytes"] // 4 + facts["audio.block_frames"]
    )  # until then nothing has sounded for certain
    assert fed and int(fed[1]) >= (SECONDS * RATE_HZ - filling) // facts["audio.block_frames"]


@pytest.fixture(scope="module")
def fullest_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many voices as a pico-2-w plays, on end; to encode it takes longer than to play a minute of it."""
    return make_profile_pack(load_board("pico-2-w"), tmp_path_factory.mktemp("fullest"), STEM_SECONDS)[0]


@pytest.mark.parametrize(
    ("runtime", "heap_factor", "minutes", "stem_seconds"),
    [
        pytest.param("micropython_armhf", 1, ARM_MINUTES, STEM_SECONDS, id="armhf", marks=pytest.mark.long),
        # 1,200 rows in seven minutes: what grows with a segment is as large as it gets.
        pytest.param("micropython", 2, 10, 1, id="busy", marks=pytest.mark.sweep),
        pytest.param("micropython", 2, DAY_MINUTES, STEM_SECONDS, id="day", marks=pytest.mark.sweep),
        pytest.param("micropython_armhf", 1, 10, 1, id="busy-armhf", marks=pytest.mark.sweep),
    ],
)
def test_the_fullest_music_in_the_heap_of_a_pico_2_w(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    runtime: str,
    heap_factor: int,
    minutes: int,
    stem_seconds: int,
    fullest_pack: Path,
) -> None:
    """Six stereo voices of QOA from storage, metered, sealed, and the courier at the link each second: no allocation
    fails, and the heap holds no more at the end than in the middle."""
    micropython: list[str] = request.getfixturevalue(runtime)
    architecture = NATIVE.get(platform.machine())
    if runtime == "micropython_armhf":
        firmware: Path = request.getfixturevalue("armhf_firmware")
    else:
        firmware = build_firmware(tmp_path / "firmware", architecture) if architecture else FIRMWARE
    pack = fullest_pack
    if stem_seconds != STEM_SECONDS:
        pack, _script = make_profile_pack(load_board("pico-2-w"), tmp_path, stem_seconds)
    (tmp_path / "usb.in").write_bytes(b"")
    asked = [Request(id=1, verb=STATUS), Request(id=2, verb=LIST, sequence=1)]
    asked.append(Request(id=3, verb=READ, sequence=1, offset=0, length=READ_CHUNK_BYTES_MAX))
    (tmp_path / "usb.again").write_bytes(b"".join(frame(one.encode()) for one in asked))
    for name in ("i2s.pcm",) if minutes < DAY_MINUTES else ("i2s.pcm", "usb.out"):
        (tmp_path / name).symlink_to("/dev/null")
    out = play(micropython, "pico-2-w", heap_factor, firmware, pack, tmp_path / "player", minutes)
    # A refusal for want of room is a failed allocation too. A day of answers is too much to keep.
    assert minutes == DAY_MINUTES or NO_ROOM.encode() not in (tmp_path / "usb.out").read_bytes()
    held = [int(line.split()[1]) for line in out.splitlines() if line.startswith("held ")]
    assert len(held) >= minutes - 1
    assert max(held[len(held) // 2 :]) <= max(held[: len(held) // 2]) + HELD_BYTES_MORE, held
    assert sum(usage.delivered_frames for usage in segments(tmp_path / "player")) >= minutes * 60 * RATE_HZ
    print(f"{minutes} minutes of {runtime}: heap holds {held[0]} bytes after one, {held[-1]} at the end")


@pytest.mark.long
@pytest.mark.parametrize(("role", "name"), [(LEDGER, "ledger"), (OPERATOR, "operator")])
def test_a_rotation_is_followed_in_the_heap_of_a_pico_2_w(
    role: int, name: str, tmp_path: Path, micropython_armhf: list[str], armhf_firmware: Path, fullest_pack: Path
) -> None:
    """While the fullest music plays, a courier brings a rotation: it is verified and kept, and no allocation fails."""
    seeds = {name: bytes((number,)) * 32 for number, name in ((4, "old"), (5, "new"))}
    old_key, new_key = (crypto.public_key(seed) for seed in seeds.values())
    facts = {"version": 1, "role": role, "origin": "ledger.example", "number": 1, "unix_s": 9}
    facts |= {"old_key": old_key, "new_key": new_key, "until_unix_s": 9 if role == LEDGER else None}
    proof = crypto.sign(seeds["new"], Rotation(possession=bytes(64), **facts).possession_message())
    entry = sign_rotation(Rotation(possession=proof, **facts), lambda message: crypto.sign(seeds["old"], message))
    path = [bytes((number,)) * 32 for number in range(20)]  # of a log of a million
    root = root_from_path(leaf_hash(entry), 3, 1 << 20, path)
    data = appointment(entry, _receipt(path, root, seeds["new"]))
    offer = {"verb": OFFER, "kind": OFFER_ROTATION, "sequence": 0, "size": len(data)}
    pieces = [(at, data[at : at + OFFER_CHUNK_BYTES_MAX]) for at in range(0, len(data), OFFER_CHUNK_BYTES_MAX)]
    asked = [Request(id=at + 1, offset=at, data=piece, **offer) for at, piece in pieces]
    (tmp_path / "usb.in").write_bytes(b"".join(frame(one.encode()) for one in asked))
    (tmp_path / "i2s.pcm").symlink_to("/dev/null")
    player = tmp_path / "player"
    told = [f"{name}_key={old_key.hex()}"]
    if role == OPERATOR:  # whose rotation the ledger's key vouches for
        told.append(f"ledger_key={new_key.hex()}")
    play(micropython_armhf, "pico-2-w", 1, armhf_firmware, fullest_pack, player, 1, *told)
    assert NO_ROOM.encode() not in (tmp_path / "usb.out").read_bytes()
    assert LedgerKeys(old_key, TwoSlotFile(str(player / f"{name}-key"), KEPT_BYTES_MAX)).key == new_key


def _receipt(path: list[bytes], root: bytes, seed: bytes) -> bytes:
    key = crypto.key_id(crypto.public_key(seed))
    return bytes(sign_receipt(1 << 20, 3, path, root, key, lambda message: crypto.sign(seed, message)))


@pytest.mark.long
@pytest.mark.parametrize(
    ("loops", "spare_bytes"), [(False, SPARE_BYTES), (True, SPARE_BYTES_WITH_LOOPS)], ids=["stems", "loops"]
)
def test_a_board_that_does_not_freeze_its_firmware_has_heap_enough(
    tmp_path: Path,
    micropython_armhf: list[str],
    armhf_firmware: Path,
    fullest_pack: Path,
    loops: bool,
    spare_bytes: int,
) -> None:
    """The fullest music in the board's own heap with all compiled code in it, beside the ring of I2S, and some of the
    heap is to spare: also with loops, whose score needs more code."""
    board = load_board("pico-2-w")
    pack = make_profile_pack(board, tmp_path, STEM_SECONDS, loops=True)[0] if loops else fullest_pack
    directory = write_player(tmp_path, board, pack)
    heap = f"heapsize={board['memory.heap_bytes'] - spare_bytes}"
    words = [*micropython_armhf, "-X", heap, *board_words(board, directory)]
    said = directory / SAID
    assert plays_and_answers(words, directory, armhf_firmware), said.read_text(errors="replace")[-2000:]
    assert sum(usage.delivered_frames for usage in segments(directory, board["storage.journal_bytes"])) >= 60 * RATE_HZ


def test_the_code_of_a_board_that_does_not_freeze_it_leaves_room(
    micropython_armhf: list[str], armhf_firmware: Path
) -> None:
    code = code_bytes(micropython_armhf, armhf_firmware)
    assert CODE_BYTES_MAX // 2 < code <= CODE_BYTES_MAX, f"expected at most {CODE_BYTES_MAX}, found {code}"


def segments(directory: Path, ring_bytes: int = RING_BYTES) -> list[Usage]:
    journal = Journal(FileSectorDevice(str(directory / "journal.ring"), ring_bytes), bytes(8))
    seed, _bound = load_or_make_device_seed(str(directory / "device.key"), hardware_ids(), key_id_of)
    key = crypto.public_key(seed)
    return [open_usage(journal.read(number, 0, 1 << 16), key, crypto.verify) for number in sorted(journal.segments)]
