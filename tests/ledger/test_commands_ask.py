"""Commands that sign or append, in a folder that was put back: each asks the broker that was served, and refuses."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from delegating import STEM, delegation
from typer.testing import CliRunner

from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_ledger import outside
from amos_ledger.folder import Folder
from amos_ledger.served_broker import remember
from amos_mqtt.broker import Broker
from amos_tools.cli import app as amos
from amos_tools.demo.broker import free_port
from amos_tools.device.deliver import DeliveryError, into_folder

MONEY = ("--amount", "1", "--currency", "EUR", "--reason", "why", "--ledger", "DIR")
SIGNED = ("--reason", "why", "--operator-key-file", "KEY")
DEVICE = bytes(16).hex()
COMMANDS = [
    ("ledger", "enrol", "DIR", "FILE"),
    ("ledger", "revoke", "DIR", "FILE"),
    ("ledger", "publish", "DIR", "PACK"),
    ("ledger", "optouts", "DIR", "OPTOUTS"),
    ("ledger", "delegation", "DIR", "DELEGATION"),
    ("ledger", "withdraw", "DIR", "STEM", "--payee", "ada"),
    ("ledger", "lost", "DIR", "FILE"),
    ("ledger", "forgo", "DIR", "FILE"),
    ("ledger", "rotate-operator", "DIR", "FILE"),
    ("ledger", "rotate-key", "DIR"),
    ("ledger", "quarantine", "lift", "DIR", DEVICE, *SIGNED),
    ("ledger", "quarantine", "reject", "DIR", DEVICE, "00112233", *SIGNED),
    ("pool", "add-income", "--period", "2026-11", *MONEY),
    ("pool", "correct", "--to", "ada", *MONEY),
    ("pool", "refund", "--from", "ada", *MONEY),
    ("pool", "hold", "ada", *MONEY),
    ("pool", "release", "ada", *MONEY),
    ("pool", "pay", "ada", *MONEY),
    ("pool", "open", "hotels", "--ledger", "DIR", *SIGNED),
    ("pool", "move", "harbour", "--to", "communal", "--ledger", "DIR", *SIGNED),
    ("pool", "settle", "--period", "2026-10", "--income", "1", "--currency", "EUR", "--ledger", "DIR"),
]


@pytest.fixture
def kind() -> str:
    """Whom a command asks, the store does not see: one database is enough."""
    return "sqlite"


@pytest.fixture
def given(world: Any, tmp_path: Path) -> dict[str, str]:
    """Files of no use beyond being read, but for an opt-out list, which is looked at first; and the words for them."""
    paths = {name: tmp_path / name.lower() for name in ("FILE", "KEY", "PACK", "OPTOUTS", "DELEGATION")}
    paths["FILE"].write_bytes(b"none")
    paths["KEY"].write_bytes(bytes(32))
    os.chmod(paths["KEY"], 0o600)
    paths["PACK"].mkdir()
    for name in ("manifest.cose", "catalogue.cose"):
        (paths["PACK"] / name).write_bytes(b"none")
    listed = list_opt_outs(1, 5, [bytes(16)])
    paths["OPTOUTS"].write_bytes(sign_opt_outs(listed, world.publisher.id, world.publisher.sign))
    paths["DELEGATION"].write_bytes(delegation(world))
    stem = {"STEM": STEM[0].hex()}
    return {name: str(path) for name, path in paths.items()} | stem | {"DIR": str(world.path)}


def run(given: dict[str, str], words: tuple[str, ...], *more: str) -> Any:
    return CliRunner().invoke(amos, [given.get(word, word) for word in (*words, *more)])


def test_each_refuses_in_a_folder_that_was_put_back(
    world: Any, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = world.device()
    world.ledger.close()
    remember(world.folder, Broker("127.0.0.1", 1))
    copy = shutil.copytree(world.path, world.path.parent / "copy")
    world.restart()
    world.take(device, device.seal())
    world.ledger.close()
    retained = (world.folder.public / "checkpoint").read_bytes()
    monkeypatch.setattr(outside, "_retained", lambda broker: [retained])
    shutil.rmtree(world.path)
    shutil.copytree(copy, world.path)
    folder = Folder(world.path)
    with folder.open_store() as store:
        size = store.size()
    for words in COMMANDS:
        shutil.rmtree(folder.ahead, ignore_errors=True)
        done = run(given, words)
        refusal = "ForgoneRefused" if "forgo" in words else "RolledBack"
        assert done.exit_code == 1 and refusal in done.output, (words, done.output)
        assert list(folder.ahead.iterdir()), words
    shutil.rmtree(folder.ahead)
    with pytest.raises(DeliveryError, match="signed a tree of"):
        into_folder(world.path, b"none")
    with folder.open_store() as store:
        assert store.size() == size
    assert not list(world.path.glob("ledger-*.key"))


def test_a_broker_that_is_away_stops_them_unless_nobody_is_to_be_asked(
    world: Any, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ledger.close()
    add_income = next(words for words in COMMANDS if "add-income" in words)
    assert run(given, add_income, "--reference", "one").exit_code == 0, "this ledger never served anybody"
    monkeypatch.setattr(outside, "REACH_S", 0.5)
    remember(world.folder, Broker("127.0.0.1", free_port()))
    for words in (add_income, ("ledger", "rotate-key", "DIR")):
        done = run(given, words)
        assert done.exit_code == 3 and "--unasked" in done.output, (words, done.output)
        done = run(given, words, "--unasked")
        assert done.exit_code == 0, (words, done.output)
