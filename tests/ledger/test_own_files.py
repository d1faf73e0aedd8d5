"""What stands in the files of a ledger's folder may be anything: each command says so in a sentence."""

import json
from typing import Any

import pytest
from databases import only_sqlite
from typer.testing import CliRunner

from amos_tools.cli import app

pytestmark = only_sqlite

SPOILT = {
    "nested": b"[" * 4000,
    "endless": b'{"version": 1, "host": "h", "port": 1e999, "levels": [5], "witness": Infinity, "alerts": [{"key": "k",'
    b' "sentence": "s", "since_unix_s": 1e999, "told": [], "snoozed_until_unix_s": 0, "over": false}]}',
    "long": b'"' + b"x" * (64 << 20) + b'"',
}
READERS = {
    "trust.json": ("ledger", "status"),
    "broker.json": ("ledger", "quarantine", "lift"),
    "watch.json": ("ledger", "alerts"),
    "venues.json": ("pool", "venues", "--ledger"),
}


def refusal(*words: object) -> str:
    """What the command says; it ends by itself."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(result.exception, SystemExit) and result.exit_code in (1, 2), repr(result.exception)
    return result.output.strip()


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("name", READERS)
def test_a_spoilt_file_is_named(world: Any, name: str, spoilt: str) -> None:
    (world.path / name).write_bytes(SPOILT[spoilt])
    more = ("00" * 16, "--reason", "r", "--operator-key-file", world.path / "ledger.key")
    said = refusal(*READERS[name], world.path, *(more if name == "broker.json" else ()))
    assert f"{world.path / name}: expected " in said


def test_what_witnesses_signed_last_is_asked_for_where_the_file_is_spoilt(world: Any) -> None:
    policy = world.path / "policy"
    policy.write_text("quorum none\n")
    for data in SPOILT.values():
        (world.path / "witnesses.json").write_bytes(data)
        result = CliRunner().invoke(app, ["ledger", "cosign", str(world.path), "--policy", str(policy)])
        assert result.exit_code == 0, result.output
        assert json.loads((world.path / "witnesses.json").read_bytes()) == {}


@pytest.mark.parametrize("audit", ["a\0b", "\ud800", "file://[x", "sftp://[::1", "a\nb"])
def test_an_audit_folder_that_is_no_name_is_refused(world: Any, audit: str) -> None:
    trust = json.loads((world.path / "trust.json").read_bytes())
    (world.path / "trust.json").write_text(json.dumps(trust | {"audit": audit}))
    for command in ("status", "fsck"):
        assert refusal("ledger", command, world.path).startswith("AuditUnusable: audit: expected a folder of its own")
