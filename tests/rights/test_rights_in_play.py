"""Opt-outs, leases and anchors while music plays: how soon a stem is silent, and that the log tells it all."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from listing import list_all

from amos import crypto
from amos.anchored_clock import AnchoredClock, AnchorRefused
from amos.config import Config
from amos.device import Device
from amos.edges.sector_memory import MemorySectorDevice
from amos.edges.two_slot_file import TwoSlotFile
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.identity import Identity
from amos.journal.journal import Journal
from amos.ledger_keys import LedgerKeys
from amos.packs.folder import PackFolder, open_pack
from amos.player_state import PlayerState
from amos.protocol.anchor import Anchor
from amos.protocol.errors import MessageError, SignatureError
from amos.protocol.limits import INPUT_NONCES_MAX
from amos.protocol.link import OFFER_ANCHOR, OFFER_OPT_OUTS, STATE_STOPPED
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_call import challenge, give_input, read_status
from amos.protocol.link_courier_offer import offer
from amos.protocol.link_courier_segment import read_segment
from amos.protocol.link_courier_talk import Conversation
from amos.protocol.link_device import DeviceLink
from amos.protocol.segment import (
    CLOCK_INFORMATIVE,
    CLOCK_SYNCHRONISED,
    CLOCK_UNKNOWN,
    FLAG_OPT_OUT,
    SEAL_SHUTDOWN,
    Usage,
)
from amos.protocol.signing import list_opt_outs, sign_anchor, sign_opt_outs
from amos.protocol.usage_reader import open_usage
from amos.rights.lease_clock import LeaseClock
from amos.rights.opt_out_list import OptOutList, OptOutsRefused
from amos.rights.rights import Rights
from amos.score.inputs import INPUT_BLOCK, INPUT_BLOCK_MANY, INPUT_CLOCK, INPUT_SKIP, INPUT_SLIDER, INPUT_VOLUME
from amos.session.session import Session
from amos.tier_kept import TierKept
from amos_tools.device.call import converse
from amos_tools.device.run import micropython_environment
from amos_tools.pack import build_pack
from amos_tools.replay.rows import replay, rows
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts
from protocol_player import fed

INPUT_EVERY_MS = 5000
INPUTS_AT_ONCE = 40

RATE_HZ, BLOCK_FRAMES, BEAT_FRAMES = 22050, 2048, 11025
SEED, PUBLISHER, LEDGER = b"d" * 32, b"p" * 32, b"l" * 32
LEASE_END_S = 1_900_000_000
NOON_MS = 1_800_000_000_000
SCRIPT = """
experience "two" seed device
clock 22050 tempo 120 meter 4/4 key A minor
slider calm 0..1 start 0.25
mix target -18 LUFS peak -1 dBTP voices 6
pool all = stems where role pads
section loop 4 bars
  play pads from all count 2 fade 1 beat
  play pads from all chance calm gain -6 dB
"""
DAYPART = "daypart mon-sun 00:00..24:00 set calm 1\n"


@pytest.fixture(scope="module")
def pack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    noise = np.random.RandomState(5)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(8):
            samples = noise.randint(-9000, 9000, (RATE_HZ * 6 + number, 1)).astype("int16")
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
            vault.import_samples(samples, parse_facts("noise", told))
        build(vault, SCRIPT + DAYPART, folder / "pack")
    return folder / "pack"


def build(vault: Vault, script: str, folder: Path) -> None:
    terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "any", "lease_end_unix_s": LEASE_END_S}
    build_pack(compile_script(script, vault.stems()), vault, folder, **terms)  # type: ignore[arg-type]


@pytest.fixture
def pack(pack_folder: Path) -> Iterator[PackFolder]:
    opened = open_pack(str(pack_folder), crypto.public_key(PUBLISHER), crypto.verify)
    yield opened
    opened.close()


def opt_outs(pack: PackFolder, serial: int, *stems: int, seed: bytes = PUBLISHER) -> bytes:
    """A signed list of these stems of the pack."""
    ids = [pack.manifest.stems[stem].stem_id for stem in stems]
    key = crypto.key_id(crypto.public_key(seed))
    return sign_opt_outs(list_opt_outs(serial, 1, ids), key, lambda message: crypto.sign(seed, message))


class Wall:
    """The machine's clock: it says nothing of the time, or what the test sets, and goes on when told."""

    def __init__(self) -> None:
        self.ms = 5000
        self.wall_ms: int | None = None

    def now_ms(self) -> int:
        return self.ms

    def unix_ms(self) -> int | None:
        return self.wall_ms

    def status(self) -> int:
        return CLOCK_UNKNOWN if self.wall_ms is None else CLOCK_INFORMATIVE

    def local(self, unix_s: int) -> tuple[str, int, int]:
        return "2027-01-15", 4, unix_s % 86400


