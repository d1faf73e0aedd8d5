"""Files that amos 0.1.0 made still open, with what is in them; those of a version to come are refused by name.

`kept_0_1_0` holds a ledger with two accepted segments and a held one, a courier's spool with a segment in each of three
states, and a vault with one stem. They are never made anew: what users have cannot be either. "Formats and their
versions" in `daemon/DESIGN.md` says what to do when a format changes.
"""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from amos_sync.errors import SpoolError
from amos_sync.outbox import State
from amos_sync.spool import Spool
from amos_tools import cli
from amos_tools.vault import Vault
from amos_tools.vault.errors import NotAVault

KEPT = Path(__file__).parent / "kept_0_1_0"
PLAYER = "2a572a6bd9a6e2c1e17afb65c10f96f7"
DEVICE = b"a" * 16


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of the kept files; private keys are readable for their owner alone, which git does not keep."""
    shutil.copytree(KEPT, tmp_path / "kept")
    (tmp_path / "kept" / "ledger" / "ledger.key").chmod(0o600)
    return tmp_path / "kept"


def amos(*words: object) -> Any:
    return CliRunner().invoke(cli.app, [str(word) for word in words], env={"COLUMNS": "200"})


def change(database: Path, sql: str) -> None:
    connection = sqlite3.connect(database)
    with connection:
        connection.execute(sql)
    connection.close()


def test_a_ledger_of_0_1_0_opens(kept: Path) -> None:
    done = amos("ledger", "status", kept / "ledger")
    assert done.exit_code == 0, done.output
    assert "player-1" in done.output
    assert "5,303,401" in done.output or "5303401" in done.output


def test_a_ledger_of_a_version_to_come_is_refused_by_name(kept: Path) -> None:
    change(kept / "ledger" / "ledger.sqlite", "UPDATE ledger SET schema_version = 99")
    done = amos("ledger", "status", kept / "ledger")
    assert done.exit_code != 0
    assert "schema version" in done.output
    assert "99" in done.output


def test_a_spool_of_0_1_0_opens(kept: Path) -> None:
    spool = Spool(kept / "spool")
    try:
        assert spool.client_id == "amos-faa725340d184c49"
        assert [(slot.sequence, slot.state) for slot in spool.slots()] == [(2, State.SENT), (3, State.PULLED)]
        held = spool.held(DEVICE, 1, 3)
        assert held[1][0].state == State.RETURNED
        assert spool.payload(held[2][0].id) == b"\x00segment" + (2).to_bytes(8, "big")
    finally:
        spool.close()


def test_a_spool_of_a_version_to_come_is_refused_by_name(kept: Path) -> None:
    change(kept / "spool" / "spool.sqlite", "PRAGMA user_version = 99")
    with pytest.raises(SpoolError, match=r"schema version .*99"):
        Spool(kept / "spool")


def test_a_vault_of_0_1_0_opens(kept: Path) -> None:
    with Vault(kept / "vault") as vault:
        (stem,) = vault.stems()
        assert (stem.title, stem.artist, stem.opt_in, vault.rate_hz) == ("Harbour", "Ilse Maren", True, 22050)
        assert [(split.payee, split.ppm) for split in stem.splits] == [
            ("ilse-maren", 700000),
            ("kite-publishing", 300000),
        ]
        assert vault.audio(stem).shape == (11025, 1)


def test_a_vault_of_a_version_to_come_is_refused_by_name_and_says_what_to_do(kept: Path) -> None:
    change(kept / "vault" / "vault.sqlite", "UPDATE vault SET schema_version = 99")
    with pytest.raises(NotAVault, match=r"schema version.*99.*newer amos"):
        Vault(kept / "vault")
