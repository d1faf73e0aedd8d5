"""Storage that is slow to sync: music goes on, nobody else touches the journal, and never is more than a second at
stake."""

import threading
from pathlib import Path
from typing import Any

import pytest
from output_card import Card, StepClock
from patience import wait_until

from amos import crypto
from amos.config import Config
from amos.device import Device
from amos.edges.alsa_host import AlsaSink
from amos.edges.sector_memory import MemorySectorDevice
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.edges.worker import InlineWorker
from amos.edges.worker_host import ThreadWorker
from amos.identity import Identity
from amos.journal.journal import Journal, JournalError
from amos.ledger_keys import LedgerKeys
from amos.packs import folder as pack_folder
from amos.player_state import PlayerState
from amos.protocol.segment import SEAL_OUTPUT, SEAL_SHUTDOWN, Usage
from amos.protocol.usage_reader import open_usage
from amos.rights.rights import open_rights
from amos.session.session import Session
from amos.tier_kept import TierKept

RATE_HZ, BLOCK = 48000, 1024
SEED, PUBLISHER = b"d" * 32, b"p" * 32


class SlowDevice(MemorySectorDevice):
    """Storage whose sync takes until it is let go on; notes which thread is at work, and whether two ever are."""

    def __init__(self) -> None:
        super().__init__(sector_count=4096)
        self.go_on = threading.Event()
        self.go_on.set()
        self.syncing = threading.Event()
        self.together = 0
        self._inside = threading.Lock()

    def _alone(self, act: Any) -> Any:
        if not self._inside.acquire(blocking=False):
            self.together += 1
            return act()
        try:
            return act()
        finally:
            self._inside.release()

    def read(self, sector: int, count: int) -> bytes:
        return self._alone(lambda: super(SlowDevice, self).read(sector, count))

    def write(self, sector: int, data: bytes) -> None:
        self._alone(lambda: super(SlowDevice, self).write(sector, data))

    def sync(self) -> None:
        def act() -> None:
            self.syncing.set()
            assert self.go_on.wait(60)
            super(SlowDevice, self).sync()

        self._alone(act)


class Scene:
    """A device with a session on a card, and storage that a test slows down."""

    def __init__(self, folder: Path, pack: Path, monkeypatch: pytest.MonkeyPatch, clock: StepClock, worker: Any):
        self.clock, self.card = clock, Card(clock)
        self.storage = SlowDevice()
        self.journal = Journal(self.storage, bytes(8))
        settings = {"pack": str(pack), "publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": "00" * 32}
        settings["out"] = "wav:unused"
        config = Config(str(folder), settings | {"block_frames": BLOCK})
        opened = pack_folder.open_pack(str(pack), config.publisher_key, crypto.verify)
        monkeypatch.setattr(
            "amos.session.session.open_sink", lambda *_told: AlsaSink(self.card.reopened(), RATE_HZ, 68 * 48, clock)
        )
        identity = Identity(SEED, config)
        life = {"device_id": identity.device_id, "ran_before": False}
        key = LedgerKeys(config.ledger_key)
        rights = open_rights(str(folder), config.publisher_key, crypto.verify, clock, worker, ledger_keys=key, **life)
        state = PlayerState(opened.pack_id, TierKept(TwoSlotMemory(), config.tier))
        self.device = Device(identity, state, rights, self.journal, clock, key, worker=worker)
        self.session = Session(self.device, opened, config, clock)
        state.begin_session(self.session, opened.pack_id)

    def play(self, ms: int) -> None:
        until = self.clock.now_ms() + ms
        while self.clock.now_ms() < until:
            self.session.step(BLOCK)

    def sealed(self) -> list[Usage]:
        """The first two segments, signatures checked."""
        journal, key = self.device.journal, self.device.identity.public_key
        return [open_usage(journal.read(n, 0, 1 << 16), key, crypto.verify) for n in (1, 2)]

    def kept_frames(self) -> int:
        """What a power cut at this moment would leave of the session."""
        left = Journal(self.storage.after_power_cut(lambda _index: False), bytes(8))
        sealed = [
            open_usage(left.read(n, 0, 1 << 16), self.device.identity.public_key, crypto.verify) for n in left.segments
        ]
        return left.unsealed.end_frame if left.unsealed else sealed[-1].end_frame if sealed else 0


@pytest.fixture
def scene(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: StepClock) -> Scene:
    return Scene(tmp_path, pack, monkeypatch, clock, ThreadWorker())


def wait_until_idle(scene: Scene) -> None:
    wait_until(lambda: not scene.session.log.busy, "a log at rest", nap_s=0.001)


def test_music_goes_on_while_storage_syncs(scene: Scene) -> None:
    scene.play(100)
    scene.storage.go_on.clear()
    scene.storage.syncing.clear()
    scene.play(500)
    assert scene.storage.syncing.wait(60) and scene.session.log.busy
    scene.play(200)
    assert scene.session.log.busy and scene.card.ran_dry == 0
    scene.storage.go_on.set()
    wait_until_idle(scene)
    scene.play(100)
    assert scene.card.ran_dry == scene.storage.together == 0


