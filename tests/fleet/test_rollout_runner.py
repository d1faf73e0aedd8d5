"""The runner over a desk in memory: killed anywhere, a broker that forgets, a wall clock that jumps, and stalls."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rollout_examples import BACK, EARLIER, GOES, LIMITS, a_rollout

from amos import crypto
from amos.protocol import topics
from amos.protocol.directive import Directive
from amos.protocol.directive_host import read_directive
from amos.protocol.rotation import OPERATOR as OPERATOR_ROLE
from amos_sync.courier_status import OFFLINE, ONLINE, REFUSALS_MAX, CourierStatus, PackRefusal
from amos_tools.fleet.errors import FleetError, UnreachableError
from amos_tools.fleet.members import Members
from amos_tools.fleet.rollout import runner as runner_module
from amos_tools.fleet.rollout.decide import go_on
from amos_tools.fleet.rollout.runner import Runner
from amos_tools.fleet.rollout.state import Health, Phase
from amos_tools.fleet.rollout.store import Store
from protocol_examples import Party, a_directive, a_status, signed_directive
from rotation_examples import appointed

OPERATOR, STRANGER = Party(2), Party(6)
DEVICE = bytes(16)
NOW = 1_800_000_000


class KilledError(Exception):
    """The process ends here."""


class DeskInMemory:
    """A broker's memory, and a clock that each turn moves on; `turns` are what happens in each, then it is killed."""

    def __init__(self, clock: "Clock", *turns: Callable[["DeskInMemory"], object]) -> None:
        self.members = Members(crypto.public_key(OPERATOR.seed))
        self.up, self.connections, self.away = True, 1, False
        self.sent: list[bytes] = []
        self._clock, self._turns = clock, list(turns)
        self._uptime_ms = 0

    def then(self, *turns: Callable[["DeskInMemory"], object]) -> "DeskInMemory":
        self._turns = list(turns)
        return self

    def turn(self) -> None:
        if not self._turns:
            raise KilledError
        self._clock.monotonic_s += 1
        self._uptime_ms += 1000
        self._turns.pop(0)(self)

    def direct(self, site: str, device_id: bytes, data: bytes) -> None:
        if self.away:
            raise UnreachableError("broker is away")
        self.sent.append(data)
        self.members.came(topics.device_topic(site, device_id, topics.DIRECTIVE), data)

    def hear(self, serial: int | None, pack: str, site: str = "cafe", **more: object) -> None:
        status = a_status(DEVICE, bytes.fromhex(pack))
        status.uptime_ms, status.frame = self._uptime_ms, 48 * self._uptime_ms
        status.directive_serial = serial
        for name, value in more.items():
            setattr(status, name, value)
        self.members.came(topics.device_topic(site, DEVICE, topics.STATUS), status.encode())

    def courier(self, state: int, *refusals: PackRefusal) -> None:
        status = CourierStatus(state=state, version="1", refusals=list(refusals) or None)
        self.members.came(topics.courier_status_topic("cafe"), status.encode())


class Clock:
    """What `time` says, in place of the machine's."""

    def __init__(self) -> None:
        self.monotonic_s, self.wall_s = 100.0, NOW

    def monotonic(self) -> float:
        return self.monotonic_s

    def time(self) -> float:
        return self.wall_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(runner_module, "time", made)
    return made


def nothing(_desk: DeskInMemory) -> None:
    """Only time goes by."""


def plays(desk: DeskInMemory) -> None:
    """It took what was sent last."""
    directive = read_directive(desk.sent[-1])
    desk.hear(directive.serial, (directive.pack or b"").hex())


