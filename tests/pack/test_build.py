"""Packs: what is in them, who stays out, and that a reader never sees half of one."""

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amos.crypto import public_key, verify
from amos.packs.folder import PackFolder, open_pack
from amos.protocol.catalogue import open_catalogue
from amos.protocol.errors import SignatureError
from amos.protocol.manifest import CODEC_PCM16, ROLES
from amos_tools.pack import PackSummary, errors, export_catalogue
from amos_tools.pack.build import artist_id
from amos_tools.pack.folder import PackWriter
from amos_tools.script import Compiled, compile_script
from amos_tools.vault import StatedFacts, Vault
from amos_tools.vault.errors import BlobDamaged

Build = Callable[..., PackSummary]
SEED = bytes(range(32))
PUBLISHER = public_key(SEED)


def facts_of(stem: object) -> StatedFacts:
    """What was stated about a stem, to state it again with a change."""
    return StatedFacts(**{name: getattr(stem, name) for name in StatedFacts.__slots__})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_whole(folder: Path) -> PackFolder:
    """Open a pack and verify everything in it."""
    pack = open_pack(str(folder), PUBLISHER, verify)
    for index in range(len(pack.manifest.stems)):
        pack.stem(index)
    pack.score()
    pack.close()
    return pack


def test_only_a_pack_with_vocals_has_a_manifest_of_version_2(build: Build, vault: Vault, script: str) -> None:
    assert check_whole(build().path).manifest.version == 1
    sung = replace(facts_of(vault.stems()[0]), title="Oohs", role="vocals")
    vault.import_samples(np.random.RandomState(1).randint(-9000, 9000, (31_500, 2)).astype(np.int16), sung)
    script = script.replace("mix ", "pool sung = stems where role vocals\nmix ")
    text = script.replace("  next only", "  play vocals from sung gain -3 dB\n  next only")
    manifest = check_whole(build(compile_script(text, vault.stems()), serial=2).path).manifest
    assert manifest.version == 2 and [ROLES[stem.role] for stem in manifest.stems].count("vocals") == 1
    manifest.version = 1
    assert manifest.fault() == "version: expected 2, found 1"


def test_a_pack_says_what_vault_and_script_say(build: Build, vault: Vault, compiled: Compiled) -> None:
    summary = build()
    pack = check_whole(summary.path)
    manifest = pack.manifest
    assert (manifest.name, manifest.serial, manifest.rate_hz, manifest.voices) == ("test", 1, 44_100, 8)
    assert (manifest.board_class, manifest.lease_end_unix_s) == ("linux", 1_800_000_000)
    assert pack.score() == compiled.score
    assert [stem.stem_id for stem in manifest.stems] == [stem.stem_id for stem in compiled.stems]
    for record, stem in zip(manifest.stems, compiled.stems, strict=True):
        blob = (summary.path / "blobs" / record.sha256.hex()).read_bytes()
        stored = vault.audio(stem)
        # Loops that do not meet themselves are faded at their edges, and dithered for it.
        apart = np.frombuffer(blob, "<i2").reshape(stored.shape).astype(int) - stored
        assert np.abs(apart[64:-1024]).max() <= 1
        assert (record.codec, record.size_bytes) == (CODEC_PCM16, len(blob))
        assert (record.frames, record.channels, ROLES[record.role]) == (stem.frames, stem.channels, stem.role)
        assert (record.key, record.tempo_mbpm, record.artist_id) == (stem.key, stem.tempo_mbpm, artist_id(stem.artist))
        assert record.lease_end_unix_s == 1_800_000_000
    assert summary.pack_id == hashlib.sha256((summary.path / "manifest.cose").read_bytes()).digest() == pack.pack_id
    assert (summary.stems, summary.serial) == (4, 1)
    assert summary.blob_bytes == sum(path.stat().st_size for path in (summary.path / "blobs").iterdir())


def test_the_same_inputs_give_the_same_bytes_and_no_rewrite(build: Build, tmp_path: Path) -> None:
    first = contents(build().path)
    assert contents(build(out=tmp_path / "elsewhere").path) == first
    inodes = {path: path.stat().st_ino for path in (tmp_path / "pack" / "blobs").iterdir()}
    build()
    assert {path: path.stat().st_ino for path in inodes} == inodes


