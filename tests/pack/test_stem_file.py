"""The player's side of a pack: verified once, read by seek, and a bad blob never plays. Also under MicroPython."""

import os
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from amos.crypto import public_key, verify
from amos.edges import stem_file
from amos.edges.stem_file import BlobError
from amos.edges.stem_file_numpy import MappedStem
from amos.packs import folder as pack_folder
from amos.packs.folder import PackError, PackFolder, open_pack
from amos.protocol.errors import CoseError, ProtocolError, SignatureError
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.sound.events import Start
from amos.sound.mixer import make_mixer
from amos_tools.pack import PackSummary
from amos_tools.script import Compiled

FIRMWARE = Path(pack_folder.__file__).parents[2]
PUBLISHER = public_key(bytes(range(32)))
Build = Callable[..., PackSummary]


def blob(pack: PackFolder, index: int) -> Path:
    """The file of a stem."""
    return Path(pack.blob_path(pack.manifest.stems[index].sha256))


def test_reading_by_seek_gives_the_stem_s_samples(pack: PackFolder, compiled: Compiled) -> None:
    for index, facts in enumerate(compiled.stems):
        source = pack.stem(index)
        assert (source.frames, source.channels) == (facts.frames, facts.channels)
        whole = blob(pack, index).read_bytes()
        frame_bytes = 2 * facts.channels
        for start, count in ((0, 1), (0, facts.frames), (31_000, 500), (facts.frames - 1, 1), (17, 4096), (5, 0)):
            buffer = bytearray(count * frame_bytes + 3)
            source.read_into(buffer, start, count)
            assert buffer[:-3] == whole[start * frame_bytes : (start + count) * frame_bytes]
            assert buffer[-3:] == bytes(3)
        assert isinstance(source, MappedStem)
        assert source.samples.dtype == np.int16 and source.samples.shape == (facts.frames * facts.channels,)
        assert source.samples.tobytes() == whole
        assert not source.samples.flags.writeable


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, 31_501), (31_500, 1), (3, -1)])
def test_a_range_outside_the_stem_is_the_caller_s_fault(pack: PackFolder, start: int, count: int) -> None:
    with pytest.raises(ValueError, match="frames: expected inside"):
        pack.stem(0).read_into(bytearray(200_000), start, count)


def test_a_buffer_too_small_is_the_caller_s_fault(pack: PackFolder) -> None:
    with pytest.raises(ValueError, match="buffer: expected"):
        pack.stem(0).read_into(bytearray(10), 0, 100)


@pytest.mark.parametrize("fault", ["bit", "short", "long", "missing", "folder"])
def test_a_bad_blob_never_plays_and_the_others_do(pack: PackFolder, fault: str) -> None:
    path = blob(pack, 1)
    data = path.read_bytes()
    if fault == "bit":
        path.write_bytes(data[:5000] + bytes((data[5000] ^ 1,)) + data[5001:])
    elif fault in ("short", "long"):
        path.write_bytes(data[:-4] if fault == "short" else data + bytes(4))
    else:
        path.unlink()
        if fault == "folder":
            path.mkdir()
    with pytest.raises(BlobError, match="stem 1: expected") as first:
        pack.stem(1)
    if path.is_dir():
        path.rmdir()
    path.write_bytes(data)
    with pytest.raises(BlobError) as again:
        pack.stem(1)
    assert again.value is first.value
    pack.stem(0).read_into(bytearray(400), 0, 100)


def test_a_blob_is_hashed_once_and_in_pieces(pack: PackFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_folder, "_CHUNK_BYTES", 1000)
    source = pack.stem(0)
    monkeypatch.setattr(pack_folder, "_file_sha256", lambda path: bytes(32))
    assert pack.stem(0) is source


def test_a_file_that_fails_while_playing_is_named(pack: PackFolder) -> None:
    source = pack.stem(0)
    os.truncate(blob(pack, 0), 1000)
    with pytest.raises(BlobError, match="found the end"):
        source.read_into(bytearray(4000), 0, 1000)
    blob(pack, 0).unlink()
    pack.close()
    with pytest.raises(BlobError, match="readable file"):
        source.read_into(bytearray(400), 0, 100)
    with pytest.raises(BlobError, match="readable file"):
        _ = source.samples  # type: ignore[attr-defined]


