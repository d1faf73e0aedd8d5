"""The mixer's samples: the same from every backend, at any block size, and as the frame-by-frame reference has them."""

import hashlib
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixer_reference import Event, Stem, level, noise, render, scripts, whole_scripts

import test_mixer as portable
from amos.sound.events import Duck, Level, Start, Stop, Volume
from amos.sound.mixer import LOOKAHEAD_FRAMES, make_mixer

STEMS = [noise(700, 2, 1), noise(700, 1, 2), noise(700, 2, 3, 300, in_place=False), noise(700, 1, 4, in_place=False)]
BLOCKS = st.lists(st.sampled_from((64, 128, 192, 320, 512)), min_size=1, max_size=4)


def play(
    backend: str,
    events: list[Event],
    stems: list[Stem],
    frames: int,
    blocks: tuple[int, ...] = (512,),
    master: int = 32768,
    ceiling: int = 32767,
) -> bytes:
    mixer = make_mixer(48000, 32, max(blocks), master, backend, ceiling)
    coming = list(events)
    pcm = b""
    for block in cycle(blocks):
        block = min(block, frames - mixer.frame)
        while coming and coming[0].frame < mixer.frame + block + LOOKAHEAD_FRAMES:
            event = coming.pop(0)
            if isinstance(event, Start):
                mixer.start(event, stems[event.stem])
            elif isinstance(event, Duck):
                mixer.duck(event)
            elif isinstance(event, Volume):
                mixer.set_volume(event.frame, event.gain_q15)
            elif isinstance(event, Level):
                mixer.glide(event)
            else:
                mixer.stop(event)
        pcm += bytes(mixer.render(block))
        if mixer.frame == frames:
            return pcm
    raise AssertionError


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").reshape(-1, 2).astype(np.int64)


@settings(max_examples=30, deadline=None)
@given(scripts(4, 700, len(STEMS)), BLOCKS, st.sampled_from((32768, 32767, 9000, 1)))
def test_backends_and_block_sizes_agree_with_the_reference(events: list[Event], blocks: list[int], master: int) -> None:
    expected = render(events, STEMS, 1024, master)
    for backend in ("numpy", "plain"):
        assert play(backend, events, STEMS, 1024, tuple(blocks), master) == expected


@settings(max_examples=30, deadline=None)
@given(whole_scripts(4, 700, len(STEMS)), BLOCKS, st.sampled_from((32768, 9000)), st.sampled_from((32767, 20000, 1024)))
def test_ducks_levels_gains_and_ceilings_agree_with_the_reference(
    events: list[Event], blocks: list[int], master: int, ceiling: int
) -> None:
    expected = render(events, STEMS, 1024, master, ceiling)
    for backend in ("numpy", "plain"):
        assert play(backend, events, STEMS, 1024, tuple(blocks), master, ceiling) == expected


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_long_fades_agree(data: st.DataObject) -> None:
    stems = [noise(20000, 2, 5, 9000), noise(20000, 1, 6, 9000)]
    events = data.draw(st.one_of(scripts(2, 20000, 2), whole_scripts(2, 20000, 2)))
    frames = 8192
    heard = play("numpy", events, stems, frames, (4096,))
    assert heard == play("numpy", events, stems, frames, (64, 1024)) == play("numpy", events, stems, frames, (16384,))
    assert play("numpy", events, stems, 1024) == play("plain", events, stems, 1024)


@pytest.mark.parametrize("backend", ["numpy", "plain"])
def test_a_lone_voice_passes_through(backend: str) -> None:
    stem = noise(256, 2, 7, 32766)
    heard = samples(play(backend, [Start(37, 0, 0, 200, 32767, 0, 0)], [stem], 512))
    whole = np.zeros((512, 2), np.int64)
    whole[37:237] = stem.pcm.reshape(-1, 2)[:200]
    assert np.abs(heard - whole).max() <= 1
    assert not heard[:37].any() and not heard[237:].any()


@pytest.mark.parametrize("backend", ["numpy", "plain"])
@pytest.mark.parametrize("value", [32767, -32768])
def test_32_voices_at_full_scale_neither_wrap_nor_exceed_16_bits(backend: str, value: int) -> None:
    events: list[Event] = [Start(0, voice, 0, 2000, 32767, 0, 0) for voice in range(32)]
    stems = [level(2000, value)]
    heard = samples(play(backend, events, stems, 2048))
    assert heard.tobytes() == samples(render(events, stems, 2048)).tobytes()
    assert (np.sign(heard[:2000]) == np.sign(value)).all()
    assert np.abs(heard[:2000]).min() > 32000


def test_limiter_leaves_what_fits_alone_and_recovers() -> None:
    quiet, burst = Start(0, 0, 0, 90000, 16384, 0, 0), Start(640, 1, 1, 64, 32767, 0, 0)
    stems = [level(90000, 20000), level(64, 32767)]
    heard = samples(play("numpy", [quiet, burst], stems, 65536, (4096,)))[:, 0]
    assert (heard[:576] == 10000).all()
    assert heard[640:704].max() <= 32767
    assert (heard[-4096:] == 10000).all()
    after = np.diff(heard[705:40000])
    assert after.min() >= 0 and after.max() < 30


def test_no_dc_bias() -> None:
    stems = [noise(40000, 2, seed, 1200) for seed in range(16)]
    for stem in stems:
        stem.pcm -= np.int16(round(stem.pcm.mean()))
    events: list[Event] = [Start(0, voice, voice, 40000, 20000 + 500 * voice, 0, 0) for voice in range(16)]
    exact = sum(stems[v].pcm.reshape(-1, 2)[:32768] * ((20000 + 500 * v) / 32768) for v in range(16))
    heard = samples(play("numpy", events, stems, 32768, (4096,)))
    assert np.abs((heard - exact).mean(axis=0)).max() < 0.1
    assert np.abs(heard - exact).max() < 1.5