class Desk:
    """A roll-out to one player, its file, and processes that run it one after the other."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.store, self.said = Store(folder / "state"), list[str]()
        self.soak(10)
        self.at = DeskInMemory(clock)

    def soak(self, soak_s: int) -> None:
        """Begin anew, with this soak."""
        self.store.save(a_rollout(1, limits=replace(LIMITS, soak_s=soak_s)))

    def run(self, *turns: Callable[[DeskInMemory], object]) -> None:
        made: Any = self.at.then(*turns)
        with suppress(KilledError):
            Runner(made, self.store, self.store.load(), OPERATOR.seed, self.said.append).run()

    @property
    def device(self) -> Any:
        return self.store.load().rings[0].devices[0]


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Desk:
    return Desk(tmp_path, clock)


def test_it_goes_on_after_a_kill_and_says_nothing_twice_in_other_words(desk: Desk) -> None:
    desk.at.hear(None, EARLIER.pack_id)
    desk.run(nothing, nothing)
    (data,) = desk.at.sent
    assert desk.device.data == data.hex() and read_directive(data).serial == NOW
    desk.run(nothing, nothing)
    assert desk.at.sent == [data], "the broker has it"
    desk.at.members.came(topics.device_topic("cafe", DEVICE, topics.DIRECTIVE), b"")
    desk.run(nothing, nothing)
    assert desk.at.sent == [data, data], "the broker has lost it, or never had it"
    desk.run(*[plays] * 12)
    assert desk.store.load().phase is Phase.DONE and len(desk.at.sent) == 2


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_kill_among_the_players_of_a_ring_leaves_the_rest_to_be_sent(desk: Desk, cut: int) -> None:
    desk.store.save(a_rollout(3))
    direct = desk.at.direct

    def dies(site: str, device_id: bytes, data: bytes) -> None:
        if len(desk.at.sent) == cut:
            raise KilledError
        direct(site, device_id, data)

    desk.at.direct = dies  # type: ignore[method-assign]
    desk.run(nothing, nothing)
    desk.at.direct = direct  # type: ignore[method-assign]
    kept = [device.data for device in desk.store.load().rings[0].devices]
    desk.run(nothing, nothing)
    assert [data.hex() for data in desk.at.sent] == kept, "each was sent once, as it was kept"


def test_what_cannot_be_kept_is_not_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_rollout: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.store, "save", fails)
    with pytest.raises(OSError, match="No space"):
        desk.run(nothing, nothing)
    assert desk.at.sent == []


def test_what_was_wanted_before_stays_and_serials_rise_whatever_the_wall_clock_says(desk: Desk, clock: Clock) -> None:
    topic = topics.device_topic("cafe", DEVICE, topics.DIRECTIVE)
    before = a_directive(DEVICE, NOW + 500, volume_q15=9, pack=bytes.fromhex(EARLIER.pack_id), pack_place="https://old")
    desk.at.members.came(topic, signed_directive(before, OPERATOR))
    desk.run(nothing, nothing)
    directive = read_directive(desk.at.sent[-1])
    assert (directive.serial, directive.volume_q15, directive.pack_place) == (NOW + 501, 9, None)
    # The broker forgets, the clock goes back a year, and the operator takes them back.
    desk.at.members.came(topic, b"")
    clock.wall_s -= 365 * 86_400
    rollout = desk.store.load()
    rollout.back, rollout.phase = BACK, Phase.RETURNING
    desk.store.save(rollout)
    desk.run(nothing, nothing)
    directive = read_directive(desk.at.sent[-1])
    assert (directive.serial, directive.volume_q15, (directive.pack or b"").hex()) == (NOW + 502, 9, BACK.pack_id)


def rotated(desk: Desk, after: Party, *retained: tuple[bytes, bytes]) -> None:
    """The operator's key gave way to that of `after`; the broker has these directives by device."""
    desk.at.members = Members(crypto.public_key(after.seed))
    desk.at.members.came(topics.operator_rotation_topic(0), appointed(OPERATOR, after, 1, role=OPERATOR_ROLE))
    for device, data in retained:
        desk.at.members.came(topics.device_topic("cafe", device, topics.DIRECTIVE), data)


def test_what_an_earlier_key_signed_is_not_signed_again_unasked_and_holds_up_nobody(desk: Desk) -> None:
    """What is retained might be a thief's; everybody else gets the pack."""
    devices = [bytes(15) + bytes((number,)) for number in range(3)]
    desk.store.save(a_rollout(3))
    rotated(desk, after := Party(7), (devices[1], signed_directive(a_directive(devices[1], 9), OPERATOR)))
    made: Any = desk.at.then(nothing, nothing, nothing)
    rollout = desk.store.load()
    with suppress(KilledError):
        Runner(made, desk.store, rollout, after.seed, desk.said.append).run()
    assert [read_directive(data).device_id for data in desk.at.sent] == [devices[0], devices[2]]
    held = desk.store.load().rings[0].devices[1]
    assert held.data == "" and rollout.phase is Phase.ROLLING
    desk.at.members.came(
        topics.device_topic("cafe", devices[1], topics.DIRECTIVE), signed_directive(a_directive(devices[1], 10), after)
    )
    with suppress(KilledError):
        Runner(made.then(nothing), desk.store, rollout, after.seed, desk.said.append).run()
    assert read_directive(desk.at.sent[-1]).device_id == devices[1]


