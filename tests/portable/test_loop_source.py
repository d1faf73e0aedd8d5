"""A stem from its middle on, and round again, gives the same frames in pieces of any size on every runtime."""

from amos.edges.stem_memory import MemoryStem
from amos.sound.loop_source import LoopSource


def test_frames_are_those_of_the_stem_round_and_round():
    for channels in (1, 2):
        size = 2 * channels
        pcm = bytes([number * 7 & 255 for number in range(100 * size)])
        for frames, offset, loop in ((60, 40, 0), (250, 0, 100), (130, 97, 99), (5, 99, 100)):
            source = LoopSource(MemoryStem(pcm, channels), frames, offset, loop)
            expected = b"".join(
                [pcm[at * size : (at + 1) * size] for at in [(offset + n) % (loop or 100) for n in range(frames)]]
            )
            assert (source.frames, source.channels) == (frames, channels)
            for piece in (1, 7, frames):
                got = b""
                for start in range(0, frames, piece):
                    count = min(piece, frames - start)
                    buffer = bytearray(count * size)
                    source.read_into(buffer, start, count)
                    got += bytes(buffer)
                assert got == expected, (channels, frames, offset, loop, piece)


def test_refuses_what_the_stem_does_not_have():
    stem = MemoryStem(bytes(400), 2)
    for frames, offset, loop in ((61, 40, 0), (10, 100, 0), (10, 0, 101), (10, 50, 50)):
        try:
            LoopSource(stem, frames, offset, loop)
        except ValueError:
            continue
        raise AssertionError((frames, offset, loop))
    for start, count in ((-1, 5), (8, 3)):
        try:
            LoopSource(stem, 10, 50, 0).read_into(bytearray(100), start, count)
        except ValueError:
            continue
        raise AssertionError((start, count))
