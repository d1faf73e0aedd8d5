"""The proof that every runtime plays the same: one piece, one SHA-256, for all backends and block sizes."""

import gc
import hashlib
from array import array

from amos.compat import MICROPYTHON
from amos.edges.stem_memory import MemoryStem
from amos.sound.envelope import fade_gain
from amos.sound.events import Duck, Level, Start, Stop
from amos.sound.mixer import LOOKAHEAD_FRAMES, make_mixer
from amos.sound.mixer_cells import FADE_TABLE, CellBuffers

FADE_RUN_FRAMES_MAX = 1 << 21

BACKENDS = ("viper", "plain") if MICROPYTHON else ("numpy", "plain")
PIECE_FRAMES = 4096
DUCKED_SHA256 = "79146af0f88bc843ffdee4967825fce232df7b187d1562d996c6904d5b6327cc"
LEVELLED_SHA256 = "73329dde956bfdffe8639b7611f07455912cbf7148061e927ef72ff630b68c20"
SHAPED_SHA256 = "9a7b15a78c9276f7969a9a3e8afdf9036da903928bee3a866490f8c16c2ea35b"
PIECE_SHA256 = "28bd6614054ce6fc6fec41e1c80202e18b394769d6eb26ab8fadf02efbe5abcd"


def noise(samples: int, seed: int, shift: int) -> bytes:
    """int16 little-endian samples of a linear congruential generator, `shift` bits quieter than full scale."""
    pcm = bytearray(2 * samples)
    state = seed
    for i in range(samples):
        state = (state * 25173 + 13849) & 0xFFFF  # 16 bits: no product needs a big int
        sample = state - 32768 >> shift
        pcm[2 * i] = sample & 0xFF
        pcm[2 * i + 1] = sample >> 8 & 0xFF
    return bytes(pcm)


SHAPES = (
    (32768, 0, 32768, 20000, 32341),
    (32768, 32768, 32768, 0, 30000),
    (16384, 32768, 32768, 32768, 5000),
    (32768, 32768, 32768, 32768, 32682),
    (20000, 32768, 31000, 32768, 0),
)
STEMS = (
    MemoryStem(noise(5000, 1, 0), 2),
    MemoryStem(noise(3000, 2, 2), 1),
    MemoryStem(noise(6000, 3, 4), 2),
    MemoryStem(b"\x00\x80" * 3000, 1),  # full scale, negative
)


def piece() -> list:
    """Sample-accurate starts, fades of all kinds, Stops in fades, mono and stereo, a limiter at work and at rest."""
    return [
        Start(0, 0, 0, 2500, 32767, 0, 0),
        Start(5, 1, 1, 3000, 20000, 700, 0),
        Start(70, 2, 2, 3000, 9000, 10, 500),
        Stop(1030, 0, 300),
        Stop(1200, 0, 0),
        Start(1200, 0, 3, 300, 30000, 0, 299),
        Start(1203, 3, 3, 2000, 32767, 900, 1900),
        Stop(2000, 2, 600),
        Stop(2100, 2, 100),
        Start(2300, 2, 1, 900, 25, 900, 0),
        Stop(2501, 1, 64),
        Start(3300, 0, 2, 3000, 32767, 3000, 3000),
    ]


def ducked_piece() -> list:
    """The piece with linear fades, ducks that overlap, and an operator at the knob."""
    events = piece()
    events[1].curves = 1
    events[6].curves = 3
    events[7].linear = True
    for duck in (Duck(100, 1500, 8000, 300, 1), Duck(1400, 1900, 0, 64, 3), Duck(2304, 2304, 20000, 900)):
        at = 0
        while events[at].frame < duck.frame:
            at += 1
        events.insert(at, duck)
    return events