@pytest.mark.parametrize("fade", [64, 300, 4096])
def test_fades_make_no_clicks(fade: int) -> None:
    events = [Start(21, 0, 0, 9000, 32767, fade, 0), Stop(9003 - fade, 0, fade)]
    heard = samples(play("numpy", events, [level(9000, 30000)], 9024 + 64, (64,)))[:, 0]
    steepest = 30000 * np.pi / 2 / fade
    assert np.abs(np.diff(heard)).max() <= steepest * 1.02 + 2


def test_a_stop_fades_from_the_gain_it_finds() -> None:
    events = [Start(0, 0, 0, 9000, 32767, 4000, 0), Stop(1000, 0, 2000)]
    heard = samples(play("numpy", events, [level(9000, 30000)], 4096, (4096,)))[:, 0]
    at_stop = 30000 * np.sin(np.pi / 2 * 1000 / 4000)
    assert abs(heard[1000] - at_stop) < 20
    assert heard.argmax() == pytest.approx(1000, abs=1)
    assert heard[2999] >= 0 and not heard[3000:].any()


def test_crossfade_of_unrelated_sounds_keeps_the_power() -> None:
    stems = [noise(60000, 2, 8, 8000), noise(60000, 2, 9, 8000)]
    events = [Start(0, 0, 0, 40000, 32767, 0, 20000), Start(20000, 1, 1, 40000, 32767, 20000, 0)]
    heard = samples(play("numpy", events, stems, 59392, (1024,)))
    power_db = 10 * np.log10((heard[:59392].reshape(-1, 4096 // 2, 2) ** 2).mean(axis=(1, 2)))
    assert np.ptp(power_db) < 0.5


@pytest.mark.parametrize("backend", ["numpy", "plain"])
def test_a_duck_turns_the_others_down_and_back_without_a_click(backend: str) -> None:
    quarter = 8192
    events: list[Event] = [
        Start(0, 0, 0, 9000, 32767, 0, 0),
        Duck(1000, 5000, quarter, 1500, 1),
        Start(2500, 1, 1, 2500, 32767, 0, 0),
    ]
    stems = [level(9000, 10000), Stem(np.tile(np.array([0, 0], np.int16), 2500), 2)]
    heard = samples(play(backend, events, stems, 8192, (512,)))[:, 0]
    assert (heard[:960] == 10000).all() and (heard[2560:4992] == 2500).all() and (heard[6528:8192] == 10000).all()
    assert np.abs(np.diff(heard)).max() <= 7500 / 1500 + 2
    announcing = [*events[:2], Start(2500, 1, 0, 2500, 32767, 0, 0)]
    both = samples(play(backend, announcing, stems, 8192, (512,)))[:, 0]
    assert (np.abs(both[2600:4900] - 12500) <= 1).all()


@pytest.mark.parametrize("backend", ["numpy", "plain"])
def test_a_level_glides_without_a_click_and_never_silences(backend: str) -> None:
    events: list[Event] = [
        Start(0, 0, 0, 9000, 32767, 0, 0, level_q15=8192),
        Level(1000, 0, 32768, 3000),
        Level(5000, 0, 0, 1000),
    ]
    heard = samples(play(backend, events, [level(9000, 30000)], 8192, (512,)))[:, 0]
    assert (heard[:1000] == 7499).all() and (heard[4032:5000] == 29999).all() and (heard[6016:8192] == 1).all()
    assert np.abs(np.diff(heard)).max() <= 30000 / 1000 + 2


def test_operator_gain_moves_without_a_click_and_holds_the_ceiling() -> None:
    events: list[Event] = [
        Start(0, 0, 0, 65536, 32767, 0, 0),
        Volume(0, 8192),
        Volume(1000, 32768),
        Volume(40000, 4096),
    ]
    heard = samples(play("numpy", events, [level(65536, 30000)], 65536, (4096,), 32768, 16384))[:, 0]
    assert (heard[:960] == 7500).all()
    assert heard.max() == 16384 and (heard[39000:40000] == 16384).all()
    assert (heard[60000:] == 3750).all()
    assert np.abs(np.diff(heard)).max() <= 30000 * 256 / 32768 / 64 + 2


def test_reads_are_in_order_and_once_each() -> None:
    stem = noise(1000, 2, 1, in_place=False)
    play("numpy", [Start(10, 0, 0, 1000, 9000, 5, 5), Stop(500, 0, 300)], [stem], 1024, (256,))
    assert [start for start, _ in stem.reads] == [0, *np.cumsum([count for _, count in stem.reads])[:-1]]
    assert sum(count for _, count in stem.reads) == 790


def test_pinned_pieces_of_the_portable_tests_are_what_the_reference_plays() -> None:
    stems = [Stem(np.frombuffer(stem._pcm, "<i2"), stem.channels) for stem in portable.STEMS]
    pcm = render(portable.piece(), stems, portable.PIECE_FRAMES)
    assert hashlib.sha256(pcm).hexdigest() == portable.PIECE_SHA256
    events: list[Event] = [Volume(0, 30000)]
    for event in portable.levelled_piece():
        events.append(event)
        if isinstance(event, Duck):
            events.append(Volume(event.frame, 32768 - event.gain_q15))
    pcm = render(events, stems, portable.PIECE_FRAMES, 30000, 20000)
    assert hashlib.sha256(pcm).hexdigest() == portable.LEVELLED_SHA256
