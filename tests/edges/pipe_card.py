"""A sound card as a process: takes from its standard input what would have sounded, at 48 kHz by the system's clock.

`pipe_card.py HEARD REPORT`: behind ALSA's `file` plugin. The pipe is its buffer. Writes what it heard to HEARD, and a
line of JSON to REPORT when its input ends: frames and seconds by its clock, and how often frames were due and not
there.
"""

import fcntl
import json
import os
import select
import struct
import sys
import termios
import time
from contextlib import suppress
from typing import BinaryIO

RATE_HZ = 48000
FRAME_BYTES = 4
BUFFER_BYTES = 16384
START_S = 0.06
"""The buffer fills before the clock starts."""
PERIOD_S = 0.004
LATE_S = 0.06
"""Later than that itself, it would blame the player: the pipe holds 85 ms."""


def waiting() -> int:
    """Frames in the pipe."""
    return int(struct.unpack("i", fcntl.ioctl(0, termios.FIONREAD, bytes(4)))[0]) // FRAME_BYTES


def shrunk() -> bool:
    """Whether the pipe is as large as a card's buffer; it cannot be while it holds more."""
    try:
        fcntl.fcntl(0, fcntl.F_SETPIPE_SZ, BUFFER_BYTES)
    except OSError:
        return False
    return True


def come_first() -> None:
    """Before all processes, as hardware does, where that is allowed."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(20))


def play(heard: BinaryIO) -> dict[str, float]:
    """Take what is due, every PERIOD_S, until the input ends."""
    line = select.poll()
    line.register(0, select.POLLIN)
    heard.write(os.read(0, FRAME_BYTES))
    time.sleep(START_S)
    frames, underruns, silent = 1, 0, False
    began_s = last_s = time.monotonic()
    while True:
        time.sleep(PERIOD_S)
        now_s = time.monotonic()
        began_s += max(0.0, now_s - last_s - LATE_S)  # where it is late itself, its clock stood still
        last_s = now_s
        due = int((now_s - began_s) * RATE_HZ) - frames
        take = min(due, waiting())
        if take > 0:
            heard.write(os.read(0, take * FRAME_BYTES))
            heard.flush()
            frames += take
        if take >= due:
            silent = False
        else:
            if dict(line.poll(0)).get(0, 0) & select.POLLHUP and not waiting():
                return {"frames": frames, "seconds": now_s - began_s, "underruns": underruns}
            underruns += not silent
            silent = True
            began_s += (due - take) / RATE_HZ


def main() -> None:
    heard_path, report_path = sys.argv[1:]
    come_first()
    with open(heard_path, "ab") as heard:
        while not shrunk():
            heard.write(os.read(0, BUFFER_BYTES // 4))  # what came while this process began
        report = play(heard)
    with open(report_path, "a") as file:
        file.write(json.dumps(report) + "\n")


main()