def levelled_piece() -> list:
    """The ducked piece with levels that hold and glide: in fades, within cells, past a stop and over an end."""
    events = ducked_piece()
    for number, level in ((0, 16000), (3, 1), (5, 20000)):
        starts = [event for event in events if isinstance(event, Start)]
        starts[number].level_q15 = level
    for level in (Level(900, 0, 32768, 400), Level(960, 1, 5000, 1000), Level(1700, 1, 20000, 64),
                  Level(2010, 2, 0, 5), Level(2304, 3, 9000, 900), Level(3900, 0, 1, 144000)):  # fmt: skip
        at = 0
        while at < len(events) and events[at].frame <= level.frame:
            at += 1
        events.insert(at, level)
    return events


def shaped_piece() -> list:
    """The levelled piece darker, narrower, wider and to the sides, stems of one channel and of two, a stop in each."""
    events = levelled_piece()
    starts = [event for event in events if isinstance(event, Start)]
    for start, shape in zip(starts, SHAPES + SHAPES[:2]):
        start.shape = array("H", shape)
    return events


def play(
    backend: str, blocks: tuple, master_gain_q15: int = 32768, events=None, ceiling: int = 32767, buffers=None
) -> str:
    """SHA-256 in hex of the piece (or `events`), in blocks of these sizes by turns."""
    mixer = make_mixer(48000, 4, 1024, master_gain_q15, backend, ceiling, buffers)
    if events is None:
        events = piece()
    else:
        mixer.set_volume(0, 30000)
    digest = hashlib.sha256()
    turn = 0
    while mixer.frame < PIECE_FRAMES:
        frames = min(blocks[turn % len(blocks)], PIECE_FRAMES - mixer.frame)
        turn += 1
        while events and events[0].frame < mixer.frame + frames + LOOKAHEAD_FRAMES:
            event = events.pop(0)
            if isinstance(event, Start):
                mixer.start(event, STEMS[event.stem])
            elif isinstance(event, Duck):
                mixer.duck(event)
                mixer.set_volume(event.frame, 32768 - event.gain_q15)
            elif isinstance(event, Level):
                mixer.glide(event)
            else:
                mixer.stop(event)
        digest.update(mixer.render(frames))
    return "".join(["%02x" % byte for byte in digest.digest()])


def test_piece_sounds_the_same_on_every_backend_and_runtime():
    for backend in BACKENDS:
        assert play(backend, (1024,)) == PIECE_SHA256, backend


def test_piece_sounds_the_same_in_blocks_of_any_size():
    for backend in BACKENDS:
        assert play(backend, (64, 448, 128, 1024)) == PIECE_SHA256, backend


def test_a_mixer_takes_over_the_memory_of_another():
    buffers = CellBuffers(1024)
    for each in (buffers.total, buffers.out, buffers.source):
        for i in range(len(each)):
            each[i] = 0x5A
    for backend in BACKENDS[0 if MICROPYTHON else 1 :]:
        for _session in range(2):
            assert play(backend, (1024, 64), buffers=buffers) == PIECE_SHA256, backend


def test_ducks_and_gains_sound_the_same_on_every_backend_and_runtime():
    for backend in BACKENDS:
        for blocks in ((1024,), (64, 448, 128)):
            assert play(backend, blocks, 30000, ducked_piece(), 20000) == DUCKED_SHA256, backend


def test_levels_sound_the_same_on_every_backend_and_runtime():
    for backend in BACKENDS:
        for blocks in ((1024,), (64, 448, 128)):
            assert play(backend, blocks, 30000, levelled_piece(), 20000) == LEVELLED_SHA256, backend


def test_shapes_sound_the_same_on_every_backend_and_runtime():
    for backend in BACKENDS:
        for blocks in ((1024,), (64, 448, 128)):
            assert play(backend, blocks, 30000, shaped_piece(), 20000) == SHAPED_SHA256, backend


def test_master_gain_sounds_the_same_on_every_backend():
    assert play(BACKENDS[0], (1024,), 11000) == play(BACKENDS[1], (512,), 11000)
    assert play(BACKENDS[0], (1024,), 11000) != PIECE_SHA256