def test_nothing_without_opt_in_reaches_a_pack(build: Build, vault: Vault, compiled: Compiled) -> None:
    build()
    withheld = next(stem for stem in vault.stems() if not stem.opt_in)
    blobs = [path.read_bytes() for path in (build().path / "blobs").iterdir()]
    assert vault.audio(withheld).tobytes() not in blobs
    smuggled = [withheld, *compiled.stems[1:]]
    with pytest.raises(errors.NotOptedIn, match="Withheld"):
        build(replace(compiled, stems=smuggled), serial=2)
    forged = [replace(withheld, opt_in=True), *compiled.stems[1:]]
    with pytest.raises(errors.NotOptedIn, match="Withheld"):
        build(replace(compiled, stems=forged), serial=2)


def test_an_opt_out_after_compiling_is_respected_and_the_old_pack_stays_whole(
    build: Build, vault: Vault, compiled: Compiled
) -> None:
    before = contents(build().path)
    stem = compiled.stems[0]
    vault.import_samples(vault.audio(stem), replace(facts_of(stem), opt_in=False))
    with pytest.raises(errors.NotOptedIn):
        build(serial=2)
    assert contents(vault.path.parent / "pack") == before


def test_a_stem_table_that_does_not_fit_is_refused(build: Build, vault: Vault, compiled: Compiled) -> None:
    gone = replace(compiled.stems[0], stem_id=bytes(16))
    cases: list[tuple[Compiled, type[errors.PackBuildError]]] = [
        (replace(compiled, stems=[gone, *compiled.stems[1:]]), errors.StemGone),
        (replace(compiled, stems=[compiled.stems[1], *compiled.stems[1:]]), errors.BadStemTable),
        (replace(compiled, stems=compiled.stems[1:]), errors.ScoreMismatch),
        (replace(compiled, stems=[]), errors.ScoreMismatch),
        (replace(compiled, score=compiled.score[:-1]), errors.ScoreMismatch),
    ]
    for changed, kind in cases:
        with pytest.raises(kind):
            build(changed)
    assert not (vault.path.parent / "pack").exists()


@pytest.mark.parametrize(
    "changed",
    [{"serial": -1}, {"serial": 1 << 64}, {"board_class": ""}, {"board_class": "x" * 65}, {"lease_end_unix_s": -1}],
)
def test_what_the_format_cannot_say_is_refused(build: Build, changed: dict[str, object]) -> None:
    with pytest.raises(errors.NotRepresentable):
        build(**changed)


def test_serials_only_rise(build: Build) -> None:
    path = build(serial=5).path
    build(serial=5)
    for serial in (4, 5):
        with pytest.raises(errors.SerialNotNewer):
            build(serial=serial, board_class="other")
    assert check_whole(path).manifest.serial == 5
    build(serial=6, board_class="other")
    assert check_whole(path).manifest.serial == 6


def test_a_folder_that_is_not_this_publisher_s_is_left_alone(build: Build) -> None:
    path = build().path
    with pytest.raises(errors.UnreadablePack):
        build(serial=2, publisher_seed=bytes(32))
    assert check_whole(path).manifest.serial == 1
    (path / "manifest.cose").write_bytes(b"garbage")
    with pytest.raises(errors.UnreadablePack):
        build(serial=2)


def test_a_rotten_vault_blob_reaches_no_pack(build: Build, vault: Vault, compiled: Compiled) -> None:
    path = vault.blob_path(compiled.stems[1].sha256)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(BlobDamaged):
        build()


def test_what_is_not_needed_any_more_goes(build: Build, vault: Vault, script: str) -> None:
    path = build().path
    (path / "blobs" / ".staged-left-by-a-crash").write_bytes(b"half")
    pads = [stem for stem in vault.stems() if stem.title != "Haze 0"]
    fewer = compile_script(script, pads)
    build(fewer, serial=2)
    pack = check_whole(path)
    named = {stem.sha256.hex() for stem in pack.manifest.stems} | {pack.manifest.score_sha256.hex()}
    assert {item.name for item in (path / "blobs").iterdir()} == named
    assert len(pack.manifest.stems) == 3


class PowerCut(BaseException):
    """Nothing handles it, as nothing handles a cut."""


