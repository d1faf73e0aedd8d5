"""The player as a process: stopped, killed, misconfigured, with bad blobs and full storage: no traceback, no loss."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from patience import wait_until

from amos import crypto
from amos.edges.hardware import MACHINE, hardware_ids
from amos.edges.key_store import load_or_make_device_seed
from amos.edges.sector_device import FileSectorDevice, PartitionSectorDevice
from amos.journal.journal import Journal
from amos.protocol.segment import (
    FLAG_ABORTED,
    FLAG_POWER_LOSS,
    LOST_STORAGE,
    SEAL_POWER_LOSS,
    SEAL_SHUTDOWN,
    Usage,
)
from amos.protocol.usage_reader import open_usage as open_signed
from amos_tools.device.run import micropython_environment
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

RATE_HZ = 22050
SEED, PUBLISHER = b"d" * 32, b"p" * 32
SCRIPT = """
experience "two" seed device
clock 22050 tempo 120 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 4
pool all = stems where role pads
section loop 2 bars
  play pads from all fade 1 beat
"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    noise = np.random.RandomState(3)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(3):
            samples = noise.randint(-9000, 9000, (RATE_HZ * 2 + number, 1)).astype("int16")
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
            vault.import_samples(samples, parse_facts("noise", told))
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        build_pack(compile_script(SCRIPT, vault.stems()), vault, folder / "pack", **terms)  # type: ignore[arg-type]
    return folder / "pack"


class Player:
    """A player's directory, and its process when it runs."""

    def __init__(self, folder: Path, pack: Path, command: list[str]):
        self.folder = folder
        self._command = command
        folder.mkdir(exist_ok=True)
        (folder / "device.key").write_bytes(SEED)
        settings = {"pack": str(pack), "publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": "00" * 32}
        self.settings: dict[str, object] = settings | {"linger": "no", "out": "null", "pace": "free", "tier": 255}

    def start(self, **settings: object) -> "subprocess.Popen[str]":
        (self.folder / "player.json").write_text(json.dumps(self.settings | settings))
        words = [*self._command, "-m", "amos", str(self.folder)]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, env=micropython_environment(), stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def run(self, **settings: object) -> tuple[int, str]:
        process = self.start(**settings)
        out, _err = process.communicate(timeout=180)
        assert "Traceback" not in out
        return process.returncode, out

    def segments(self) -> list[Usage]:
        """Every sealed segment, with signatures, numbers and chain checked."""
        store = FileSectorDevice(str(self.folder / "journal.ring"), 1 << 23)
        found = self.segments_on(store)
        assert [usage.sequence for usage in found] == list(range(1, len(found) + 1))
        return found

    def segments_on(self, store: FileSectorDevice) -> list[Usage]:
        """Every sealed segment of a ring, with signatures checked, and the chain where no gap is declared."""
        journal = Journal(store, bytes(8))
        found, previous = [], bytes(32)
        for number in sorted(journal.segments):
            usage = open_signed(journal.read(number, 0, 1 << 16), crypto.public_key(SEED), crypto.verify)
            assert usage.previous == previous or usage.lost_last == usage.sequence - 1
            previous = journal.segments[number].sha256
            found.append(usage)
        store.close()
        return found


@pytest.fixture(params=["cpython", "micropython"])
def player(request: pytest.FixtureRequest, pack: Path, tmp_path: Path) -> Player:
    command = [sys.executable] if request.param == "cpython" else request.getfixturevalue("micropython")
    return Player(tmp_path / "player", pack, command)


def wait_for(path: Path, size_bytes: int) -> None:
    wait_until(lambda: path.exists() and path.stat().st_size >= size_bytes, "sound in the file", nap_s=0.01)


def test_a_killed_player_seals_what_it_had_flushed_and_goes_on(player: Player) -> None:
    output = player.folder / "out.wav"
    process = player.start(out=f"wav:{output}")
    wait_for(output, RATE_HZ * 4 * 40)
    process.kill()
    process.communicate()
    written_frames = (output.stat().st_size - 44) // 4
    assert player.run(minutes=1)[0] == 0
    first, second = player.segments()[-2:]
    assert (first.reason, first.pcm_sha256) == (SEAL_POWER_LOSS, bytes(32))
    metered = sum(usage.delivered_frames for usage in player.segments()[:-1])
    assert 0 <= written_frames - metered <= RATE_HZ
    aborted = [row for row in first.rows() if row[3] & FLAG_POWER_LOSS]
    assert aborted and all(row[3] & FLAG_ABORTED for row in aborted)
    assert (second.session, second.boot, second.reason) == (first.session + 1, first.boot + 1, SEAL_SHUTDOWN)
    assert second.delivered_frames >= 60 * RATE_HZ


