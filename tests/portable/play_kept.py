"""Plays the pack of amos 0.1.0 and prints what came of it, with that version and with this one, on any runtime.

    python play_kept.py PACK        micropython play_kept.py PACK [BACKEND]

It asks for nothing that 0.1.0 had not, so that what it printed then can be had again with `git archive 93716be0`.
"""

import sys
from binascii import hexlify
from hashlib import sha256

from amos.crypto import public_key, verify
from amos.packs.folder import open_pack
from amos.score.day_clock import clock_value
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.sound.events import Duck, Section, Start, Stop, Volume
from amos.sound.meter import Meter
from amos.sound.mixer import LOOKAHEAD_FRAMES, make_mixer

PUBLISHER = bytes(range(32))
SECOND = 22050
BLOCK_FRAMES = 2048
HEARD_S = 40
DECIDED_S = 1800
INPUTS = (
    (0, 4, clock_value(0, False, 7 * 3600)),
    (5 * SECOND, 16, 30000),
    (9 * SECOND, 1, 0),
    (12 * SECOND + 100, 0, 0),
    (17 * SECOND, 2, 0),
    (20 * SECOND, 8, 20000),
    (23 * SECOND + 7, 3, 0),
    (26 * SECOND, 5, 1),
    (33 * SECOND, 7, 1),
    (36 * SECOND, 7, 0),
    (60 * SECOND, 6, 1),
    (80 * SECOND, 17, 0),
    (300 * SECOND, 4, clock_value(0, False, 22 * 3600 - 30)),
    (500 * SECOND, 10, 5),
    (700 * SECOND, 4, clock_value(6, True, 3 * 3600)),
)


def row(event):
    """All that an event of 0.1.0 says."""
    if isinstance(event, Start):
        return ("start", event.frame, event.voice, event.stem, event.frames, event.gain_q15, event.fade_in,
                event.fade_out, event.curves)  # fmt: skip
    if isinstance(event, Stop):
        return "stop", event.frame, event.voice, event.fade, event.linear, event.withdrawn
    if isinstance(event, Duck):
        return "duck", event.frame, event.until_frame, event.gain_q15, event.ramp_frames, event.voice
    if isinstance(event, Section):
        return "section", event.frame, event.section
    assert isinstance(event, Volume)
    return "volume", event.frame, event.gain_q15


def vm_of(pack, memory=None, plan=None):
    stems = pack.manifest.stems
    return Vm(decode_score(pack.score()), [stem.frames for stem in stems], [stem.gain_q15 for stem in stems],
              bytes(range(1, 33)), memory, plan)  # fmt: skip


def decided(vm, seconds, inputs):
    """(events, their SHA-256) of so many seconds."""
    told, count = sha256(), 0
    given = 0
    for second in range(5, seconds + 5, 5):
        while given < len(inputs) and inputs[given][0] < second * SECOND:
            frame, kind, value = inputs[given]
            vm.input(kind, value, frame)
            given += 1
        for event in vm.advance(min(second, seconds) * SECOND):
            told.update(repr(row(event)).encode())
            count += 1
    return count, hexlify(told.digest()).decode()


def heard(pack, backend):
    """SHA-256 of the samples of `HEARD_S`, and of the meter's rows."""
    score = decode_score(pack.score())
    meter = Meter(score.voices)
    vm = vm_of(pack)
    performance = Performance(vm, make_mixer(SECOND, score.voices, BLOCK_FRAMES, backend=backend), meter, pack.stem)
    pcm, rows, given = sha256(), sha256(), 0
    while performance.frame < HEARD_S * SECOND:
        horizon = performance.frame + BLOCK_FRAMES + LOOKAHEAD_FRAMES
        while given < len(INPUTS) and INPUTS[given][0] < horizon:
            frame, kind, value = INPUTS[given]
            vm.input(kind, value, frame)
            given += 1
        pcm.update(performance.render(BLOCK_FRAMES))
        performance.delivered(performance.frame)
        for item in sorted(tuple(item) for item in meter.take_ended()):
            rows.update(repr(item).encode())
    return hexlify(pcm.digest()).decode(), hexlify(rows.digest()).decode()


def main(folder, backend=None):
    """Print five lines."""
    pack = open_pack(folder, public_key(PUBLISHER), verify)
    vm = vm_of(pack)
    print("decided", *decided(vm, DECIDED_S, INPUTS))
    memory = vm.memory()
    print("memory", hexlify(sha256(memory).digest()).decode())
    print("again", *decided(vm_of(pack, memory), DECIDED_S // 6, ()))
    print("piece", *decided(vm_of(pack, plan=decode_score(pack.score()).renders[0]), 25, ()))
    print("heard", *heard(pack, backend))
    pack.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
