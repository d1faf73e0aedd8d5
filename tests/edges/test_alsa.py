"""The player on libasound itself, through its `null` and `file` plugins, and on a card that is a process behind a
pipe."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from output_player import RATE_HZ, VOICES, Player

from amos.edges.address import AddressError
from amos.edges.alsa_host import AlsaSink
from amos.edges.alsa_library_host import Pcm, load
from amos.edges.clock import SystemClock
from amos.protocol.link import OUTPUT_LOST, OUTPUT_NONE, OUTPUT_OK, STATE_FAULT, STATE_PLAYING
from amos.protocol.segment import SEAL_SHUTDOWN
from amos.sound.ramp import RAMP_FRAMES, ramped

# As boards/linux/amos-player@.service has it, the player comes before others; who may not raise it lowers the others.
REAL_TIME = ["chrt", "--reset-on-fork", "--rr", "10"]
MAY = subprocess.run([*REAL_TIME, "true"], stderr=subprocess.DEVNULL).returncode == 0
FIRST, OTHERS = (REAL_TIME, []) if MAY else ([], ["nice", "-n", "10"])


def bends(samples: np.ndarray) -> int:
    """The largest second difference: a click has a large one."""
    return int(np.abs(np.diff(samples.astype(np.int64), 2, axis=0)).max())


def finish(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGTERM)
    out, _err = process.communicate(timeout=120)
    assert process.returncode == 0 and "Traceback" not in out, out
    return out


def rendered_minute(player: Player) -> bytes:
    """A minute of the same session again, free-running into a file."""
    for path in (player.folder / "journal.ring", *player.folder.glob("*.reserved")):
        path.unlink()
    wav = player.folder / "same.wav"
    player.run(out=f"wav:{wav}", pace="free", minutes=1)
    return wav.read_bytes()[44:]


def test_what_alsa_gets_is_what_was_rendered_but_for_its_edges(player: Player) -> None:
    player.run(out="alsa:file", pace="free", minutes=1)
    (usage,) = player.segments()
    heard = player.heard.read_bytes()
    assert len(heard) == 4 * usage.delivered_frames == 4 * 60 * RATE_HZ
    rendered = rendered_minute(player)
    assert player.segments()[0].pcm_sha256 == usage.pcm_sha256 == hashlib.sha256(rendered).digest()
    edge = 4 * RAMP_FRAMES
    assert heard[edge:-edge] == rendered[edge:-edge]
    assert heard[:edge] == ramped(rendered[:edge], True) and heard[-edge:] == ramped(rendered[-edge:], False)


def test_start_and_stop_without_clicks_and_metered_to_the_frame(player: Player) -> None:
    process = player.start(out="alsa:card")
    status = player.wait_for_status(lambda status: status.frame > 2 * RATE_HZ)
    assert (status.state, status.output, status.underruns) == (STATE_PLAYING, OUTPUT_OK, 0)
    out = finish(process)
    assert "playing: session 1" in out
    samples = player.samples()
    music = bends(samples[2 * RAMP_FRAMES : -2 * RAMP_FRAMES])
    silence = np.zeros((4, 2), np.int16)
    assert bends(np.concatenate([silence, samples, silence])) <= music + 4
    assert not samples[-1].any() and samples[-RATE_HZ:].any()
    (usage,) = player.segments()
    assert (usage.delivered_frames, usage.reason, usage.underruns) == (len(samples), SEAL_SHUTDOWN, 0)


def test_a_device_gone_and_back_stops_and_resumes_play_and_metering(player: Player) -> None:
    process = player.start(out="alsa:card")
    player.wait_for_status(lambda status: status.frame > RATE_HZ)
    player.configure(card=False)
    card = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    os.kill(card, signal.SIGKILL)
    lost = player.wait_for_status(lambda status: status.state == STATE_FAULT)
    assert lost.output == OUTPUT_LOST and lost.text is not None and "audio: " in lost.text
    time.sleep(2.5)
    still = player.status()
    assert (still.state, still.frame, still.unsynced_ms) == (STATE_FAULT, lost.frame, lost.unsynced_ms)
    player.configure(card=True)
    back = player.wait_for_status(lambda status: status.state == STATE_PLAYING and status.frame > lost.frame + RATE_HZ)
    assert back.output == OUTPUT_OK and back.text is None
    out = finish(process)
    assert "tried again every second" in out and "playing: the output is there" in out
    delivered = sum(usage.delivered_frames for usage in player.segments())
    # What the card had in its hands, its pipe and the plugin's own buffer when it was killed had left ALSA, and was
    # never heard.
    assert 0 <= delivered - len(player.samples()) <= 2 * 16384 // 4 + 68 * RATE_HZ // 1000


@pytest.mark.parametrize("device", ["full", "absent"])
def test_a_device_that_never_works_is_tried_for_as_long_as_it_takes(player: Player, device: str) -> None:
    process = player.start(out=f"alsa:{device}")
    status = player.wait_for_status(lambda status: status.state == STATE_FAULT)
    assert status.output == OUTPUT_LOST and "tried again" in (status.text or "")
    time.sleep(1.5)
    out = finish(process)
    assert len(out.splitlines()) < 10  # nor does ALSA itself go on about it
    assert sum(usage.delivered_frames for usage in player.segments()) < RATE_HZ


@pytest.mark.parametrize("device", ["nowhere", "nowhere:1,DEV=0"])
def test_a_name_that_alsa_does_not_know_is_refused_at_once(player: Player, device: str) -> None:
    out = player.run(out=f"alsa:{device}", linger="forever", exit_code=2)
    line = f"AddressError: out: expected an ALSA device (aplay -L lists them), found alsa:{device}"
    assert out.splitlines()[-1] == f"amos player: {line}"


def test_an_output_into_nothing_is_said_in_the_status(player: Player) -> None:
    process = player.start(out="null")
    status = player.wait_for_status(lambda status: status.frame > 0)
    assert (status.state, status.output, status.text) == (
        STATE_PLAYING,
        OUTPUT_NONE,
        "plays into nothing (null output)",
    )
    finish(process)


def test_alsas_null_device_has_no_clock_and_is_not_paid_for(player: Player) -> None:
    began_s = time.monotonic()
    out = player.run(out="alsa:null", exit_code=2)
    seconds = time.monotonic() - began_s
    assert "stopped: audio: expected an output that takes frames as they sound" in out
    assert sum(usage.delivered_frames for usage in player.segments()) <= (1.02 * seconds + 2) * RATE_HZ


def test_without_the_library_one_line_says_what_to_install() -> None:
    with pytest.raises(AddressError, match=r"expected libnothing\.so; install it: apt install libasound2"):
        load("libnothing.so")


@contextmanager
def real_time() -> Iterator[None]:
    """This thread before all others, where that is allowed."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def busy_cores() -> Iterator[None]:
    """Two processes more than there are cores, each doing its worst."""
    count = (os.cpu_count() or 1) + 2
    code = "import hashlib\ndata = bytes(1 << 20)\nwhile True: hashlib.sha256(data); sorted(range(50000), key=str)"
    processes = [subprocess.Popen([*OTHERS, sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def plays_under_load(player: Player, seconds: int) -> dict[str, float]:
    """What the card reports: `frames` heard, `seconds` by its clock, `underruns`. Every frame is metered once."""
    with busy_cores():
        process = player.start(*FIRST, out="alsa:card")
        time.sleep(seconds)  # to ask all the time would be a load of its own
        status = player.wait_for_status(lambda status: status.frame > seconds * RATE_HZ)
        finish(process)
    report: dict[str, float] = json.loads(player.report.read_text())
    assert (status.state, status.output) == (STATE_PLAYING, OUTPUT_OK)
    assert sum(usage.delivered_frames for usage in player.segments()) == len(player.samples())
    return report


def test_loaded_cores_change_no_sample_and_no_count(memory_player: Player) -> None:
    """Whether the card runs dry meanwhile is up to what else this machine does: the sweep below measures that."""
    player = memory_player
    plays_under_load(player, 5)
    heard, edge = player.heard.read_bytes(), 4 * RAMP_FRAMES
    assert heard[edge:-edge] == rendered_minute(player)[edge : len(heard) - edge]


@pytest.mark.sweep
def test_ten_minutes_with_loaded_cores_never_run_dry(memory_player: Player) -> None:
    """At the priority that boards/linux/amos-player@.service gives, and nothing else of the kind on this machine."""
    report = plays_under_load(memory_player, 600)
    print(f"\n{report['frames']} frames in {report['seconds']:.3f} s with loaded cores, {VOICES} voices: ", end="")
    print(f"{report['underruns']} times dry")
    assert report["underruns"] == 0


@pytest.mark.sweep
def test_delivered_frames_keep_the_clocks_time(
    memory_player: Player, alsa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes of frames against the monotonic clock, which is the card's: within 1 ms an hour, by regression."""
    player = memory_player
    monkeypatch.setenv("ALSA_CONFIG_PATH", player.environment["ALSA_CONFIG_PATH"])
    pcm = Pcm(load(alsa), "card", RATE_HZ, 68 * RATE_HZ // 1000)
    sink = AlsaSink(pcm, RATE_HZ, 68 * RATE_HZ // 1000, SystemClock())
    silence, seen, began_s = bytes(4 * 1024), [], time.monotonic()
    with real_time():
        while time.monotonic() < began_s + 600:
            frame = sink.write(silence)
            seen.append((time.monotonic() - began_s, frame / RATE_HZ))
    sink.close()
    seconds, heard_s = np.array(seen[200:]).T
    slope, _start_s = np.polyfit(seconds, heard_s, 1)
    drift_ms = (slope - 1) * 3600 * 1000
    print(f"\n{drift_ms:+.3f} ms an hour over {seconds[-1] - seconds[0]:.0f} s of {len(seconds)} blocks")
    assert json.loads(player.report.read_text())["underruns"] == 0 and abs(drift_ms) < 1
