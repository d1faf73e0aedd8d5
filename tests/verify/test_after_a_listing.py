"""A ledger whose earlier closings list leaves goes on with meter readings; balances begin with what those gave."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from settled_world import Player, World
from statement_bytes import statement_bytes

from amos.crypto import verify
from amos.protocol.answer import ACCEPTED
from amos.protocol.manifest import open_manifest
from amos_ledger.audit import follow_now
from amos_ledger.folder import Folder
from amos_ledger.registry import enrol
from amos_ledger.settle_period import settle_period
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published

KEPT = Path(__file__).parents[1] / "ledger" / "kept"


def reopened(kept: Path, target: Path) -> World:
    """The kept ledger, with one player more."""
    shutil.unpack_archive(kept, target)
    world = object.__new__(World)
    world.path = target / "ledger"
    world.folder = Folder(world.path)
    world.players = [Player(b"K" * 32, "late-one", 44_100)]
    with world.folder.open_store() as store:
        enrol(world.folder, store, world.players[0].enrolment())
    return world


def pack_of(world: World, rate_hz: int) -> bytes:
    """The pack that the ledger has at this rate."""
    for path in sorted((world.folder.public / "manifests").iterdir()):
        data = path.read_bytes()
        if open_manifest(data, world.folder.trust.publisher_key, verify).rate_hz == rate_hz:
            return hashlib.sha256(data).digest()
    raise AssertionError(f"no pack of {rate_hz} Hz")


@pytest.mark.parametrize("schema", [2, 3, 4, 5])
def test_a_month_of_readings_after_a_month_of_lists(tmp_path: Path, dates: Any, schema: int) -> None:
    world = reopened(KEPT / f"schema_{schema}.tar.gz", tmp_path)
    pack = pack_of(world, 44_100)
    for rows, played in (([(0, 90), (1, 41)], dates(2026, 12, 3)), ([(0, 7)], dates(2026, 11, 3))):
        segment = world.players[0].play(rows, played, pack=pack)
        assert world.send(0, segment, dates(2026, 12, 4)) == [ACCEPTED]
    settle_period(world.folder, "2026-12", 500, "EUR")
    with world.folder.open_store() as store:
        follow_now(world.folder, store)
    trust = world.folder.trust
    keys = Keys(world.folder.public_key, trust.publisher_key, trust.operator_key, trust.origin)
    audit = Audit(Published(world.path / trust.audit), keys)
    before = {
        path.name.split(".")[0]: statement_bytes(path)
        for path in (world.folder.public / "statements/2026-11").iterdir()
    }
    listed = {payee: audit.check(data).amount_micro for payee, data in before.items()}
    statements = sorted((world.folder.public / "statements/2026-12-EUR").iterdir())
    total = 0
    for path in statements:
        data = statement_bytes(path)
        check_statement(data, keys.ledger, keys.origin)
        total += audit.check(data).amount_micro
        balance = json.loads(data)["core"]["balance"]["payable"]
        assert balance["opening_micro"] == listed.get(path.name.split(".")[0], 0)
    assert total == 500 and len(statements) >= 2