class Venue:
    """One player in memory, with a session under way."""

    def __init__(self, pack: PackFolder, folder: Path, block_frames: int = BLOCK_FRAMES):
        folder.mkdir(exist_ok=True)
        key = crypto.public_key(PUBLISHER)
        settings = {"pack": pack.path, "publisher_key": key.hex(), "ledger_key": crypto.public_key(LEDGER).hex()}
        config = Config(
            str(folder), settings | {"out": "null", "pace": "free", "tier": 255, "block_frames": block_frames}
        )
        self.pack, self.config, self.block = pack, config, block_frames
        self.wall = Wall()
        self.clock = AnchoredClock(self.wall, os.urandom)
        self.time = TwoSlotMemory()
        journal = Journal(MemorySectorDevice(1 << 15), bytes(8))
        journal.begin_boot()
        lease_clock = LeaseClock(self.time, self.wall.ms, None)
        rights = Rights(OptOutList(TwoSlotMemory(), key, crypto.verify), lease_clock)
        identity, state = Identity(SEED, config), PlayerState(pack.pack_id, TierKept(TwoSlotMemory(), config.tier))
        self.device = Device(identity, state, rights, journal, self.clock, LedgerKeys(config.ledger_key))
        self.begin()

    def begin(self) -> Session:
        self.session = Session(self.device, self.pack, self.config, self.clock)
        self.device.player_state.begin_session(self.session, self.pack.pack_id)
        return self.session

    def play(self, seconds: float) -> None:
        end = self.session.frame + int(seconds * RATE_HZ)
        while self.session.frame < end:
            self.session.step(self.block)

    def sounding(self) -> list[int]:
        """Stems that are in the output, those that sound longest first."""
        return [row[0] for row in self.session._meter.open_rows()]

    def finish(self) -> list[Usage]:
        """Every segment of the session, signatures checked."""
        self.session.finish(SEAL_SHUTDOWN)
        self.device.player_state.end_session()
        journal, key = self.device.journal, self.device.identity.public_key
        found = [open_usage(journal.read(n, 0, 1 << 16), key, crypto.verify) for n in sorted(journal.segments)]
        return [usage for usage in found if usage.session == journal.session]


def inputs(usages: list[Usage]) -> list[tuple[int, int, int]]:
    """(frame, kind, value) of every journalled input."""
    found = []
    for usage in usages:
        frame = usage.first_frame
        for start, kind, value in zip(usage.input_starts, usage.input_kinds, usage.input_values, strict=True):
            frame += start
            found.append((frame, kind, value))
    return found


@pytest.mark.parametrize("block_frames", [64, 1024, 4096])
@pytest.mark.parametrize("after_s", [0.5, 2.9, 17])
def test_an_opted_out_stem_is_silent_a_fade_after_what_the_output_held(
    pack: PackFolder, tmp_path: Path, block_frames: int, after_s: float
) -> None:
    venue = Venue(pack, tmp_path / "player", block_frames)
    venue.play(after_s)
    stem = venue.sounding()[0]
    rendered, delivered = venue.session.performance.frame, venue.session.frame
    assert venue.device.status().opt_outs_serial is None
    venue.device.take_opt_outs(opt_outs(pack, 4, stem))
    assert venue.device.status().opt_outs_serial == 4
    venue.play(30)
    usages = venue.finish()
    of_stem = [row for row in rows(usages)[0] if row[0] == stem]
    last_frame = max(start + count for _stem, start, count, _flags in of_stem)
    held = rendered - delivered
    assert rendered < last_frame <= delivered + held + RATE_HZ // 10 + BEAT_FRAMES
    assert last_frame <= rendered + 64 + BEAT_FRAMES, "as RIGHTS.md says"
    assert next(row for row in of_stem if row[1] + row[2] == last_frame)[3] & FLAG_OPT_OUT
    assert not any(row[3] & FLAG_OPT_OUT for row in rows(usages)[0] if row[0] != stem)
    assert (rendered + 64, INPUT_BLOCK, stem) in inputs(usages)
    assert rows(usages) == replay(pack, usages)


