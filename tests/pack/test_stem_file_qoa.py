"""QOA blobs of a pack: read anywhere, by turns, on every runtime; and a bad one never plays."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import qoa_reference
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.crypto import key_id, public_key, sign, verify
from amos.edges import stem_file_numpy
from amos.edges.stem_file import BlobError, FileStem
from amos.edges.stem_file_numpy import QoaArrayStem
from amos.edges.stem_file_qoa import QoaStem
from amos.packs import folder as pack_folder
from amos.packs.folder import PackFolder, open_pack
from amos.protocol.signing import sign_manifest
from amos.sound import qoa
from amos_tools.pack import PackBuildError, PackSummary
from amos_tools.pack.qoa import encode_qoa

CURSORS_MAX = 4

FIRMWARE = Path(pack_folder.__file__).parents[2]
SEED = bytes(range(32))


class Folder:
    """All that a stem wants of its pack."""

    def admit(self, stem: FileStem) -> None:
        pass


@pytest.fixture(scope="module", params=[1, 2], ids=["mono", "stereo"])
def stems(request, tmp_path_factory) -> tuple[np.ndarray, list[FileStem]]:  # type: ignore[no-untyped-def]
    """A stem of three frames and a bit as int16 of shape (frames, channels), and its sources."""
    channels = request.param
    samples = np.random.default_rng(5).integers(-9000, 9000, (15_367, channels)).astype(np.int16)
    path = tmp_path_factory.mktemp("blob") / "stem.qoa"
    path.write_bytes(encode_qoa(samples, 44_100))
    decoded = np.array(qoa_reference.decode(path.read_bytes())[2]).T
    sources = [kind(Folder().admit, str(path), len(samples), channels) for kind in (QoaStem, QoaArrayStem)]
    return decoded, sources


def read(source: FileStem, start: int, count: int) -> np.ndarray:
    buffer = bytearray(count * source.channels * 2 + 3)
    source.read_into(buffer, start, count)
    assert buffer[-3:] == bytes(3)
    return np.frombuffer(buffer, "<i2", count * source.channels).reshape(count, source.channels)


def test_any_range_reads_as_the_specification_decodes_it(stems: tuple[np.ndarray, list[FileStem]]) -> None:
    decoded, sources = stems
    ranges = [(0, 1), (1, 19), (20, 1280), (5119, 2), (5120, 20), (10_233, 5134), (15_366, 1), (3, 0), (15_367, 0)]
    for source in sources:
        for start, count in ranges:
            assert (read(source, start, count) == decoded[start : start + count]).all(), (source, start, count)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_voices_that_read_by_turns(stems: tuple[np.ndarray, list[FileStem]], data: st.DataObject) -> None:
    decoded, sources = stems
    places = data.draw(st.lists(st.integers(0, 9000), min_size=1, max_size=CURSORS_MAX + 1))
    turns = data.draw(st.lists(st.tuples(st.integers(0, len(places) - 1), st.integers(1, 700)), max_size=12))
    for source in sources:
        source.close()
        at = list(places)
        for voice, count in turns:
            count = min(count, source.frames - at[voice])
            assert (read(source, at[voice], count) == decoded[at[voice] : at[voice] + count]).all()
            at[voice] += count


def test_going_on_decodes_nothing_twice(stems: tuple[np.ndarray, list[FileStem]]) -> None:
    portable = stems[1][0]
    assert isinstance(portable, QoaStem)
    slices = []
    kernel = portable._kernel
    portable._kernel = Counting(slices)
    for start in range(0, 5120, 64):
        read(portable, start, 64)
        read(portable, 10_240 + start, 64)
    portable._kernel = kernel
    assert sum(slices) == 512 * portable.channels


def test_a_stem_that_sounds_again_and_again_keeps_one_place(stems: tuple[np.ndarray, list[FileStem]]) -> None:
    decoded, sources = stems
    portable = sources[0]
    assert isinstance(portable, QoaStem)
    portable.close()
    for _time in range(3):
        for start in range(0, portable.frames, 1024):
            count = min(1024, portable.frames - start)
            assert (read(portable, start, count) == decoded[start : start + count]).all()
    assert len(portable._cursors) == 1


class Counting:
    def __init__(self, slices: list[int]) -> None:
        self._slices = slices

    load_state = staticmethod(qoa.load_state)
    copy = staticmethod(qoa.copy)

    def decode(self, state, data, at, slices, channels, out, out_at) -> None:  # type: ignore[no-untyped-def]
        self._slices.append(slices)


def test_windows_meet_without_a_seam(stems: tuple[np.ndarray, list[FileStem]], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded, sources = stems
    monkeypatch.setattr(stem_file_numpy, "QOA_WINDOW_FRAMES", 5120)
    source = QoaArrayStem(Folder().admit, sources[1]._path, 15_367, sources[1].channels)
    assert (read(source, 0, 15_367) == decoded).all()
    assert (read(source, 5000, 400) == decoded[5000:5400]).all()
    assert len(source._windows) == 2


def test_a_pack_in_qoa_is_a_fifth_of_the_bytes(build, pack: PackFolder) -> None:  # type: ignore[no-untyped-def]
    plain_bytes = sum(stem.size_bytes for stem in pack.manifest.stems)
    summary: PackSummary = build(codec="qoa", serial=2)
    assert 0.19 < summary.blob_bytes / plain_bytes < 0.215
    with pytest.raises(PackBuildError, match="codec: expected pcm16 or qoa, found mp3"):
        build(codec="mp3", serial=3)


def resigned(pack: PackFolder, index: int, data: bytes) -> PackFolder:
    """The pack with another blob for a stem, signed as if its publisher had meant it."""
    record = pack.manifest.stems[index]
    record.sha256, record.size_bytes = sha256(data).digest(), len(data)
    Path(pack.blob_path(record.sha256)).write_bytes(data)
    signed = sign_manifest(pack.manifest, key_id(public_key(SEED)), lambda message: sign(SEED, message))
    (Path(pack.path) / "manifest.cose").write_bytes(signed)
    return open_pack(pack.path, public_key(SEED), verify)


FAULTS = {
    "magic": "another header at the file header",
    "samples": "another header at the file header",
    "rate": "another header at frame 0",
    "channels": "another header at frame 1",
    "short": "bytes of QOA, found",
    "long": "bytes of QOA, found",
    "empty": "bytes of QOA, found 0",
}


def test_what_is_not_the_qoa_the_manifest_says_never_plays(qoa_pack: PackFolder) -> None:
    good = Path(qoa_pack.blob_path(qoa_pack.manifest.stems[1].sha256)).read_bytes()
    for fault, sentence in FAULTS.items():
        data = bytearray(good)
        place = {"magic": 0, "samples": 7, "rate": 11, "channels": qoa.frame_offset(1, 2)}.get(fault)
        if place is not None:
            data[place] ^= 1
        data = {"short": data[:-8], "long": data + bytes(8), "empty": bytearray()}.get(fault, data)
        pack = resigned(qoa_pack, 1, bytes(data))
        with pytest.raises(BlobError, match=f"^stem 1: expected .*{sentence}"):
            pack.stem(1)
        pack.stem(0).read_into(bytearray(400), 0, 100)
        pack.close()


def test_any_bits_behind_right_headers_play_without_a_fault(qoa_pack: PackFolder) -> None:
    record = qoa_pack.manifest.stems[0]
    data = bytearray(np.random.default_rng(3).bytes(record.size_bytes))
    good = Path(qoa_pack.blob_path(record.sha256)).read_bytes()
    for at in (0, *(qoa.frame_offset(index, record.channels) for index in range(-(-record.frames // 5120)))):
        data[at : at + 8] = good[at : at + 8]
    pack = resigned(qoa_pack, 0, bytes(data))
    source = pack.stem(0)
    assert read(source, 0, record.frames).T.tolist() == qoa_reference.decode(bytes(data))[2]
    pack.close()


def test_a_file_that_fails_while_playing_is_named(qoa_pack: PackFolder) -> None:
    path = qoa_pack.blob_path(qoa_pack.manifest.stems[0].sha256)
    for kind in (QoaStem, QoaArrayStem):
        source = kind(qoa_pack.admit, path, 31_500, qoa_pack.manifest.stems[0].channels)
        read(source, 0, 100)
        source.close()
        good = Path(path).read_bytes()
        os.truncate(path, 5000)
        with pytest.raises(BlobError, match="found the end"):
            read(source, 100, 31_400)
        Path(path).write_bytes(good)
        source.close()
        read(source, 100, 31_400)


READER = """
from hashlib import sha256
from binascii import hexlify
from amos.packs.folder import open_pack

pack = open_pack({path!r}, {publisher!r}, lambda public, message, signature: True)
buffer = bytearray(4 * 999)
for index in range(len(pack.manifest.stems)):
    stem = pack.stem(index)
    digest = sha256()
    at = 0
    while at < stem.frames:
        count = min(999, stem.frames - at)
        stem.read_into(buffer, at, count)
        digest.update(memoryview(buffer)[: count * 2 * stem.channels])
        at += count
    print(hexlify(digest.digest()).decode())
pack.close()
"""


@pytest.mark.parametrize("arch", ["micropython", "micropython_armhf"])
def test_micropython_reads_the_same(
    qoa_pack: PackFolder, arch: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    expected = []
    for index, record in enumerate(qoa_pack.manifest.stems):
        expected.append(sha256(read(qoa_pack.stem(index), 0, record.frames).tobytes()).hexdigest())
    script = tmp_path / "reader.py"
    script.write_text(READER.format(path=qoa_pack.path, publisher=public_key(SEED)))
    environment = os.environ | {"MICROPYPATH": str(FIRMWARE)}
    command = [*request.getfixturevalue(arch), str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.split() == expected
