"""The file: exact length, chunks that others read, the same bytes again, and nothing left of a render that failed."""

import hashlib
import struct
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from amos.crypto import public_key
from amos.packs.folder import PackFolder
from amos_tools.render.check import open_rendered
from amos_tools.render.errors import BadLength, CatalogueMissing, OutputFailed
from amos_tools.render.make import render_file
from amos_tools.render.marks import MARK, chunks
from amos_tools.render.plan import Plan

PUBLISHER = public_key(bytes(range(32)))
CREATED = 1_700_000_000


def chunk_contents(path: Path) -> dict[bytes, bytes]:
    data = path.read_bytes()
    with path.open("rb") as file:
        return {chunk.name: data[chunk.offset : chunk.offset + chunk.size] for chunk in chunks(file)}


@pytest.mark.parametrize("frames", [1, 63, 64, 8192, 8193, 22_050, 40_001])
def test_the_length_is_exact(pack: PackFolder, plan: Plan, tmp_path: Path, frames: int) -> None:
    out = tmp_path / "out.wav"
    facts = render_file(pack, PUBLISHER, replace(plan, frames=frames), out, CREATED)
    samples, rate_hz = soundfile.read(out, dtype="int16", always_2d=True)
    assert (samples.shape, rate_hz) == ((frames, 2), 22_050)
    assert hashlib.sha256(samples.tobytes()).digest() == facts.pcm_sha256
    assert struct.unpack("<I", out.read_bytes()[4:8])[0] == out.stat().st_size - 8


def test_a_longer_render_begins_as_a_shorter_one(pack: PackFolder, plan: Plan, tmp_path: Path) -> None:
    """Up to the shorter one's fade."""
    for number, frames in enumerate((50_000, 90_000)):
        render_file(pack, PUBLISHER, replace(plan, frames=frames), tmp_path / f"{number}.wav", CREATED)
    short, long = (soundfile.read(tmp_path / f"{number}.wav", dtype="int16")[0] for number in range(2))
    # The limiter looks a cell ahead, and the fade begins within one.
    same = (50_000 - plan.fade_frames) // 64 * 64 - 64
    assert np.array_equal(short[:same], long[:same])
    assert abs(int(short[-1].max())) <= 1, "the fade ends in silence"


def test_the_same_arguments_give_the_same_bytes(pack: PackFolder, plan: Plan, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        render_file(pack, PUBLISHER, plan, tmp_path / name, CREATED)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_bext_is_as_ebu_tech_3285_has_it(pack: PackFolder, plan: Plan, tmp_path: Path) -> None:
    facts = render_file(pack, PUBLISHER, plan, tmp_path / "out.wav", CREATED)
    found = chunk_contents(tmp_path / "out.wav")
    assert list(found) == [b"bext", b"fmt ", b"data", b"iXML"]
    content = found[b"bext"]
    assert content[:256].rstrip(b"\0").startswith(MARK.encode())
    assert content[256:288].rstrip(b"\0") == b"amos"
    assert content[288:320].decode() == facts.pcm_sha256.hex()[:32]
    assert content[320:338] == b"2023-11-1422:13:20"
    assert struct.unpack("<IIH", content[338:348]) == (0, 0, 1)
    assert content[602:] == b"A=PCM,F=22050,W=16,M=stereo,T=amos\r\n"


def test_ixml_names_every_stem_with_its_frames(pack: PackFolder, plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    facts = render_file(pack, PUBLISHER, plan, out, CREATED)
    assert open_rendered(out).facts == facts
    root = ElementTree.fromstring(chunk_contents(out)[b"iXML"])
    assert root.findtext("PROJECT") == "promo & <co>"
    stems = root.findall("AMOS/STEM")
    assert {stem.get("artist") for stem in stems} <= {"Ilse & Maren", "Tomas"}
    for stem in stems:
        record = pack.manifest.stems[int(stem.attrib["index"])]
        assert (stem.attrib["id"], stem.attrib["sha256"]) == (record.stem_id.hex(), record.sha256.hex())
        assert ("isrc" in stem.attrib) == (stem.attrib["artist"] != "Tomas")
        for interval in stem.findall("INTERVAL"):
            start, frames = int(interval.attrib["start"]), int(interval.attrib["frames"])
            assert 0 <= start < start + frames <= plan.frames


def test_what_cannot_be_rendered_leaves_no_file(pack: PackFolder, plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    with pytest.raises(BadLength):
        render_file(pack, PUBLISHER, replace(plan, frames=10**12), out, CREATED)
    with pytest.raises(CatalogueMissing):
        render_file(pack, bytes(32), plan, out, CREATED)
    with pytest.raises(OutputFailed, match="room and permission"):
        render_file(pack, PUBLISHER, plan, tmp_path / "none" / "out.wav", CREATED)
    assert not list(tmp_path.iterdir())
