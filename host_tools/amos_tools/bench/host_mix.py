"""The NumPy player against a bare NumPy mixing loop and against the memory it reads."""

import hashlib
import time
from collections.abc import Callable

import numpy as np

from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer
from amos_tools.bench.scene import ArrayStem, Scene

SEED = bytes(32)


def player_s(scene: Scene, frames: int, block_frames: int) -> tuple[float, float]:
    """Seconds that VM, mixer, limiter, meter and hash take for `frames` frames, and the mean of voices sounding."""
    sources = [ArrayStem(samples) for samples in scene.samples]
    vm = Vm(scene.score, [stem.frames for stem in scene.stems], [stem.gain_q15 for stem in scene.stems], SEED)
    meter = Meter(scene.score.voices)
    mixer = make_mixer(scene.score.rate_hz, scene.score.voices, block_frames, backend="numpy")
    performance = Performance(vm, mixer, meter, sources.__getitem__)
    digest = hashlib.sha256()
    played = 0
    started = time.perf_counter()
    for _ in range(frames // block_frames):
        digest.update(performance.render(block_frames))
        performance.delivered(performance.frame)
        for row in meter.take_ended():
            played += row[2]
    took = time.perf_counter() - started
    meter.abort(performance.frame)
    played += sum(row[2] for row in meter.take_ended())
    return took, played / performance.frame


def bare_s(scene: Scene, voices: int, frames: int, block_frames: int) -> float:
    """Seconds of nothing but multiply, shift, add and round, `voices` stereo voices at steady gains."""
    block = block_frames
    flat = [samples.reshape(-1) for samples in scene.samples]
    total = np.zeros(2 * block, np.int32)
    scaled = np.empty(2 * block, np.int32)
    out = np.empty(2 * block, np.int16)
    shift, gain = np.array(5, np.int32), np.array(7000, np.int32)
    blocks_of_a_stem = len(flat[0]) // (2 * block)
    started = time.perf_counter()
    for number in range(frames // block):
        at = 2 * block * (number % blocks_of_a_stem)
        turn = number // blocks_of_a_stem
        total[:] = 0
        for voice in range(voices):
            scaled[:] = flat[(voice + turn) % len(flat)][at : at + 2 * block]
            np.multiply(scaled, gain, out=scaled)
            np.right_shift(scaled, shift, out=scaled)
            np.add(total, scaled, out=total)
        total += 512
        total >>= 10
        out[:] = total
    return time.perf_counter() - started


def read_bytes_per_s(scene: Scene, repeats: int = 3) -> float:
    """How fast one core reads the stems from memory: the sum of their bytes as 64-bit words."""
    words = np.concatenate([samples.reshape(-1) for samples in scene.samples])
    words = words[: len(words) // 4 * 4].view(np.int64)
    return words.nbytes / best_s(lambda: np.bitwise_xor.reduce(words), repeats)


def best_s(task: Callable[[], object], repeats: int) -> float:
    """The least time of `repeats` runs."""
    least = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        task()
        least = min(least, time.perf_counter() - started)
    return least
