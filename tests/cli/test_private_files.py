"""What vault, ledger, courier and provisioning keep is their owner's alone, whatever the umask."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from other_user import others_read

from amos import crypto
from amos_ledger.folder import init_folder
from amos_sync.spool import Spool
from amos_tools.device.prepare import prepare
from amos_tools.vault import Vault, parse_facts


@pytest.fixture(params=[0, 0o022])
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that everybody may enter, under this umask."""
    before = os.umask(request.param)
    try:
        with tempfile.TemporaryDirectory() as name:
            Path(name).chmod(0o755)
            yield Path(name)
    finally:
        os.umask(before)


def modes(paths: Iterator[Path]) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in paths}


def assert_private(folder: Path, names: set[str]) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert names <= {path.name for path in files}
    assert others_read(files) == []
    assert modes(iter(files)) == {0o600}


def test_a_vault_is_its_owners(folder: Path) -> None:
    with Vault.init(folder / "vault", rate_hz=44100) as vault:
        told = {"title": "stem", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
        vault.import_samples(np.ones((44100, 1), "int16"), parse_facts("noise", told))
        assert_private(folder / "vault", {"vault.sqlite", "vault.sqlite-wal"})
    assert modes(path for path in folder.rglob("*") if path.is_dir()) == {0o700}


def test_a_ledger_is_its_owners_and_others_pass_through_to_what_it_publishes(folder: Path) -> None:
    ledger = init_folder(
        folder / "ledger", "example.org/log", crypto.public_key(bytes(32)), crypto.public_key(b"p" * 32)
    )
    with ledger.publishing(), ledger.open_store():
        assert_private(folder / "ledger", {"ledger.sqlite", "ledger.sqlite-wal", "ledger.key", "trust.json"})
    assert modes(iter([folder / "ledger"])) == {0o711}


def test_a_spool_is_its_owners(folder: Path) -> None:
    spool = Spool(folder / "spool")
    assert_private(folder / "spool", {"spool.sqlite", "spool.sqlite-wal"})
    spool.close()
    assert modes(iter([folder / "spool"])) == {0o700}


def test_a_prepared_player_is_its_owners(folder: Path) -> None:
    prepare(folder / "player", {"publisher_key": "00" * 32, "ledger_key": "00" * 32, "out": "wav:x.wav"})
    assert_private(folder, {"player.json"})
    assert modes(iter([folder / "player"])) == {0o700}