def test_play_waits_before_more_than_a_second_is_at_stake(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.play(2000)
    wait_until_idle(scene)
    scene.storage.go_on.clear()
    waited = threading.Event()
    settle = scene.device.worker.settle

    def noted() -> None:
        if scene.device.worker.busy:
            waited.set()
        settle()

    monkeypatch.setattr(scene.device.worker, "settle", noted)
    played = threading.Thread(target=scene.play, args=(5000,))
    played.start()
    assert waited.wait(60)
    frame = scene.session.frame
    at_stake = frame + scene.card.buffer_frames - scene.kept_frames()  # the buffer sounds on while play waits
    scene.storage.go_on.set()
    played.join(60)
    assert not played.is_alive()
    assert RATE_HZ // 2 < at_stake <= RATE_HZ
    assert scene.session.frame - frame > 3 * RATE_HZ


def test_whoever_asks_the_device_waits_for_storage(scene: Scene) -> None:
    scene.play(300)
    scene.storage.go_on.clear()
    scene.play(300)
    assert scene.session.log.busy
    threading.Timer(0.2, scene.storage.go_on.set).start()
    status = scene.device.status()
    assert not scene.session.log.busy and status.frame == scene.session.frame and status.spare_segments > 100
    assert scene.storage.together == 0


def test_a_seal_is_work_for_storage_too(scene: Scene) -> None:
    scene.play(700)
    wait_until_idle(scene)
    scene.device.set_tier(3)
    scene.storage.go_on.clear()
    scene.session.step(BLOCK)
    assert scene.session.log.busy and scene.session.unsealed_ms() == 0
    scene.play(300)
    assert scene.session.unsealed_ms() >= 250 and scene.card.ran_dry == 0
    scene.storage.go_on.set()
    scene.play(2000)
    scene.session.finish(SEAL_SHUTDOWN)
    usages = scene.sealed()
    assert [usage.tier for usage in usages] == [0, 3]
    assert usages[0].end_frame == usages[1].first_frame and usages[1].end_frame == scene.session.frame
    assert sum(usage.delivered_frames for usage in usages) == len(scene.card.heard) // 4
    assert scene.storage.together == 0


@pytest.mark.parametrize("worker", [ThreadWorker, InlineWorker])
def test_storage_that_fails_stops_play_within_a_second(
    worker: Any, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: StepClock
) -> None:
    scene = Scene(tmp_path, pack, monkeypatch, clock, worker())
    scene.play(3000)
    wait_until_idle(scene)
    scene.storage.fail_at = scene.storage.operations
    kept = scene.kept_frames()
    with pytest.raises(JournalError, match="storage failed"):
        scene.play(3000)
    assert scene.session.frame - kept <= 2 * RATE_HZ
    scene.session.break_off()
    assert not any(scene.card.heard[-4:])  # in silence, not in the middle of a wave
    assert scene.device.status().failed_writes == 1


def test_a_lost_output_is_sealed_after_a_while_and_the_next_segment_begins_at_its_return(scene: Scene) -> None:
    scene.play(3000)
    scene.card.gone = "No such device"
    scene.session.step(BLOCK)
    session, frame = scene.session, scene.session.frame
    assert session.output.lost and scene.kept_frames() == frame  # durable at once
    for _poll in range(700):
        scene.clock.sleep_ms(50)
        assert not session.wait_for_output() and session.frame == frame
    wait_until_idle(scene)
    assert sorted(scene.device.journal.segments) == [1]
    back_ms = scene.clock.now_ms()
    scene.card.gone = ""
    while not session.wait_for_output():
        scene.clock.sleep_ms(50)
    scene.play(1000)
    session.finish(SEAL_SHUTDOWN)
    usages = scene.sealed()
    assert usages[0].reason == SEAL_OUTPUT and usages[0].end_frame == usages[1].first_frame == frame
    assert usages[0].end_ms <= back_ms - 25000 and back_ms <= usages[1].start_ms < back_ms + 1100


def test_underruns_are_told_for_each_segment_and_since_boot(scene: Scene) -> None:
    scene.play(500)
    scene.clock.sleep_ms(300)
    scene.play(500)
    scene.device.set_tier(1)
    scene.play(1500)
    for _ in range(2):
        scene.clock.sleep_ms(300)
        scene.play(500)
    assert scene.device.status().underruns == 3
    scene.session.finish(SEAL_SHUTDOWN)
    usages = scene.sealed()
    assert [usage.underruns for usage in usages] == [1, 2]
    assert sum(usage.delivered_frames for usage in usages) == len(scene.card.heard) // 4


def test_a_worker_tells_what_went_wrong_once() -> None:
    def fail() -> None:
        raise JournalError("broken")

    worker = ThreadWorker()
    worker.settle()
    worker.submit(fail)
    with pytest.raises(JournalError, match="broken"):
        worker.settle()
    worker.settle()
    done: list[int] = []
    for number in range(100):
        worker.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    worker.settle()
    assert done == list(range(100)) and not worker.busy