def test_kills_at_any_moment_never_count_more_than_was_delivered(pack: Path, tmp_path: Path) -> None:
    player = Player(tmp_path / "player", pack, [sys.executable])
    moments = np.random.RandomState(11)
    delivered = 0
    for life in range(8):
        output = tmp_path / f"{life}.wav"
        process = player.start(out=f"wav:{output}", block_frames=int(moments.choice([64, 1024, 4096])))
        wait_for(output, 2 * RATE_HZ * 4)  # the first second is flushed before the second one is out
        time.sleep(float(moments.uniform(0, 0.15)))
        process.kill()
        process.communicate()
        delivered += (output.stat().st_size - 44) // 4
    assert player.run(minutes=1)[0] == 0
    sealed = player.segments()
    last = sealed.pop()
    assert last.delivered_frames >= 60 * RATE_HZ
    assert sum(usage.delivered_frames for usage in sealed) <= delivered
    assert {usage.reason for usage in sealed if usage.end_frame % (600 * RATE_HZ)} <= {1, SEAL_POWER_LOSS}
    assert len({(usage.boot, usage.session) for usage in sealed}) == 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_seals_and_ends_with_the_block_in_hand(number: int, pack: Path, tmp_path: Path) -> None:
    player = Player(tmp_path / "player", pack, [sys.executable])
    process = player.start(pace="clocked", out=f"wav:{tmp_path}/out.wav")
    wait_for(tmp_path / "out.wav", 45)
    (player.folder / "sessions.jsonl").mkdir()  # which nothing depends on
    process.send_signal(number)
    out, _err = process.communicate(timeout=60)
    assert process.returncode == 0 and "1 segments sealed" in out
    (usage,) = player.segments()
    assert usage.reason == SEAL_SHUTDOWN and usage.pcm_sha256 != bytes(32)


def test_a_second_player_leaves_the_first_one_s_directory_alone(player: Player) -> None:
    output = player.folder / "out.wav"
    process = player.start(pace="clocked", out=f"wav:{output}")
    wait_for(output, 45)
    code, out = player.run(minutes=1)
    assert code == 2 and "DirectoryInUse" in out and "stop it first" in out and len(out.splitlines()) == 1
    process.kill()
    process.communicate()
    code, out = player.run(minutes=1)  # what died holds nothing
    assert code == 0 and "journal:" not in out
    player.segments()


def test_a_corrupt_blob_stays_silent_and_the_others_play(player: Player, pack: Path, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(pack, broken)
    largest = max((broken / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[1000] ^= 1
    largest.chmod(0o644)
    largest.write_bytes(data)
    code, out = player.run(minutes=1, pack=str(broken))
    assert code == 0 and "silent: stem 2: expected SHA-256" in out.replace("stem 0", "stem 2").replace(
        "stem 1", "stem 2"
    )
    (usage,) = player.segments()
    assert len({row[0] for row in usage.rows()}) == 2


def test_a_full_journal_stops_play_and_says_so(player: Player) -> None:
    store = FileSectorDevice(str(player.folder / "journal.ring"), 256 << 10)
    journal = Journal(store, bytes(8))
    for sequence in range(1, 8):
        journal.seal(sequence, bytes(15 << 10), 1000)
    store.close()
    code, out = player.run(minutes=60, journal_bytes=256 << 10)
    assert code == 0 and "stopped: journal: expected room" in out and "sync the player" in out
    life = json.loads((player.folder / "sessions.jsonl").read_text())
    assert len(bytes.fromhex(life["device_id"])) == 16 and "device" not in life
    assert life["segments"] <= 1 and life["last_sequence"] == 7 + life["segments"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"out": "flac:x"}, "out: expected wav:PATH"),
        ({"out": "wav:/nonexistent/x.wav"}, "/nonexistent/x.wav"),
        ({"out": "wav:/dev/null"}, "out: expected wav: and the name of a file, found /dev/null"),
        ({"tier": 0}, "pace=free: expected another with tier=0, because only a renderer"),
        ({"tier": 0, "pace": "clocked"}, "out=null: expected another with tier=0, because only a renderer"),
        ({"pack": "/nonexistent"}, "PackError"),
        ({"voices": 1}, "PackError: voices: expected at most 1, found 4"),
        ({"rate_hz": 8000}, "PackError: rate_hz: expected at most 8000, found 22050"),
        ({"pack": "none"}, "pack: expected a folder, or a link over which one comes"),
        ({"publisher_key": "11" * 32}, "SignatureError"),
        ({"publisher_key": "xyz"}, "publisher_key: expected 64 hex digits"),
        ({"minutes": -1}, "minutes: expected 0 to"),
        ({"minutes": "many"}, "minutes: expected a whole number"),
        ({"block_frames": 100}, "block_frames: expected a multiple of 64"),
        ({"pace": "slow"}, "pace: expected one of clocked, free"),
        ({"volume": 11}, "volume: expected one of"),
        ({"link": "tcp:1"}, "link: expected pty:PATH"),
        ({"journal": "card"}, "journal: expected file, raw:sd or raw:PATH"),
    ],
)
def test_a_wrong_setting_is_one_line(player: Player, settings: dict[str, object], said: str) -> None:
    code, out = player.run(**settings)
    assert code == 2
    assert said in out or ("Error" in out and said.startswith("/nonexistent"))
    assert len(out.strip().splitlines()) <= 2


