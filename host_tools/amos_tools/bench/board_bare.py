"""Runs on MicroPython: the bare viper loops of a mix, and nothing else; prints JSON.

    micropython board_bare.py stereo|ramp|none|qoa|low_pass|sides|hash VOICES BLOCK_FRAMES BLOCKS

A block is cleared, `VOICES` stereo voices are added at a steady gain (`stereo`) or in slopes of 64 frames (`ramp`), and
the sum is rounded and scaled to int16. `none` does all of it but the voices. `qoa` only decodes `VOICES` stereo voices,
`low_pass` only darkens them and `sides` only pans them; `hash` is SHA-256 of the blocks alone.
"""

# MicroPython runs this too, so it is typed no further than that allows.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, allow-any-generics
# mypy: disable-error-code="attr-defined,no-any-return,var-annotated"

import hashlib
import json
import sys
import time
from array import array

from amos.sound import mixer_viper as kernel
from amos.sound import qoa_viper as qoa
from amos.sound import shape_viper as shapes
from amos.sound.envelope import CELL_FRAMES
from amos.sound.qoa import SLICE_FRAMES
from amos.sound.shape import STATE_WORDS, low_pass_table


def processor_us():
    """Time on the processor, which others on a busy machine do not lengthen."""
    try:
        return int(time.clock() * 1000000)
    except AttributeError:  # CPython
        return time.process_time_ns() // 1000


def mapped_for_code():
    """[[first, last], ...] addresses of the memory into which viper compiles, from Linux; none elsewhere. Between two
    of these pieces there may be all of the interpreter."""
    try:
        with open("/proc/self/maps") as maps:
            lines = [line for line in maps.read().split("\n") if " rwxp " in line]
    except OSError:
        lines = []
    pieces = [[int(address, 16) for address in line.split(" ")[0].split("-")] for line in lines]
    return [[first, end - 1] for first, end in pieces]


def shape_voices(kind, pcm, voices, block_frames):
    state = array("i", bytes(8 * STATE_WORDS))
    table = low_pass_table(30000)
    gains = array("i", (30000, 2000, 1000, 15000))
    for _voice in range(voices):
        if kind == "sides":
            shapes.turn_sides(pcm, gains, block_frames)
            continue
        for channel in range(2):
            shapes.low_pass(pcm, table, channel, state, 2, block_frames)


def run(kind, voices, block_frames, blocks):
    sums = array("i", bytes((CELL_FRAMES + block_frames) * 8))
    gains = array("i", [7000 + 4 * border for border in range(block_frames // CELL_FRAMES + 1)])
    peaks = array("i", bytes(4 * (block_frames // CELL_FRAMES)))
    pcm = bytearray(block_frames * 4)
    out = bytearray((CELL_FRAMES + block_frames) * 4)
    digest = hashlib.sha256()
    slices = bytes([(37 * number + (number >> 3)) & 255 for number in range(2 * 8 * (block_frames // SLICE_FRAMES))])
    state = array("i", bytes(4 * 8))
    started = processor_us()
    for _ in range(blocks):
        if kind == "hash":
            digest.update(pcm)
            continue
        if kind == "qoa":
            for _voice in range(voices):
                for channel in range(2):
                    qoa.decode(state, slices, 8 * channel, block_frames // SLICE_FRAMES, 2, out, channel)
            continue
        if kind in ("low_pass", "sides"):
            shape_voices(kind, pcm, voices, block_frames)
            continue
        kernel.clear(sums, block_frames)
        if kind == "stereo":
            for _voice in range(voices):
                kernel.steady_stereo(sums, pcm, 7000, block_frames)
        elif kind == "ramp":
            for _voice in range(voices):
                kernel.ramp_stereo(sums, pcm, 0, gains, CELL_FRAMES, 0, block_frames // CELL_FRAMES)
        kernel.finish(sums, out, 32768, peaks, block_frames // CELL_FRAMES, 15)
        kernel.scale(sums, out, 32768, CELL_FRAMES)
        kernel.hold(sums, block_frames)
    return processor_us() - started


if __name__ == "__main__":
    took_us = run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps({"took_us": took_us, "code": mapped_for_code()}))