def test_few_files_are_open_and_all_stems_play(pack: PackFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_folder, "OPEN_STEMS_MAX", 2)
    sources = [pack.stem(index) for index in range(4)]
    files = len(os.listdir("/proc/self/fd"))
    first = [sha256(source.samples.tobytes()).digest() for source in sources]
    for index in (0, 1, 2, 3, 1, 0, 3):
        source = sources[index]
        buffer = bytearray(source.frames * source.channels * 2)
        source.read_into(buffer, 0, source.frames)
        assert sha256(buffer).digest() == first[index]
    assert len(os.listdir("/proc/self/fd")) <= files + 4
    pack.close()
    assert len(os.listdir("/proc/self/fd")) == files
    sources[0].read_into(bytearray(400), 0, 100)


def test_a_bad_score_is_refused(pack: PackFolder) -> None:
    path = Path(pack.blob_path(pack.manifest.score_sha256))
    score = path.read_bytes()
    assert pack.score() == score
    for content in (score[:-1], score + b"\0", bytes(70_000)):
        path.write_bytes(content)
        with pytest.raises(BlobError):
            pack.score()
    path.unlink()
    with pytest.raises(BlobError):
        pack.score()


def test_a_bad_manifest_is_refused(build: Build, tmp_path: Path) -> None:
    path = build().path
    signed = (path / "manifest.cose").read_bytes()
    with pytest.raises(SignatureError):
        open_pack(str(path), public_key(bytes(32)), verify)
    cases: list[tuple[bytes, type[ProtocolError]]] = [
        (bytes(MANIFEST_BYTES_MAX + 1), PackError),
        (b"", ProtocolError),
        (signed[:-1] + bytes((signed[-1] ^ 1,)), CoseError),
        (signed[:-1], ProtocolError),
    ]
    for content, kind in cases:
        (path / "manifest.cose").write_bytes(content)
        with pytest.raises(kind):
            open_pack(str(path), PUBLISHER, verify)
    with pytest.raises(PackError, match="readable file"):
        open_pack(str(tmp_path / "nowhere"), PUBLISHER, verify)


def test_a_pipe_in_a_pack_is_refused_and_not_waited_for(pack: PackFolder, build: Build) -> None:
    score = Path(pack.blob_path(pack.manifest.score_sha256))
    score.unlink()
    os.mkfifo(score)
    with pytest.raises(BlobError, match="expected a file"):
        pack.score()
    blob(pack, 0).unlink()
    os.mkfifo(blob(pack, 0))
    with pytest.raises(BlobError, match="found 0"):
        pack.stem(0)
    path = build().path
    (path / "manifest.cose").unlink()
    os.mkfifo(path / "manifest.cose")
    with pytest.raises(PackError, match="expected a file"):
        open_pack(str(path), PUBLISHER, verify)


def test_the_mixer_plays_from_the_pack(pack: PackFolder) -> None:
    heard = []
    for mapped in (True, False):
        source = pack.stem(0)
        mixer = make_mixer(44_100, voices_max=2, block_frames_max=4096)
        plain = source if mapped else stem_file.FileStem(pack.admit, str(blob(pack, 0)), source.frames, source.channels)
        mixer.start(Start(0, 0, 0, source.frames, 16_384, 64, 64), plain)
        heard.append(b"".join(bytes(mixer.render(4096)) for _ in range(4)))
    assert heard[0] == heard[1]
    assert any(heard[0])


READER = """
from hashlib import sha256
from binascii import hexlify
from amos.packs.folder import open_pack
from amos.edges.stem_file import BlobError

pack = open_pack({path!r}, {publisher!r}, lambda public, message, signature: True)
print(hexlify(pack.pack_id).decode(), len(pack.score()))
buffer = bytearray(4 * 1024)
for index in range(len(pack.manifest.stems)):
    try:
        stem = pack.stem(index)
    except BlobError as error:
        print(error)
        continue
    digest = sha256()
    at = 0
    while at < stem.frames:
        count = min(1024, stem.frames - at)
        stem.read_into(buffer, at, count)
        digest.update(memoryview(buffer)[: count * 2 * stem.channels])
        at += count
    print(stem.frames, stem.channels, hexlify(digest.digest()).decode())
pack.close()
"""


def test_micropython_reads_the_same(pack: PackFolder, micropython: list[str], tmp_path: Path) -> None:
    with blob(pack, 2).open("r+b") as file:
        file.write(b"XXXX")
    script = tmp_path / "reader.py"
    script.write_text(READER.format(path=pack.path, publisher=PUBLISHER))
    environment = os.environ | {"MICROPYPATH": str(FIRMWARE)}
    done = subprocess.run([*micropython, str(script)], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == f"{pack.pack_id.hex()} {len(pack.score())}"
    for index, record in enumerate(pack.manifest.stems):
        if index == 2:
            assert lines[1 + index].startswith("stem 2: expected SHA-256 ")
        else:
            assert lines[1 + index] == f"{record.frames} {record.channels} {record.sha256.hex()}"
