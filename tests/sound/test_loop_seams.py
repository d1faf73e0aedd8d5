"""What is heard where a loop gives way to the next: no hole in the loudness, and the same samples on every backend."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from amos.edges.stem_memory import MemoryStem
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer
from test_score import follow, layer, section
from test_vm_loops import loops_vm

RATE_HZ = 48000
BEAT = 24000
BAR = 4 * BEAT
NOISE = np.random.default_rng(7)


def noise(frames: int, release: int = 0) -> MemoryStem:
    """A steady loop of noise, with a release after it."""
    level = np.concatenate((np.ones(frames), np.exp(-8 * np.arange(release) / max(1, release))))
    samples = NOISE.normal(0, 3000, (frames + release, 2)) * level[:, None]
    return MemoryStem(samples.astype("<i2").tobytes(), 2)


def heard(vm: Vm, stems: list[Any], frames: int, backend: str = "numpy", block: int = 8192) -> bytes:
    mixer = make_mixer(RATE_HZ, 8, block, backend=backend)
    played = Performance(vm, mixer, Meter(8), lambda stem: stems[stem])
    pcm = b"".join(bytes(played.render(block)) for _ in range(frames // block))
    assert not played.refused
    return pcm


def loudness_db(pcm: bytes, window: int) -> np.ndarray:
    """Of windows that begin every 100 ms."""
    samples = np.frombuffer(pcm, "<i2").reshape(-1, 2).astype(np.float64)
    power = np.concatenate(([0.0], np.cumsum((samples**2).sum(axis=1))))
    begins = np.arange(0, len(samples) - window, RATE_HZ // 10)
    return 10 * np.log10((power[begins + window] - power[begins]) / window + 1e-9)


@pytest.mark.parametrize("release", [0, 81600])
@pytest.mark.parametrize("more", [{}, {"grid": 32}, {"count_min": 2, "count_max": 2}])
def test_a_seam_leaves_no_hole(more: dict[str, int], release: int) -> None:
    stems = [noise(8 * BAR, release) for _ in range(4)]
    vm = loops_vm([stem.frames for stem in stems], [32] * 4, [layer(1, 0, fade=BAR, **more)], gains=[20000] * 4)
    pcm = heard(vm, stems, 40 * BAR)[16 * BAR :]  # without the fade in at the very beginning
    short, momentary = loudness_db(pcm, 3 * RATE_HZ), loudness_db(pcm, 2 * RATE_HZ // 5)
    assert np.median(short) - short.min() < 1 and short.max() - np.median(short) < 1
    assert np.median(momentary) - momentary.min() < 1.5


def test_a_loop_that_follows_itself_has_no_seam() -> None:
    stems = [noise(2 * BAR)]
    pcm = heard(loops_vm([2 * BAR], [8], [layer(1, 0, fade=BAR // 2)]), stems, 12 * BAR)
    samples = np.frombuffer(pcm, "<i2").astype(np.int64)[2 * 2 * BAR :]
    apart = np.abs(samples[: -2 * 2 * BAR] - samples[2 * 2 * BAR :])
    assert apart.max() <= 3  # gains of two placements are rounded


@pytest.mark.parametrize("make", [lambda: noise(8 * BEAT), lambda: noise(8 * BEAT, 30000)])
def test_every_backend_and_block_gives_the_same_samples(make: Callable[[], MemoryStem]) -> None:
    stems = [make() for _ in range(3)]

    def vm() -> Vm:
        lengths = [stem.frames for stem in stems]
        return loops_vm(lengths, [8, 8, 8], [layer(1, 0, fade=BEAT), layer(2, 0, grid=1, enter=3, fade=100)], bars=3)

    frames = 4 * BAR // 8192 * 8192
    expected = heard(vm(), stems, frames)
    for backend, block in (("numpy", 512), ("plain", 8192), ("plain", 64)):
        assert heard(vm(), stems, frames, backend, block) == expected, (backend, block)


class InPlace(MemoryStem):
    """A stem whose samples the NumPy mixer reads where they are."""

    def __init__(self, stem: MemoryStem) -> None:
        super().__init__(bytes(stem._pcm), stem.channels)
        self.samples = np.frombuffer(stem._pcm, "<i2")


def test_samples_in_place_are_the_same() -> None:
    stems = [noise(8 * BEAT) for _ in range(3)]

    def vm() -> Vm:
        return loops_vm([8 * BEAT] * 3, [8] * 3, [layer(1, 0, fade=BEAT), layer(2, 0, grid=3, fade=BEAT)], bars=3)

    frames = 8 * BAR // 8192 * 8192
    expected = heard(vm(), stems, frames)
    assert heard(vm(), [InPlace(stem) for stem in stems], frames) == expected


@pytest.mark.parametrize("fade", [0, BEAT])
@pytest.mark.parametrize("release", [0, 81600])
def test_a_section_gives_way_without_a_hole(fade: int, release: int) -> None:
    """Its phrases end where it does: what goes on under the fade is the loop, once more from its beginning."""
    more = {"fade": fade} if fade else {"rings": bool(release)}
    sections = [
        section("a", 8, 8, [layer(1, 0, **more)], [follow(1)]),
        section("b", 8, 8, [layer(2, 0, **more)], [follow(0)]),
    ]
    stems = [noise(8 * BAR, release) for _ in range(4)]
    steps = [{1: 0, 2: 0, 3: BAR, 4: BAR}]
    lengths = [stem.frames for stem in stems]
    vm = loops_vm(lengths, [32] * 4, [], sections=sections, transitions=steps, gains=[20000] * 4)
    pcm = heard(vm, stems, 40 * BAR)[16 * BAR :]
    momentary = loudness_db(pcm, 2 * RATE_HZ // 5)
    assert np.median(momentary) - momentary.min() < 3
