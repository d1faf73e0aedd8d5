"""The vault as a whole: what is stored, when it is durable, and what a crash leaves."""

import hashlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from amos_tools.stems import Split
from amos_tools.vault import StatedFacts, Vault, errors
from amos_tools.vault.audio import Int16Frames
from amos_tools.vault.blobs import Blobs


def noise(seed: int, frames: int = 2000) -> Int16Frames:
    """Stereo int16 that differs with `seed`."""
    return np.random.RandomState(seed).randint(-9000, 9000, (frames, 2)).astype(np.int16)


def test_a_stem_s_facts_blob_and_audio(vault: Vault, facts: StatedFacts) -> None:
    stem = vault.import_samples(noise(1), facts)
    assert vault.stems() == [stem]
    blob = vault.blob_path(stem.sha256)
    assert blob.relative_to(vault.path) == Path("blobs") / stem.sha256.hex()[:2] / stem.sha256.hex()
    assert hashlib.sha256(blob.read_bytes()).digest() == stem.sha256
    assert stem.stem_id == stem.sha256[:16]
    assert (stem.rate_hz, stem.frames, stem.channels) == (44_100, 2000, 2)
    assert (stem.title, stem.splits, stem.isrc) == (facts.title, facts.splits, facts.isrc)
    assert np.array_equal(vault.audio(stem), noise(1))


def test_importing_again_updates_the_facts_and_nothing_else(vault: Vault, facts: StatedFacts) -> None:
    vault.import_samples(noise(1), facts)
    changed = replace(facts, title="Haven", splits=(Split("ilse-maren", 1_000_000),), opt_in=False)
    again = vault.import_samples(noise(1), changed)
    assert vault.stems() == [again]
    assert (again.title, again.splits, again.opt_in) == ("Haven", changed.splits, False)


def test_stems_come_in_one_order_however_they_were_imported(tmp_path: Path, facts: StatedFacts) -> None:
    orders = ([1, 2, 3, 4, 5], [4, 1, 5, 3, 2])
    seen = []
    for at, order in enumerate(orders):
        with Vault.init(tmp_path / str(at)) as vault:
            for seed in order:
                vault.import_samples(noise(seed), facts)
            seen.append(vault.stems())
    assert seen[0] == seen[1]


def test_a_vault_is_found_again(tmp_path: Path, facts: StatedFacts) -> None:
    with Vault.init(tmp_path / "v", 48_000) as vault:
        stem = vault.import_samples(noise(1), facts)
    with Vault(tmp_path / "v") as vault:
        assert vault.rate_hz == 48_000
        assert vault.stems() == [stem]


def test_who_was_ever_opted_in_stays_published(vault: Vault, facts: StatedFacts) -> None:
    stem = vault.import_samples(noise(1), facts)
    vault.import_samples(noise(2), replace(facts, opt_in=False))
    assert [published.stem_id for published in vault.published_stems()] == [stem.stem_id]
    vault.import_samples(noise(1), replace(facts, opt_in=False))
    assert [(one.stem_id, one.opt_in) for one in vault.published_stems()] == [(stem.stem_id, False)]


def test_the_blob_is_there_before_its_row(vault: Vault, facts: StatedFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(self: Blobs, target: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Blobs, "_write", cut)
        with pytest.raises(errors.StorageFailed):
            vault.import_samples(noise(1), facts)
    assert vault.stems() == []


def test_a_crash_between_blob_and_row_leaves_a_vault_that_imports_it_again(
    tmp_path: Path, facts: StatedFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Vault.init(tmp_path / "v") as vault, monkeypatch.context() as patch:
        patch.setattr("amos_tools.vault.catalogue.Catalogue.put", lambda self, stems: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            vault.import_samples(noise(1), facts)
    with Vault(tmp_path / "v") as vault:
        assert vault.stems() == []
        stem = vault.import_samples(noise(1), facts)
        assert vault.stems() == [stem]


def test_a_commit_is_all_or_nothing(vault: Vault, facts: StatedFacts) -> None:
    good = vault.import_samples(noise(1), facts)
    with pytest.raises(errors.CatalogueDamaged):
        vault._catalogue.put([replace(good, title="Changed"), replace(good, stem_id=b"short")])
    assert vault.stems() == [good]


def test_the_catalogue_syncs_every_commit(vault: Vault) -> None:
    connection = vault._catalogue._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_rotten_blob_is_noticed_and_mended(vault: Vault, facts: StatedFacts) -> None:
    stem = vault.import_samples(noise(1), facts)
    path = vault.blob_path(stem.sha256)
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(errors.BlobDamaged):
        vault.audio(stem)
    vault.import_samples(noise(1), facts)
    assert np.array_equal(vault.audio(stem), noise(1))
    path.unlink()
    with pytest.raises(errors.BlobDamaged):
        vault.audio(stem)


def test_what_is_no_vault_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(errors.NotAVault):
        Vault(tmp_path)
    Vault.init(tmp_path / "v").close()
    with pytest.raises(errors.VaultExists):
        Vault.init(tmp_path / "v")
    with pytest.raises(errors.BadSampleRate):
        Vault.init(tmp_path / "w", 12_345)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.StorageFailed):
        Vault.init(tmp_path / "file" / "v")
    for content in (b"", b"not a database, but long enough to be one" * 100):
        folder = tmp_path / str(len(content))
        folder.mkdir()
        (folder / "vault.sqlite").write_bytes(content)
        with pytest.raises((errors.NotAVault, errors.CatalogueDamaged)):
            Vault(folder)
    with sqlite3.connect(tmp_path / "v" / "vault.sqlite") as connection:
        connection.execute("UPDATE vault SET schema_version = 99")
    with pytest.raises(errors.NotAVault, match="99"):
        Vault(tmp_path / "v")


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((10, 3), dtype=np.int16),
        np.zeros((0, 1), dtype=np.int16),
        np.zeros(10, dtype=np.int16),
        np.zeros((10, 2), dtype=np.float32),
    ],
)
def test_samples_of_another_shape_are_refused(vault: Vault, facts: StatedFacts, samples: Int16Frames) -> None:
    with pytest.raises(errors.UnreadableAudio):
        vault.import_samples(samples, facts)


def test_facts_that_did_not_come_through_the_parser_are_checked_too(vault: Vault, facts: StatedFacts) -> None:
    with pytest.raises(errors.SplitsDoNotSum):
        vault.import_samples(noise(1), replace(facts, splits=(Split("ada", 1),)))


def test_the_same_audio_with_two_stories_is_refused(vault: Vault, facts: StatedFacts, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        soundfile.write(tmp_path / name, noise(1), 44_100)
    other = replace(facts, artist="Somebody Else")
    report = vault.import_files([(tmp_path / "a.wav", facts), (tmp_path / "b.wav", other), (tmp_path / "c.wav", facts)])
    assert [(type(error), Path(error.file or "").name) for error in report.refused] == [
        (errors.ConflictingFacts, "b.wav")
    ]
    assert [stem.artist for stem in vault.stems()] == [facts.artist]
