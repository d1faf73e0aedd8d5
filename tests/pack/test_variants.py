"""A pack of a script with sections in other tempi and keys: its stems stand there once for each, under one id."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from amos.crypto import public_key, verify
from amos.packs.folder import open_pack
from amos.score.score import decode_score
from amos.session.start import check_playable
from amos_tools.pack import PackSummary, errors
from amos_tools.pack.levels_report import level_lines
from amos_tools.script import Compiled, compile_script
from amos_tools.simulate.stems import script_stems
from amos_tools.vault import Vault

SEED = bytes(range(32))  # of the publisher


def turned(vault: Vault, script: str) -> Compiled:
    quick = "section quick 4 bars tempo 90 key E minor\n  play pads from warm count 2\n  next only\n"
    return compile_script(
        script.replace("next only 1", "next quick").replace("target -23", "target -12") + quick, vault.stems()
    )


def test_each_tempo_and_key_is_a_row_of_its_own_and_one_stem_to_whoever_pays(
    build: Callable[..., PackSummary], vault: Vault, script: str
) -> None:
    compiled = turned(vault, script)
    found = build(compiled)
    pack = open_pack(str(found.path), public_key(SEED), verify)
    check_playable(pack)
    rows = pack.manifest.stems
    score = decode_score(compiled.score)
    assert list(score.variants or ()) == [0, 1, 1, 3, 3, 5, 5]
    for row, (record, stem) in enumerate(zip(rows, compiled.stems, strict=True)):
        first = rows[list(score.variants or ())[row]]
        assert record.stem_id == stem.stem_id == first.stem_id and record.artist_id == first.artist_id
        # One beat long, and so at its tempo to the frame.
        expected = (90_000, "E minor", 29_400) if record is not first else (84_000, "D minor", 31_500)
        assert (record.tempo_mbpm, record.key, record.frames) == expected
    assert len({record.sha256 for record in rows}) == len(rows)
    assert len({record.stem_id for record in rows}) == 4 == found.stems
    assert found.variants == len(rows) == 7
    assert len(found.amplified) > 1
    once = {stem.stem_id for stem, _level in found.amplified}
    assert any(line.startswith(f"{len(once)} stems amplified") for line in level_lines(found))
    pack.close()
    titles = [stem.title for stem in script_stems(compiled, vault)]
    assert "Haze 0 (90 bpm, E minor)" in titles and len(set(titles)) == 7
    assert [stem.frames for stem in script_stems(compiled, vault)] == [record.frames for record in rows]


def test_what_is_said_to_be_a_variant_of_another_stem_is_refused(
    build: Callable[..., PackSummary], vault: Vault, script: str
) -> None:
    compiled = turned(vault, script)
    swapped = [compiled.stems[1], compiled.stems[0], *compiled.stems[2:]]
    with pytest.raises(errors.ScoreMismatch, match="variants of one stem"):
        build(replace(compiled, stems=swapped))
