"""Runs on MicroPython: VM, mixer, limiter, meter and hash without storage; prints JSON.

    micropython board_player.py SCORE_FILE STEMS STEM_FRAMES BLOCK_FRAMES BLOCKS

Rows are taken and garbage is collected once a second of play, as the firmware does at its flush. The stems are noise
that one small buffer gives, copied as a file would be read, so that memory is the renderer's own.
`heap_before` is what the imported code and the score hold, `heap_after` what is held at the end.
"""

# MicroPython runs this too, so it is typed no further than that allows.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, allow-any-generics
# mypy: disable-error-code="attr-defined,no-any-return,var-annotated"

import gc
import hashlib
import io
import json
import sys
import time

from amos.compat import readinto
from amos.heap import begin_play, collect, forget
from amos.protocol.segment import FLAG_END
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer


def processor_us():
    """Time on the processor, which others on a busy machine do not lengthen."""
    try:
        return int(time.clock() * 1000000)
    except AttributeError:  # CPython
        return time.process_time_ns() // 1000


class NoiseStem:
    """A source of `frames` stereo frames that gives the same noise at every read, as a file would."""

    def __init__(self, frames, noise):
        self.frames = frames
        self.channels = 2
        self.file = io.BytesIO(noise)

    def read_into(self, buffer, start_frame, frame_count):
        self.file.seek(0)
        readinto(self.file, buffer, 4 * frame_count)


def heap_bytes():
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def frames_ended(meter):
    rows = meter.take_ended()
    assert all([row[3] & FLAG_END for row in rows])
    return sum([row[2] for row in rows])


def run(score, stems, stem_frames, block_frames, blocks):
    noise = bytes([0x08 if at & 1 else (7 * at * at >> 3) & 0xFF for at in range(4 * block_frames)])
    before = heap_bytes()
    vm = Vm(score, [stem_frames] * stems, [20000] * stems, bytes(32))
    forget(
        "amos.score.checks", "amos.score.version_2", "amos.score.version_3", "amos.score.version_4"
    )  # as a session does
    meter = Meter(score.voices)
    mixer = make_mixer(score.rate_hz, score.voices, block_frames)
    source = NoiseStem(stem_frames, noise)
    performance = Performance(vm, mixer, meter, lambda _stem: source)
    digest = hashlib.sha256()
    played = 0
    collect_us = 0
    flush_frame = score.rate_hz
    begin_play()
    started = processor_us()
    for _ in range(blocks):
        digest.update(performance.render(block_frames))
        performance.delivered(performance.frame)
        if performance.frame >= flush_frame:
            flush_frame += score.rate_hz
            collecting = processor_us()
            collect()
            collect_us += processor_us() - collecting
            played += frames_ended(meter)
            meter.open_rows()
    took_us = processor_us() - started
    played += frames_ended(meter) + sum([row[2] for row in meter.open_rows()])
    return {
        "took_us": took_us,
        "collect_us": collect_us,
        "voice_frames": played,
        "heap_before": before,
        "heap_after": heap_bytes(),
    }


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        decoded = decode_score(file.read())
    print(json.dumps(run(decoded, *[int(word) for word in sys.argv[2:]])))