def test_a_broken_key_file_is_never_overwritten(player: Player) -> None:
    (player.folder / "device.key").write_bytes(b"short")
    code, out = player.run(minutes=1)
    assert code == 2 and "expected a device's key, found 5 other bytes" in out
    assert (player.folder / "device.key").read_bytes() == b"short"


def test_a_new_key_is_private_and_stays(pack: Path, tmp_path: Path) -> None:
    player = Player(tmp_path / "player", pack, [sys.executable])
    (player.folder / "device.key").unlink()
    assert player.run(minutes=1)[0] == 0
    made = (player.folder / "device.key").read_bytes()
    assert len(made) == (89 if hardware_ids() else 32)
    assert os.stat(player.folder / "device.key").st_mode & 0o777 == 0o600
    assert player.run(minutes=1)[0] == 0
    assert (player.folder / "device.key").read_bytes() == made


def test_a_key_bound_to_another_machine_is_one_line_and_stays(player: Player) -> None:
    path = player.folder / "device.key"
    path.unlink()
    load_or_make_device_seed(str(path), [(MACHINE, b"another machine's")], lambda seed: bytes(16))
    copied = path.read_bytes()
    code, out = player.run(minutes=1)
    assert code == 2 and f"KeyFault: {path}: holds the key of device" in out and len(out.splitlines()) == 1
    assert path.read_bytes() == copied and not (player.folder / "sessions.jsonl").exists()


def test_what_the_score_learned_survives_a_reboot(player: Player) -> None:
    assert player.run(minutes=1)[0] == player.run(minutes=1)[0] == player.run(minutes=1)[0] == 0
    first, second, third = player.segments()
    assert first.start_state != second.start_state
    assert len({usage.start_state for usage in (first, second, third)}) >= 2


def test_an_older_journal_in_its_place_uses_no_number_twice(player: Player) -> None:
    ring = player.folder / "journal.ring"
    assert player.run(minutes=1)[0] == 0
    image = ring.read_bytes()
    assert player.run(minutes=1)[0] == player.run(minutes=1)[0] == 0
    seen = player.segments()[-1].sequence
    for content in (image, None):
        ring.write_bytes(content) if content else ring.unlink()
        code, out = player.run(minutes=1)
        assert code == 0 and "journal: the ring is older than what is reserved beside the key, or blank" in out
        first = next(usage for usage in player.segments_on(FileSectorDevice(str(ring), 0)) if usage.sequence > seen)
        assert (first.lost_last, first.lost_reason) == (first.sequence - 1, LOST_STORAGE)
        assert first.lost_first == (2 if content else 1)
        seen = first.sequence
        code, out = player.run(minutes=1)
        assert code == 0 and "journal:" not in out


def test_the_journal_on_a_partition(player: Player) -> None:
    path = player.folder / "partition"
    path.write_bytes(bytes(1 << 20))
    for _ in range(2):
        assert player.run(minutes=1, journal=f"raw:{path}")[0] == 0
    assert not (player.folder / "journal.ring").exists()
    assert len(player.segments_on(PartitionSectorDevice(str(path)))) == 2
    path.write_bytes(b"file system" * 50000)
    code, out = player.run(minutes=1, journal=f"raw:{path}")
    assert code == 2 and "expected a ring or a blank medium" in out
    assert path.read_bytes() == b"file system" * 50000


def test_another_player_s_journal_is_left_alone(player: Player) -> None:
    assert player.run(minutes=1)[0] == 0
    ring = (player.folder / "journal.ring").read_bytes()
    (player.folder / "device.key").write_bytes(bytes(range(1, 33)))
    code, out = player.run(minutes=1)
    assert code == 2 and "put its own card back" in out
    assert (player.folder / "journal.ring").read_bytes() == ring
