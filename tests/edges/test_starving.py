"""A player that plays cannot be starved over its link: attacks by a process of their own on a player as a process.

The sweep measures; the sample says only what holds however slow this machine is.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from link_attacker import ATTACKS
from output_player import RATE_HZ, Player
from patience import Patience
from test_alsa import FIRST, OTHERS, finish

from amos.protocol.link import STATE_PLAYING, Status
from amos_tools.device.call import DeviceError, ask_status

PARTIALS_MAX = 4

SECONDS = 10
ASK_EVERY_S = 0.1


@contextmanager
def attacked(name: str, player: Player, line: str) -> Iterator[None]:
    words = [*OTHERS, sys.executable, str(Path(__file__).with_name("link_attacker.py")), name, line]
    process = subprocess.Popen(words, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}) if name else None
    try:
        yield
        assert process is None or process.poll() is None, "the attack has ended by itself"
    finally:
        if process is not None:
            process.kill()
            process.wait()


def patient_status(player: Player) -> Status:
    patience = Patience()
    while True:
        try:
            return ask_status(player.link, wait_s=60)
        except DeviceError:
            assert patience.lasts(), "no answer"


class Measured:
    """What a while of play was like: real time, under-runs, and the seconds that others' answers took, each over a
    connection of its own."""

    def __init__(self, player: Player, seconds: float):
        first, began_s = patient_status(player), time.monotonic()
        self.answers_s: list[float] = []
        while time.monotonic() < began_s + seconds:
            asked_s = time.monotonic()
            last = patient_status(player)
            self.answers_s.append(time.monotonic() - asked_s)
            time.sleep(ASK_EVERY_S)
        self.last = last
        self.play = (last.frame - first.frame) * 1000 / RATE_HZ / (last.uptime_ms - first.uptime_ms)
        self.underruns = last.underruns - first.underruns
        self.sealed = last.next_sequence - first.next_sequence

    def row(self, name: str) -> str:
        median_ms, late_ms = (statistics.quantiles(self.answers_s, n=20)[at] * 1000 for at in (9, 18))
        told = f"{name:20} {self.play:9.3f} {self.underruns:10} {median_ms:8.0f} {late_ms:8.0f}"
        return f"{told} {self.sealed:8}"


@pytest.mark.sweep
def test_play_is_at_real_time_under_each_attack(memory_player: Player) -> None:
    player, found = memory_player, {}
    line = player.link.removeprefix("unix:")
    process = player.start(*FIRST, out="alsa:card", linger="forever")
    player.wait_for_status(lambda status: status.frame > RATE_HZ)
    print(f"\n{'attack':20} {'play/real':>9} {'under-runs':>10} {'p50 ms':>8} {'p95 ms':>8} {'segments':>8}")
    for name in ("", *ATTACKS):
        with attacked(name, player, line):
            time.sleep(1)
            found[name] = Measured(player, SECONDS)
        print(found[name].row(name or "none"), flush=True)
        assert found[name].last.state == STATE_PLAYING
    finish(process)
    dry = json.loads(player.report.read_text())["underruns"]
    print(f"the card, over all of it: {dry} times dry")
    assert len(os.listdir(player.folder / "packs" / "incoming")) <= PARTIALS_MAX
    # A change of tier seals; a flood seals what its burst and ten minutes make, and not a segment a second.
    assert [name for name in found if found[name].sealed > (2 if name == "tier to and fro" else 1)] == []
    assert dry == 0 and [name for name in found if found[name].underruns or abs(found[name].play - 1) > 0.03] == []


FILLING = ["half-sent blobs", "pipelined inputs", "dragged sliders"]


@pytest.mark.parametrize("name", ["four that pipeline", "four idle", "four in mid-frame", *FILLING])
def test_a_player_under_attack_answers_others_and_plays_on(memory_player: Player, name: str) -> None:
    player = memory_player
    process = player.start(out="alsa:card", linger="forever")
    before = player.wait_for_status(lambda status: status.frame > 0)
    with attacked(name, player, player.link.removeprefix("unix:")):
        for _ask in range(3):
            status = patient_status(player)
            while (after := patient_status(player)).frame <= status.frame:
                time.sleep(0.05)
    assert after.state == STATE_PLAYING and after.frame > before.frame
    assert after.next_sequence - before.next_sequence <= 1
    finish(process)
    incoming = player.folder / "packs" / "incoming"
    assert not incoming.exists() or len(os.listdir(incoming)) <= PARTIALS_MAX