def test_back_takes_over_nothing_that_an_earlier_key_signed(desk: Desk) -> None:
    """The operator's key gives way to another while it runs: what was sent is by the earlier one."""
    devices = [bytes(15) + bytes((number,)) for number in range(2)]
    desk.store.save(a_rollout(2))
    desk.run(nothing, nothing)
    sent = list(zip(devices, desk.at.sent[:], strict=True))
    rotated(desk, after := Party(7), *sent)
    rollout = desk.store.load()
    rollout.back, rollout.phase = BACK, Phase.RETURNING
    taken_over = signed_directive(a_directive(devices[0], NOW + 5, pack=bytes.fromhex(GOES.pack_id)), after)
    desk.at.members.came(topics.device_topic("cafe", devices[0], topics.DIRECTIVE), taken_over)
    made: Any = desk.at
    with suppress(KilledError):
        Runner(made.then(nothing, nothing), desk.store, rollout, after.seed, desk.said.append).run()
    directive = read_directive(desk.at.sent[-1])
    assert len(desk.at.sent) == 3 and (directive.device_id, directive.serial) == (devices[0], NOW + 6)
    assert "--take-over" in str(rollout.rings[0].devices[1].reason)


def test_a_key_that_gave_way_rolls_nothing_out(desk: Desk) -> None:
    """It would put its own over what the next key signs, while players take nothing by it."""
    desk.run(nothing, nothing)
    sent = desk.at.sent[:]
    desk.at.members.came(topics.operator_rotation_topic(1), appointed(OPERATOR, Party(7), 1, role=OPERATOR_ROLE))
    with pytest.raises(FleetError, match="gave way"):
        desk.run(nothing, nothing)
    assert desk.at.sent == sent


def test_a_broker_that_is_away_is_said_and_caught_up_with(desk: Desk) -> None:
    desk.at.away = True
    desk.run(nothing, nothing)
    assert desk.at.sent == [] and "sent as soon as it is there again" in desk.said[-1]
    desk.at.away, desk.at.up = False, False
    desk.run(*[nothing] * 40)
    assert desk.at.sent == [] and desk.device.waited_ms == 0
    desk.at.up = True
    desk.run(nothing)
    assert len(desk.at.sent) == 1


def test_one_that_is_away_for_long_gets_it_when_it_comes(desk: Desk) -> None:
    desk.at.hear(None, EARLIER.pack_id)  # retained since its courier lost power
    desk.at.courier(OFFLINE)
    desk.run(*[nothing] * 60)
    assert desk.device.health is Health.ABSENT and desk.store.load().phase is Phase.ROLLING

    def comes(at: DeskInMemory) -> None:
        at.courier(ONLINE)
        plays(at)

    desk.run(*[comes] * 12)
    assert desk.store.load().phase is Phase.DONE


def test_one_that_was_there_and_is_not_heard_of_has_vanished(desk: Desk) -> None:
    desk.soak(600)
    desk.run(nothing, plays, *[nothing] * 14)
    assert desk.store.load().phase is Phase.ROLLING
    desk.run(plays, *[nothing] * 17)
    assert desk.store.load().phase is Phase.STOPPED and "have vanished" in desk.said[-1]
    desk.run(plays)
    assert len(desk.at.sent) == 1


@pytest.mark.parametrize("stall", ["suspended", "disconnected"])
def test_a_stall_of_the_desk_is_nobodys_silence(desk: Desk, clock: Clock, stall: str) -> None:
    def stalls(at: DeskInMemory) -> None:
        clock.monotonic_s += 10 if stall == "disconnected" else 100_000
        at.connections += stall == "disconnected"

    desk.soak(600)
    desk.run(nothing, plays, nothing, stalls, plays, nothing, nothing)
    assert desk.store.load().phase is Phase.ROLLING
    assert desk.store.load().rings[0].soaked_ms <= 16_000