def test_runtime_picks_its_fastest_backend():
    mixer = make_mixer(48000, 4, 64)
    fastest = make_mixer(48000, 4, 64, backend=BACKENDS[0])
    assert type(mixer) is type(fastest)
    if MICROPYTHON:
        assert mixer._kernel is fastest._kernel


def test_32_voices_at_full_scale_keep_their_sign_and_16_bits():
    for stem, lowest, highest in ((STEMS[3], -32767, -32760), (MemoryStem(b"\xff\x7f" * 128, 1), 32760, 32767)):
        mixer = make_mixer(48000, 32, 64)
        for voice in range(32):
            mixer.start(Start(0, voice, 0, 128, 32767, 0, 0), stem)
        heard = array("h", bytes(mixer.render(64)))
        assert lowest <= min(heard) <= max(heard) <= highest


def test_fades_of_any_length_are_the_curve_on_every_kernel():
    for backend in BACKENDS[not MICROPYTHON :]:
        kernel = make_mixer(48000, 1, 64, backend=backend)._kernel
        gains = array("i", bytes(4 * 18))
        for fade in (1, 64, 127, 129, 1000, 44100, 999999, FADE_RUN_FRAMES_MAX):
            for frame in (0, 1, fade // 3, max(0, fade - 70)):
                for gain, step, linear in ((32767, 64, 0), (20001, 64, 1), (3, 64, 0)):
                    kernel.fade_gains(gains, FADE_TABLE, array("i", (gain, frame, step, fade, linear)), 17)
                    assert list(gains)[:17] == [fade_gain(gain, frame + step * i, fade, linear) for i in range(17)]
                    kernel.fade_gains(gains, FADE_TABLE, array("i", (gain, fade, -(fade // 16), fade, linear)), 17)
                    falling = [fade_gain(gain, fade - fade // 16 * i, fade, linear) for i in range(17)]
                    assert list(gains)[:17] == falling


def test_more_gain_than_the_sum_holds_sounds_the_same_on_every_backend_and_runtime():
    for backend in BACKENDS:
        mixer = make_mixer(48000, 32, 1024, 32768, backend)
        for voice in range(32):
            fade_in, fade_out = voice * 37 % 200, voice * 11 % 90
            mixer.start(Start(voice * 3, voice, voice & 3, 290, 32767 - voice * 5, fade_in, fade_out), STEMS[voice & 3])
        digest = hashlib.sha256(mixer.render(1024)).digest()
        assert "".join(["%02x" % byte for byte in digest[:8]]) == "7ed72e4730aa0b4a", backend


class Silence:
    """A source that allocates nothing, so that what is left is the mixer's."""

    frames = 100000
    channels = 2

    def read_into(self, buffer, start_frame, frame_count):
        pass


def test_rendering_allocates_nothing_on_micropython():
    if not MICROPYTHON:
        return
    mixer = make_mixer(48000, 4, 512)
    for voice in range(4):
        mixer.start(Start(voice, voice, 0, 90000, 20000, 50000 * (voice & 1), 0), Silence())
    mixer.render(512)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(16):
        mixer.render(512)
    after = gc.mem_alloc()
    gc.enable()
    assert after == before, after - before


class Scale(Silence):
    """A silent source that weighs the heap in the depth of a block."""

    def __init__(self):
        self.heaviest = 0

    def read_into(self, buffer, start_frame, frame_count):
        held = gc.mem_alloc()
        if held > self.heaviest:
            self.heaviest = held


def test_steady_voices_take_no_frame_of_a_function_from_the_heap_on_micropython():
    if not MICROPYTHON:
        return
    mixer = make_mixer(48000, 4, 512)
    source = Scale()
    for voice in range(4):
        mixer.start(Start(0, voice, 0, 90000, 20000, 300, 0), source)
    for _ in range(4):
        mixer.render(512)
    gc.collect()
    gc.disable()
    source.heaviest = 0
    before = gc.mem_alloc()
    mixer.render(512)
    gc.enable()
    assert source.heaviest == before, source.heaviest - before