def test_a_replay_that_leaves_out_the_opt_out_differs(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    venue.play(3)
    venue.device.take_opt_outs(opt_outs(pack, 1, venue.sounding()[0]))
    venue.play(10)
    usages = venue.finish()
    for usage in usages:
        usage.input_starts, usage.input_kinds, usage.input_values = usage.input_starts[:0], usage.input_kinds[:0], ()
    assert rows(usages) != replay(pack, usages)


def test_sessions_begin_without_what_is_opted_out_and_take_back_what_is_not_any_more(
    pack: PackFolder, tmp_path: Path
) -> None:
    venue = Venue(pack, tmp_path / "player")
    venue.play(1)
    out = [0, 2, 5]
    venue.device.take_opt_outs(opt_outs(pack, 1, *out))
    venue.play(1)
    venue.finish()
    venue.begin()
    memory = venue.device.journal.memory
    venue.play(120)
    usages = venue.finish()
    assert inputs(usages)[0] == (0, INPUT_BLOCK_MANY, 0b100101)
    played = {row[0] for found in rows(usages) for row in found}
    assert played == set(range(8)) - set(out)
    assert rows(usages) == replay(pack, usages, memory)
    venue.device.take_opt_outs(opt_outs(pack, 2, 5))
    venue.begin()
    venue.play(120)
    assert {row[0] for found in rows(venue.finish()) for row in found} == set(range(8)) - {5}


def test_a_list_of_every_stem_ends_the_session_after_the_fade(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    venue.play(3)
    assert venue.session.over() is None
    venue.device.take_opt_outs(opt_outs(pack, 1, *range(8)))
    started = venue.session.performance.frame
    while venue.session.over() is None:
        venue.session.step(BLOCK_FRAMES)
    assert venue.session.frame - started <= BEAT_FRAMES + 2 * BLOCK_FRAMES
    assert "all opted out" in (venue.session.over() or "")
    usages = venue.finish()
    assert all(row[3] & FLAG_OPT_OUT for row in rows(usages)[0] if row[1] + row[2] > started)
    assert rows(usages) == replay(pack, usages)


def test_a_list_that_is_older_or_not_the_publishers_changes_nothing(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    venue.device.take_opt_outs(opt_outs(pack, 5, 1))
    venue.play(1)
    for data, error in (
        (opt_outs(pack, 4, 2), OptOutsRefused),
        (opt_outs(pack, 5, 2), OptOutsRefused),
        (opt_outs(pack, 9, 2, seed=LEDGER), SignatureError),
    ):
        with pytest.raises(error):
            venue.device.take_opt_outs(data)
    venue.play(60)
    assert {row[0] for row in rows(venue.finish())[0]} == set(range(8)) - {1}


def test_the_end_of_a_stems_lease_is_as_an_opt_out(pack: PackFolder, tmp_path: Path) -> None:
    for index, stem in enumerate(pack.manifest.stems):
        stem.lease_end_unix_s = LEASE_END_S - 1000 + index * 5  # one every five seconds
    venue = Venue(pack, tmp_path / "player")
    venue.device.rights.lease_clock.set((LEASE_END_S - 1000) * 1000 - 2500)
    assert venue.device.rights.lease_seconds_left() == 1003
    while venue.session.over() is None:
        venue.session.step(BLOCK_FRAMES)
    usages = venue.finish()
    assert venue.device.rights.lease_seconds_left() in range(960, 968)
    found = rows(usages)
    for stem in range(8):
        ends = (5 * stem * 2 + 5) * RATE_HZ // 2
        last = max([row[1] + row[2] for segment in found for row in segment if row[0] == stem], default=0)
        assert last <= ends + 2 * BLOCK_FRAMES + BEAT_FRAMES
    assert [kind for _frame, kind, _value in inputs(usages)] == [INPUT_BLOCK] * 8
    assert found == replay(pack, usages)


def test_no_wall_clock_ends_a_lease_and_none_makes_it_longer(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    left = venue.device.rights.lease_seconds_left() or 0
    assert left == 30 * 86400, "nothing tells the time"
    for wall_ms in (0, NOON_MS, 3_000_000_000_000, 5):
        venue.wall.wall_ms = wall_ms
        venue.play(60)
        assert venue.session.over() is None
    assert left - 4 * 61 <= (venue.device.rights.lease_seconds_left() or 0) <= left - 4 * 59


def signed_anchor(nonce: bytes, unix_ms: int, seed: bytes = LEDGER, device: bytes | None = None) -> bytes:
    device = device or crypto.key_id(crypto.public_key(SEED))
    made = Anchor(version=1, device_id=device, nonce=nonce, unix_ms=unix_ms)
    key = crypto.key_id(crypto.public_key(seed))
    return sign_anchor(made, key, lambda message: crypto.sign(seed, message))


def test_an_anchor_dates_the_segments_to_come_and_tells_the_score_the_time(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    venue.play(2)
    assert (venue.device.status().clock, venue.session._vm.slider_values()) == (CLOCK_UNKNOWN, [8192]), "its start"
    nonce = venue.device.challenge()
    venue.wall.ms += 3000
    anchor = signed_anchor(nonce, NOON_MS)
    venue.device.take_anchor(anchor)
    assert venue.device.status().clock == CLOCK_SYNCHRONISED
    assert venue.device.rights.lease_seconds_left() == LEASE_END_S - NOON_MS // 1000 - 1  # rounded down
    frame = venue.session._vm.frame
    venue.play(1)
    assert venue.session._vm.slider_values() == [32768], "the daypart"
    venue.device.player_state._kept = TierKept(TwoSlotMemory(), 3)  # as no word over the link may, with a renderer
    venue.play(2)
    before, after = venue.finish()
    assert (before.clock, before.anchor_unix_ms) == (CLOCK_UNKNOWN, None)
    assert (after.clock, after.anchor_unix_ms) == (CLOCK_SYNCHRONISED, NOON_MS)
    # Free-running time is the samples': the anchor lies 1.5 s before the moment it came, at two seconds of play.
    came_ms = 5000 + before.input_starts[0] * 1000 // RATE_HZ
    assert abs((after.anchor_ms or 0) - (came_ms - 1500)) <= BLOCK_FRAMES * 1000 // RATE_HZ
    told = [(at, value % 86400) for at, kind, value in inputs([before]) if kind == INPUT_CLOCK]
    assert told == [(frame, (NOON_MS // 1000 + 1) % 86400)]
    assert rows([before, after]) == replay(pack, [before, after])


@pytest.mark.parametrize("line", ["daypart 00:00..12:00 section loop", "volume 00:00 -6 dB", "curve calm 00:00 1"])
def test_a_score_is_told_the_time_whatever_its_day_brings(line: str, pack_folder: Path, tmp_path: Path) -> None:
    with Vault(pack_folder.parent / "vault") as vault:
        build(vault, SCRIPT.replace("count 2 fade 1 beat", "fade 1 beat") + line, tmp_path / "pack")
    opened = open_pack(str(tmp_path / "pack"), crypto.public_key(PUBLISHER), crypto.verify)
    venue = Venue(opened, tmp_path / "player")
    venue.wall.wall_ms = NOON_MS
    venue.play(1)
    [told] = [value for _frame, kind, value in inputs(venue.finish()) if kind == INPUT_CLOCK]
    opened.close()
    assert told % 86400 == NOON_MS // 1000 % 86400


def test_an_anchor_that_is_replayed_or_foreign_is_refused_by_name_and_a_late_one_sets_no_clock(
    pack: PackFolder, tmp_path: Path
) -> None:
    venue = Venue(pack, tmp_path / "player")
    device = venue.device
    nonce = device.challenge()
    with pytest.raises(SignatureError):
        device.take_anchor(signed_anchor(nonce, NOON_MS, seed=PUBLISHER))
    with pytest.raises(AnchorRefused, match="device"):
        device.take_anchor(signed_anchor(nonce, NOON_MS, device=bytes(16)))
    good = signed_anchor(nonce, NOON_MS)
    device.take_anchor(good)
    venue.wall.ms += 86_400_000
    for _challenged in range(2):
        with pytest.raises(AnchorRefused, match="nonce"):
            device.take_anchor(good)
        nonce = device.challenge()
    venue.wall.ms += 61_000
    device.take_anchor(signed_anchor(nonce, NOON_MS + 30 * 86_400_000))
    assert device.rights.lease_clock.unix_ms == NOON_MS + 30 * 86_400_000, "it is that late at least"
    assert device.status().clock == CLOCK_SYNCHRONISED
    fresh = Venue(pack, tmp_path / "rebooted")
    assert fresh.device.status().clock == CLOCK_UNKNOWN, "a reboot forgets"


def test_what_only_the_player_says_is_refused_from_outside(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    for kind in (INPUT_BLOCK, INPUT_BLOCK_MANY, INPUT_CLOCK):
        with pytest.raises(MessageError, match="for others to give"):
            venue.device.input(bytes(16), kind, 1)
    venue.device.input(bytes(16), INPUT_SLIDER, 5)


@pytest.mark.parametrize("reconnects", [False, True])
def test_an_input_whose_answer_is_lost_is_asked_again_and_acts_once(
    pack: PackFolder, tmp_path: Path, reconnects: bool
) -> None:
    venue = Venue(pack, tmp_path / "player")
    venue.play(2)
    link, device = CourierLink(1), DeviceLink(venue.device)
    nonces = [bytes([number]) * 16 for number in range(INPUT_NONCES_MAX)]
    for nonce in nonces:
        talk = Conversation(give_input(link, nonce, INPUT_SKIP, 0))
        talk.advance(0)
        fed(device, link.outgoing(0))
        venue.play(0.5)
        if reconnects:  # the answer is lost with the line, and somebody asks anew
            link, device = CourierLink(7), device.another()
            talk = Conversation(give_input(link, nonce, INPUT_SKIP, 0))
            talk.advance(0)
        else:
            link.tick(60_000)
        link.feed(fed(device, link.outgoing(60_000)), 60_000)
        talk.advance(60_000)
        assert talk.done
    for nonce in nonces:  # and every one of them is still remembered
        venue.device.input(nonce, INPUT_SKIP, 0)
    skips = [kind for _frame, kind, _value in inputs(venue.finish()) if kind == INPUT_SKIP]
    assert len(skips) == INPUT_NONCES_MAX


def test_no_flood_of_inputs_ends_the_session_or_keeps_an_opt_out_waiting(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    taken = refused = rendered = stem = 0
    for turn in range(60):
        for number in range(100):
            try:
                kind = INPUT_SKIP if number % 9 == 0 else INPUT_SLIDER
                venue.device.input(os.urandom(16), kind, turn * number % 32768)
                taken += 1
            except MessageError:
                refused += 1
        if turn >= 30 and not rendered and venue.sounding():
            stem = venue.sounding()[0]
            rendered = venue.session.performance.frame
            venue.device.take_opt_outs(opt_outs(pack, 1, stem))
        venue.session.step(BLOCK_FRAMES)
    assert taken > 200 and refused > 200  # positions wait for their turn; a skip is refused
    usages = venue.finish()
    assert (rendered + 64, INPUT_BLOCK, stem) in inputs(usages)
    assert rows(usages) == replay(pack, usages)


def test_a_flood_for_minutes_seals_no_segment_each_second_and_the_slider_ends_where_it_was_left(
    pack: PackFolder, tmp_path: Path
) -> None:
    venue = Venue(pack, tmp_path / "player")
    seconds, frames_before, told = 150, 0, ""
    while venue.session.frame < seconds * RATE_HZ:
        for number in range(12):
            with contextlib.suppress(MessageError):
                venue.device.input(os.urandom(16), INPUT_SLIDER, number * 2000)
                venue.device.input(os.urandom(16), INPUT_VOLUME, 30000 + number)
        try:
            venue.device.input(os.urandom(16), INPUT_SKIP, 0)
        except MessageError as error:
            told = str(error)
        venue.session.step(BLOCK_FRAMES)
        venue.wall.ms += (venue.session.frame - frames_before) * 1000 // RATE_HZ
        frames_before = venue.session.frame
    with pytest.raises(MessageError, match="expected 0 to 32768, found 99999"):
        venue.device.input(os.urandom(16), INPUT_SLIDER, 99999)
    venue.wall.ms += 60_000
    venue.play(1)  # a rest in which what waits comes to its turn
    usages = venue.finish()
    given = inputs(usages)
    assert re.fullmatch("input: too many inputs; wait [1-5] s", told)
    assert len(usages) <= 2 and len(given) <= INPUTS_AT_ONCE + (seconds + 60) * 1000 // INPUT_EVERY_MS + 1
    last = {kind: value for _frame, kind, value in given}
    assert (last[INPUT_SLIDER], last[INPUT_VOLUME]) == (22000, 30011)
    assert rows(usages) == replay(pack, usages)


def test_a_flood_of_anchors_tells_the_score_the_time_when_it_is_off_and_not_each_time(
    pack: PackFolder, tmp_path: Path
) -> None:
    venue = Venue(pack, tmp_path / "player")
    for second in range(200):
        venue.device.take_anchor(signed_anchor(venue.device.challenge(), NOON_MS + second * 1000))
        venue.wall.ms += 1000
        venue.play(1)
    usages = venue.finish()
    assert len([kind for _frame, kind, _value in inputs(usages) if kind == INPUT_CLOCK]) <= 2
    assert len(usages) == 1 and rows(usages) == replay(pack, usages)


class Process:
    """A player as a process with a pty, which plays for minutes as fast as it can and then waits."""

    def __init__(self, command: list[str], pack: Path, folder: Path, **settings: object):
        folder.mkdir(exist_ok=True)
        (folder / "device.key").write_bytes(SEED)
        told: dict[str, object] = {"pack": str(pack), "publisher_key": crypto.public_key(PUBLISHER).hex()}
        told |= {
            "ledger_key": crypto.public_key(LEDGER).hex(),
            "out": "null",
            "pace": "free",
            "tier": 255,
            "link": f"pty:{folder}/line",
        }
        (folder / "player.json").write_text(json.dumps(told | settings))
        self.line = f"serial:{folder}/line"
        (folder / "line").unlink(missing_ok=True)
        words = [*command, "-m", "amos", str(folder)]
        self._process = subprocess.Popen(words, env=micropython_environment(), stdout=subprocess.PIPE, text=True)

    def ask(self, steps: object) -> object:
        return converse(self.line, steps, 90)  # type: ignore[arg-type]

    def usages(self) -> list[Usage]:
        while (status := self.ask(read_status)[0]).state != STATE_STOPPED:  # type: ignore[index]
            assert self._process.poll() is None
        found: list[Usage] = []
        for entry in self.ask(lambda link: list_all(link, 1)):  # type: ignore[attr-defined]
            data = self.ask(lambda link, entry=entry: read_segment(link, entry))
            found.append(open_usage(data, crypto.public_key(SEED), crypto.verify))
        return [usage for usage in found if usage.session == status.session]

    def kill(self) -> None:
        self._process.kill()
        out, _err = self._process.communicate()
        assert "Traceback" not in out


@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
def test_a_list_over_the_line_silences_a_stem_now_and_after_a_reboot(
    request: pytest.FixtureRequest, pack_folder: Path, pack: PackFolder, tmp_path: Path, runtime: str
) -> None:
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    folder = tmp_path / "player"
    minutes = 12 if runtime == "cpython" else 4
    player = Process(command, pack_folder, folder, minutes=minutes, block_frames=1024)
    out = [1, 3, 4, 6]
    signed = opt_outs(pack, 7, *out)
    while player.ask(read_status)[0].frame < 40 * RATE_HZ:  # type: ignore[index]
        pass
    assert player.ask(lambda link: offer(link, OFFER_OPT_OUTS, 0, signed)) is None
    stale = player.ask(lambda link: offer(link, OFFER_OPT_OUTS, 0, opt_outs(pack, 6, 0)))
    assert "expected 7 or more, found 6" in str(stale)
    usages = player.usages()
    ((at, value),) = [(frame, value) for frame, kind, value in inputs(usages) if kind == INPUT_BLOCK_MANY]
    assert value == 0b1011010 and 40 * RATE_HZ < at < minutes * 60 * RATE_HZ
    ends = [row[1] + row[2] for found in rows(usages) for row in found if row[0] in out]
    assert min(ends) < at and max(ends) <= at + BEAT_FRAMES
    assert rows(usages) == replay(pack, usages)
    player.kill()

    player = Process(command, pack_folder, folder, minutes=1, block_frames=1024)
    again = player.usages()
    assert (0, INPUT_BLOCK_MANY, 0b1011010) in inputs(again)
    assert {row[0] for found in rows(again) for row in found} == set(range(8)) - set(out)
    status = player.ask(read_status)
    player.kill()
    assert status[0].boot == 2  # type: ignore[index]


def put_right(link: CourierLink, unix_ms: int):  # type: ignore[no-untyped-def]
    nonce = yield from challenge(link)
    return (yield from offer(link, OFFER_ANCHOR, 0, signed_anchor(nonce, unix_ms)))


@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
def test_a_player_whose_time_was_taken_away_waits_for_the_ledgers(
    request: pytest.FixtureRequest, pack_folder: Path, tmp_path: Path, runtime: str
) -> None:
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    folder = tmp_path / "player"
    player = Process(command, pack_folder, folder, minutes=1)
    while player.ask(read_status)[0].state != STATE_STOPPED:  # type: ignore[index]
        pass
    player.kill()
    for name in ("time.0", "time.1"):
        (folder / name).unlink(missing_ok=True)
    for _boot in range(2):
        player = Process(command, pack_folder, folder, minutes=1)
        status = player.ask(read_status)[0]  # type: ignore[index]
        assert (status.state, status.frame) == (STATE_STOPPED, 0) and "found it lost" in status.text
        assert status.lease_seconds_left == 0
        player.kill()
    player = Process(command, pack_folder, folder, minutes=1)
    assert player.ask(lambda link: put_right(link, NOON_MS)) is None
    while player.ask(read_status)[0].session < 2:  # type: ignore[index]
        pass
    player.kill()


@pytest.mark.sweep
@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
def test_a_lease_of_two_hours_ends_while_the_player_is_restarted_each_second(
    request: pytest.FixtureRequest, pack_folder: Path, tmp_path: Path, runtime: str
) -> None:
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    folder = tmp_path / "player"
    player = Process(command, pack_folder, folder, pace="clocked")
    assert player.ask(lambda link: put_right(link, (LEASE_END_S - 7200) * 1000)) is None
    left = [7200]
    while left[-1]:
        assert len(left) < 7200
        time.sleep(1)
        player.kill()
        player = Process(command, pack_folder, folder, pace="clocked")
        left.append(player.ask(read_status)[0].lease_seconds_left)  # type: ignore[index]
        assert left[-1] < left[-2]
    status = player.ask(read_status)[0]  # type: ignore[index]
    player.kill()
    assert status.state == STATE_STOPPED and "lease" in status.text
    print(f"{runtime}: a lease of 2 h ended after {len(left) - 1} restarts, a second apart")


@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
def test_a_lease_that_has_ended_stops_the_player_which_serves_on_and_plays_when_the_time_is_put_right(
    request: pytest.FixtureRequest, pack_folder: Path, pack: PackFolder, tmp_path: Path, runtime: str
) -> None:
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    folder = tmp_path / "player"
    folder.mkdir()
    clock = LeaseClock(TwoSlotFile(str(folder / "time"), 64), 0, None, crypto.key_id(crypto.public_key(SEED)))
    clock.set(LEASE_END_S * 1000)
    player = Process(command, pack_folder, folder, minutes=1)
    status = player.ask(read_status)[0]  # type: ignore[index]
    assert (status.state, status.frame) == (STATE_STOPPED, 0) and "lease: expected a pack" in status.text

    assert player.ask(lambda link: put_right(link, NOON_MS)) is None
    while (status := player.ask(read_status)[0]).session == 0:  # type: ignore[index]
        pass
    usages = player.usages()
    player.kill()
    assert usages[0].clock == CLOCK_SYNCHRONISED and usages[0].anchor_unix_ms == NOON_MS
    assert usages[-1].end_frame >= 60 * RATE_HZ


def test_the_line_in_memory_takes_what_the_device_takes(pack: PackFolder, tmp_path: Path) -> None:
    venue = Venue(pack, tmp_path / "player")
    link, device = CourierLink(1), DeviceLink(venue.device)
    talk = Conversation(offer(link, OFFER_OPT_OUTS, 0, opt_outs(pack, 1, *range(7))))
    while not talk.done:
        link.feed(fed(device, link.outgoing(0)), 0)
        talk.advance(0)
    assert talk.result is None
    venue.play(20)
    assert {row[0] for row in rows(venue.finish())[0] if row[1] > BEAT_FRAMES} == {7}