def test_a_cut_at_any_step_leaves_the_old_pack_or_the_new_one_whole(
    build: Build, vault: Vault, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build().path
    fewer = compile_script(script, [stem for stem in vault.stems() if stem.title != "Haze 0"])
    seen = set()
    for cut_at in range(200):
        steps = 0
        real = {name: getattr(os, name) for name in ("replace", "unlink", "fchmod", "fsync")}

        def stepping(name: str) -> Callable[..., object]:
            def step(*arguments: object, **options: object) -> object:
                nonlocal steps
                if steps == cut_at:  # noqa: B023 - called before the loop goes on
                    raise PowerCut
                steps += 1
                return real[name](*arguments, **options)  # noqa: B023

            return step

        with monkeypatch.context() as patch:
            for name in real:
                patch.setattr(os, name, stepping(name))
            try:
                build(fewer, serial=2 + cut_at)
            except PowerCut:
                seen.add(check_whole(path).manifest.serial)
                continue
        assert check_whole(path).manifest.serial == 2 + cut_at
        assert cut_at > 6 and len(seen) > 2
        return
    raise AssertionError("never came to the end")


def test_a_full_disk_is_one_sentence(build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(errors.PackStorageFailed, match="No space left"):
        build()
    assert not (tmp_path / "pack").exists()


def test_a_build_that_is_refused_leaves_the_folder_as_it_was(build: Build, vault: Vault, script: str) -> None:
    path = build().path
    before = contents(path)
    other = compile_script(script.replace("tempo 84", "tempo 83"), vault.stems())
    with pytest.raises(errors.SerialNotNewer):
        build(other, serial=0)
    assert contents(path) == before


def test_without_a_stretcher_no_half_pack_is_left(
    build: Build, vault: Vault, script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "python_stretch", None)
    with pytest.raises(errors.ConformingUnavailable):
        build(compile_script(script.replace("tempo 84", "tempo 83"), vault.stems()))
    assert not (tmp_path / "pack").exists()


def test_a_file_where_the_folder_should_be_is_refused(build: Build, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.PackStorageFailed):
        build(out=tmp_path / "file")
    with pytest.raises(errors.PackStorageFailed):
        PackWriter(tmp_path / "file" / "below")


def test_another_rate_is_resampled(build: Build, vault: Vault, script: str) -> None:
    at_48000 = compile_script(script.replace("clock 44100", "clock 48000"), vault.stems())
    pack = check_whole(build(at_48000).path)
    assert pack.manifest.rate_hz == 48_000
    for record, stem in zip(pack.manifest.stems, at_48000.stems, strict=True):
        assert abs(record.frames - stem.frames * 48_000 / 44_100) <= 1
        samples = np.asarray(pack.stem(pack.manifest.stems.index(record)).samples).reshape(-1, record.channels)
        power = np.abs(np.fft.rfft(samples[:, 0].astype(float)))
        original = np.abs(np.fft.rfft(vault.audio(stem)[:, 0].astype(float)))
        assert abs(np.argmax(power) * 48_000 / len(samples) - np.argmax(original) * 44_100 / stem.frames) < 2


def test_the_catalogue_names_every_payee_and_no_one_who_never_agreed(
    build: Build, vault: Vault, compiled: Compiled
) -> None:
    signed = (build(serial=7).path / "catalogue.cose").read_bytes()
    assert signed == export_catalogue(vault, SEED, 7)
    catalogue = open_catalogue(signed, PUBLISHER, verify)
    assert catalogue.serial == 7
    works = {work.stem_id: work for work in catalogue.works}
    assert set(works) == {stem.stem_id for stem in vault.stems() if stem.opt_in}
    for stem in compiled.stems:
        work = works[stem.stem_id]
        assert (work.title, work.artist, work.isrc) == (stem.title, stem.artist, stem.isrc)
        assert [(share.payee, share.ppm) for share in work.splits] == [(one.payee, one.ppm) for one in stem.splits]
    stem = compiled.stems[0]
    vault.import_samples(vault.audio(stem), replace(facts_of(stem), opt_in=False))
    later = open_catalogue(export_catalogue(vault, SEED, 8), PUBLISHER, verify)
    assert stem.stem_id in {work.stem_id for work in later.works}
    with pytest.raises(SignatureError):
        open_catalogue(signed, public_key(bytes(32)), verify)
