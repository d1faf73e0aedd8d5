"""The QOA decoder once more, straight from the one-page specification (qoaformat.org)."""

import math
import struct

DEQUANTISED = (0.75, -0.75, 2.5, -2.5, 4.5, -4.5, 7.0, -7.0)


def away_from_zero(value: float) -> int:
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def int32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def decode(data: bytes) -> tuple[int, int, list[list[int]]]:
    """(rate, channels, samples of each channel) of a whole file."""
    magic, total = struct.unpack_from(">4sI", data)
    assert magic == b"qoaf"
    at, out, rate, channels = 8, [], 0, 0
    while at < len(data):
        (header,) = struct.unpack_from(">Q", data, at)
        channels, rate = header >> 56, header >> 32 & 0xFFFFFF
        samples, size = header >> 16 & 0xFFFF, header & 0xFFFF
        out = out or [[] for _ in range(channels)]
        frame = data[at : at + size]
        assert len(frame) == size
        states = [list(struct.unpack_from(">8h", frame, 8 + 16 * channel)) for channel in range(channels)]
        where = 8 + 16 * channels
        done = 0
        while done < samples:
            for channel in range(channels):
                (bits,) = struct.unpack_from(">Q", frame, where)
                where += 8
                out[channel] += slice_samples(bits, states[channel])[: samples - done]
            done += 20
        assert where == size
        at += size
    assert all(len(side) == total for side in out)
    return rate, channels, out


def slice_samples(bits: int, state: list[int]) -> list[int]:
    scale = round(((bits >> 60) + 1) ** 2.75)
    found = []
    for i in range(20):
        residual = away_from_zero(scale * DEQUANTISED[bits >> (57 - 3 * i) & 7])
        predicted = int32(sum(state[k] * state[4 + k] for k in range(4))) >> 13
        sample = max(-32768, min(32767, predicted + residual))
        for k in range(4):
            state[4 + k] += -(residual >> 4) if state[k] < 0 else residual >> 4
        state[:4] = [*state[1:4], sample]
        found.append(sample)
    return found