def test_who_refuses_the_pack_stops_it_and_a_stranger_or_an_old_word_does_not(desk: Desk) -> None:
    def refuses(device: bytes, pack: str, serial: int) -> PackRefusal:
        told = {"text": "voices: expected at most 8, found 9", "directive_serial": serial}
        return PackRefusal(device_id=device, pack=bytes.fromhex(pack), **told)

    def has_it(*refusals: PackRefusal) -> Callable[[DeskInMemory], None]:
        def happens(at: DeskInMemory) -> None:
            at.courier(ONLINE, *refusals)
            at.hear(NOW, EARLIER.pack_id)

        return happens

    others = (refuses(b"x" * 16, GOES.pack_id, NOW), refuses(DEVICE, GOES.pack_id, NOW - 1))
    desk.run(nothing, nothing, has_it(*others), has_it(refuses(DEVICE, EARLIER.pack_id, NOW)), nothing)
    assert desk.store.load().phase is Phase.ROLLING
    desk.run(has_it(refuses(DEVICE, GOES.pack_id, NOW)), nothing)
    assert "voices: expected at most 8, found 9" in (desk.store.load().why or "")
    rollout = desk.store.load()
    go_on(rollout)
    desk.store.save(rollout)
    desk.run(*[nothing] * 12)
    assert desk.store.load().phase is Phase.DONE, "nobody is left to wait for"


def test_a_directive_that_is_refused_stops_it_unless_that_was_refused_before(desk: Desk) -> None:
    before = {"directive_refused": "directive.serial: expected 9 or more, found 8"}
    desk.at.hear(None, EARLIER.pack_id, **before)
    desk.run(nothing, *[lambda at: at.hear(None, EARLIER.pack_id, **before)] * 3)
    assert desk.store.load().phase is Phase.ROLLING
    desk.run(lambda at: at.hear(None, EARLIER.pack_id, directive_refused="signature"), nothing)
    assert desk.store.load().phase is Phase.STOPPED and "signature" in desk.said[-1]


def test_the_operator_stops_one_that_runs(desk: Desk) -> None:
    desk.run(nothing, lambda _at: desk.store.ask_to_stop(), nothing, nothing)
    assert desk.store.load().phase is Phase.STOPPED and not desk.store.is_asked_to_stop
    assert "the operator stopped the roll-out of pack 8" in desk.said[-1]


def test_a_lie_about_the_operator_is_none(desk: Desk) -> None:
    forged = Directive(**vars(a_directive(DEVICE, NOW + 5, pack=bytes(32))))
    desk.run(nothing, nothing)
    desk.at.members.came(topics.device_topic("cafe", DEVICE, topics.DIRECTIVE), signed_directive(forged, STRANGER))
    desk.run(nothing, nothing)
    assert desk.device.health is not Health.ELSEWHERE and len(desk.at.sent) == 2, "it is sent anew over the forged one"


def test_what_no_courier_says_is_taken_for_nothing() -> None:
    members = Members(crypto.public_key(OPERATOR.seed))
    topic, member = topics.courier_status_topic("cafe"), members.of("cafe", DEVICE)
    for payload in (b"", b"x", b"\xa0", bytes(20_000)):
        members.came(topic, CourierStatus(state=OFFLINE, version="1").encode())
        assert members.is_offline("cafe") and not members.is_offline("bar")
        members.came(topic, payload)
        assert not members.is_offline("cafe") and members.pack_refusal(member) is None
    full = [
        PackRefusal(device_id=bytes([n]) * 16, pack=bytes(32), text="x" * 120, directive_serial=(1 << 63) - 1)
        for n in range(REFUSALS_MAX)
    ]
    status = CourierStatus(
        state=ONLINE, version="v" * 64, refusals=full, devices=1, waiting=2, spool_bytes=3, full=True
    )
    members.came(topic, status.encode())
    assert members.pack_refusal(member) is not None, "the longest there is can be read"


def test_a_large_fleet_is_stepped_through_in_time(tmp_path: Path) -> None:
    rollout = a_rollout(2000, limits=LIMITS)
    made: Any = DeskInMemory(Clock())
    runner = Runner(made, Store(tmp_path / "state"), rollout, OPERATOR.seed, print)
    runner._look(0)
    began_s = time.process_time()
    runner._look(500)
    assert time.process_time() - began_s < 0.25, "2,000 players are looked at twice a second"


def test_after_the_broker_was_away_everybody_has_the_whole_grace_again(desk: Desk) -> None:
    def reconnected(at: DeskInMemory) -> None:
        at.connections += 1

    desk.soak(600)
    desk.run(nothing, plays, *[nothing] * 10, reconnected, *[nothing] * 10)
    assert desk.store.load().phase is Phase.ROLLING
    desk.run(plays, *[nothing] * 10, *[nothing] * 10)
    assert desk.store.load().phase is Phase.STOPPED, "the same time without a break is too long"
