"""Provenance checks: a file as rendered passes, any change is found at its frame, damaged facts are refused by name."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.crypto import public_key
from amos.packs.folder import PackFolder
from amos.score.inputs import INPUT_BLOCK
from amos.score.score import decode_score
from amos_tools.render.check import open_rendered, own_difference, replay_difference
from amos_tools.render.errors import BadProvenance, NoProvenance, OtherPack, RenderError
from amos_tools.render.make import render_file
from amos_tools.render.plan import Hit, Plan
from amos_tools.render.provenance import Provenance, from_ixml, to_ixml
from amos_tools.simulate import TimedInput

PUBLISHER = public_key(bytes(range(32)))


@pytest.fixture
def made(pack: PackFolder, plan: Plan, tmp_path: Path) -> tuple[Path, Provenance]:
    """A rendered file with an input and a hit, and its facts."""
    plan = replace(plan, inputs=(TimedInput(10_000, 16, 32768),), hits=(Hit(40_001, 2),))
    return tmp_path / "out.wav", render_file(pack, PUBLISHER, plan, tmp_path / "out.wav", 0)


def test_a_file_as_rendered_passes(made: tuple[Path, Provenance], pack: PackFolder) -> None:
    opened = open_rendered(made[0])
    assert own_difference(made[0], opened) is None
    assert replay_difference(made[0], opened, pack) is None


def test_a_stem_withdrawn_in_the_middle_is_silent_from_there_and_the_replay_agrees(
    pack: PackFolder, plan: Plan, tmp_path: Path
) -> None:
    before = render_file(pack, PUBLISHER, plan, tmp_path / "before.wav", 0)
    at = 40_000
    stem = next(used.index for used in before.stems if any(start < at < start + n for start, n in used.intervals))
    withdrawn = replace(plan, inputs=(TimedInput(at, INPUT_BLOCK, stem),))
    facts = render_file(pack, PUBLISHER, withdrawn, tmp_path / "out.wav", 0)
    (intervals,) = [used.intervals for used in facts.stems if used.index == stem]
    beat_frames = 60_000 * facts.rate_hz // decode_score(pack.score()).tempo_mbpm
    assert at < max(start + count for start, count in intervals) <= at + beat_frames
    opened = open_rendered(tmp_path / "out.wav")
    assert own_difference(tmp_path / "out.wav", opened) is None
    assert replay_difference(tmp_path / "out.wav", opened, pack) is None
    silent = replace(opened, facts=replace(facts, plan=replace(withdrawn, inputs=())))
    assert (replay_difference(tmp_path / "out.wav", silent, pack) or "").startswith("frame ")


@pytest.mark.parametrize("sample", [0, 1, 30_001, 2 * (5 * 22_050 + 17) - 1])
def test_a_changed_sample_is_found(made: tuple[Path, Provenance], pack: PackFolder, sample: int) -> None:
    path, _facts = made
    opened = open_rendered(path)
    data = bytearray(path.read_bytes())
    data[opened.pcm_at + 2 * sample] ^= 1
    path.write_bytes(data)
    assert (own_difference(path, opened) or "").startswith("samples: expected SHA-256")
    side = ("left", "right")[sample % 2]
    assert (replay_difference(path, opened, pack) or "").startswith(f"frame {sample // 2}, {side}: expected")


def test_a_file_cut_short_is_found(made: tuple[Path, Provenance], pack: PackFolder) -> None:
    path, _facts = made
    opened = open_rendered(path)
    shorter = replace(opened, pcm_bytes=opened.pcm_bytes - 400)
    assert (own_difference(path, shorter) or "").startswith("length: expected")
    assert "found the end" in (replay_difference(path, shorter, pack) or "")


CHANGES: list[tuple[Callable[[Provenance], Provenance], str]] = [
    (lambda facts: replace(facts, stems=facts.stems[1:]), "stem "),
    (lambda facts: replace(facts, stems=(replace(facts.stems[0], intervals=((0, 1),)), *facts.stems[1:])), "stem "),
    (lambda facts: replace(facts, stems=(replace(facts.stems[0], stem_id=bytes(16)), *facts.stems[1:])), "stem "),
    (lambda facts: replace(facts, score_sha256=bytes(32)), "score"),
    (lambda facts: replace(facts, plan=replace(facts.plan, seed=bytes(32))), "frame "),
    (lambda facts: replace(facts, plan=replace(facts.plan, hits=())), "frame "),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_changed_facts_are_found(
    made: tuple[Path, Provenance], pack: PackFolder, change: Callable[[Provenance], Provenance], expected: str
) -> None:
    path, facts = made
    opened = replace(open_rendered(path), facts=change(facts))
    assert (replay_difference(path, opened, pack) or "").startswith(expected)


def test_another_pack_is_refused(made: tuple[Path, Provenance], pack: PackFolder) -> None:
    opened = open_rendered(made[0])
    with pytest.raises(OtherPack, match="pack: expected 0000"):
        replay_difference(made[0], replace(opened, facts=replace(opened.facts, pack_id=bytes(32))), pack)


def test_facts_come_back_from_ixml(made: tuple[Path, Provenance]) -> None:
    assert from_ixml(to_ixml(made[1])) == made[1]


def test_characters_that_xml_cannot_hold_do_not_break_it(made: tuple[Path, Provenance]) -> None:
    stems = (replace(made[1].stems[0], title='a "b" \x07\n<c>', artist="&"),)
    found = from_ixml(to_ixml(replace(made[1], stems=stems, name="\x00]]>")))
    assert (found.name, found.stems[0].title, found.stems[0].artist) == ("?]]>", 'a "b" ??<c>', "&")


BAD_XML = [
    (b"", "well-formed"),
    (b"<BWFXML/>", "an element AMOS"),
    (b'<!DOCTYPE a [<!ENTITY b "c">]><BWFXML/>', "no declarations"),
    (b'<BWFXML><AMOS mark="amos-engine-output/2"><RENDER/></AMOS></BWFXML>', "an element AMOS of amos-engine-output/1"),
    (b'<BWFXML><AMOS mark="amos-engine-output/1"><RENDER/></AMOS></BWFXML>', "RENDER seed: expected 64 hex digits"),
]


@pytest.mark.parametrize(("data", "expected"), BAD_XML)
def test_bad_ixml_is_refused(data: bytes, expected: str) -> None:
    with pytest.raises(BadProvenance, match=expected):
        from_ixml(data)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_read_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Headers and chunk sizes of any kind."""
    parts = [b"RIFF", b"WAVE", b"bext", b"iXML", b"data", b"fmt ", b"ds64", struct.pack("<I", 2**32 - 1), b"<AMOS"]
    noise = st.one_of(
        st.sampled_from(parts), st.binary(max_size=12), st.integers(0, 40).map(lambda n: n.to_bytes(4, "little"))
    )
    content = data.draw(st.sampled_from([b"RIFF\0\0\0\0WAVE", b"RF64\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b"fLaC", b""]))
    content += b"".join(data.draw(st.lists(noise, max_size=12)))
    path = tmp_path_factory.getbasetemp() / "damaged.wav"
    path.write_bytes(content)
    with pytest.raises(RenderError):
        open_rendered(path)


def test_a_recording_has_no_provenance(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with pytest.raises(NoProvenance, match="readable"):
        open_rendered(path)
    path.write_bytes(b"RIFF\x04\0\0\0WAVE")
    with pytest.raises(NoProvenance, match="found none"):
        open_rendered(path)
