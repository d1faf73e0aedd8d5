"""A vault that an older amos made is opened as it is, and takes what it had no place for."""

import gzip
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from amos_tools.stems import NO_CREDITS, Split
from amos_tools.vault import Vault
from amos_tools.vault.blobs import Blobs
from amos_tools.vault.catalogue import SCHEMA_VERSION

KEPT = Path(__file__).parent / "kept" / "schema-1.sqlite.gz"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The vault's folder, as amos 0.1.0 left it; its blobs are left out."""
    Blobs(tmp_path / "vault").create()
    (tmp_path / "vault" / "vault.sqlite").write_bytes(gzip.decompress(KEPT.read_bytes()))
    return tmp_path / "vault"


def version(folder: Path) -> int:
    with sqlite3.connect(folder / "vault.sqlite") as connection:
        found: int = connection.execute("SELECT schema_version FROM vault").fetchone()[0]
    connection.close()
    return found


def test_its_stems_are_as_they_were_and_their_credits_unstated(kept: Path) -> None:
    assert version(kept) == 1
    with Vault(kept) as vault:
        stems = {stem.title: stem for stem in vault.stems()}
        assert vault.rate_hz == 44_100
        assert [stem.title for stem in vault.published_stems()] == ["Harbour"]
    harbour, tide = stems["Harbour"], stems["Tide"]
    assert (harbour.artist, harbour.role, harbour.key, harbour.isrc) == (
        "Ilse Maren",
        "pads",
        "D minor",
        "GBABC2400001",
    )
    assert harbour.splits == (Split("ilse-maren", 700_000), Split("kite-publishing", 300_000))
    assert (tide.opt_in, tide.isrc, tide.frames, tide.channels) == (False, None, 150, 2)
    assert harbour.credits == tide.credits == NO_CREDITS
    assert version(kept) == SCHEMA_VERSION == 4


def test_it_takes_credits(kept: Path) -> None:
    with Vault(kept) as vault:
        [harbour] = [stem for stem in vault.stems() if stem.title == "Harbour"]
        [edited] = vault.edit([harbour], {"composers": "Ada North=141073380", "training": "no"})
    with Vault(kept) as vault:
        assert edited in vault.stems()


def test_two_that_open_it_at_once_bring_it_to_the_present_schema_once(kept: Path) -> None:
    def titles(_number: int) -> list[str]:
        with Vault(kept) as vault:
            return sorted(stem.title for stem in vault.stems())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(titles, range(4))) == [["Harbour", "Tide"]] * 4
    assert version(kept) == SCHEMA_VERSION


def test_a_migration_that_fails_leaves_the_vault_as_it_was(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = {1: "ALTER TABLE stem ADD COLUMN iswc TEXT; nonsense"}
    monkeypatch.setattr("amos_tools.vault.catalogue._MIGRATIONS", half)
    with pytest.raises(Exception, match="syntax error"):
        Vault(kept)
    monkeypatch.undo()
    with Vault(kept) as vault:
        assert len(vault.stems()) == 2


def test_one_of_schema_2_keeps_its_credits_and_takes_tags(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    Blobs(folder).create()
    (folder / "vault.sqlite").write_bytes(gzip.decompress(KEPT.with_name("schema-2.sqlite.gz").read_bytes()))
    assert version(folder) == 2
    with Vault(folder) as vault:
        (stem,) = vault.stems()
        assert (stem.title, stem.credits.label, stem.credits.training) == ("Harbour", "Harbour Records", False)
        assert stem.tags == ()
        vault.edit([stem], {"mood": "dusk"})
    with Vault(folder) as vault:
        assert [stem.tags for stem in vault.stems()] == [(("mood", "dusk"),)]
    assert version(folder) == SCHEMA_VERSION


def test_one_of_schema_3_keeps_its_tags_and_takes_vocals(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    Blobs(folder).create()
    (folder / "vault.sqlite").write_bytes(gzip.decompress(KEPT.with_name("schema-3.sqlite.gz").read_bytes()))
    assert version(folder) == 3
    with Vault(folder) as vault:
        (stem,) = vault.stems()
        assert (stem.title, stem.role, stem.credits.label) == ("Harbour", "melody", "Harbour Records")
        assert stem.tags == (("mood", "dusk"),) and len(stem.splits) == 2
        vault.edit([stem], {"role": "vocals"})
    # One that knows no vocals refuses the file by its version, not by the row.
    assert version(folder) == SCHEMA_VERSION
    with Vault(folder) as vault:
        assert [stem.role for stem in vault.stems()] == ["vocals"]
