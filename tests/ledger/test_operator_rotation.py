"""The operator's key gives way to another by an entry of the log: who counts from there on, and who does not."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from audited import audited
from every_kind import NOON, rotate_operator
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos.crypto import sign
from amos.protocol import answer
from amos.protocol.errors import ProtocolError
from amos.protocol.loss import Loss, sign_loss
from amos.protocol.revocation import Revocation, sign_revocation
from amos.protocol.rotation import LEDGER, OPERATOR, Rotation, sign_rotation
from amos_ledger import recovery, registry, rotating
from amos_ledger.errors import (
    EnrolmentRefused,
    KeyUnusable,
    LossRefused,
    NotRebuilt,
    RevocationRefused,
    RotationRefused,
    RulingRefused,
)
from amos_ledger.folder import Folder
from amos_ledger.forgoing import forgo
from amos_ledger.losing import declare_loss
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.rulings import rule, ruling_on
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_tools.cli import app
from amos_tools.device.rotate_operator import signed_rotation
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published

ORIGIN = "ledger.example/amos"


def rotate(world: Any, data: bytes) -> bool:
    with world.folder.open_store() as store:
        _rotation, fresh = rotating.rotate_operator(world.folder, store, data)
        registry.publish(world.folder, store)
    return fresh


def key(world: Any, number: int) -> Any:
    return type(world.operator)(number)


def signed(old: Any, new: Any, number: int = 1, origin: str = ORIGIN) -> bytes:
    return signed_rotation(OPERATOR, origin, number, old.seed, new.seed, NOON)


def size(world: Any) -> int:
    return int(world.totals().log_size)


def test_from_that_entry_on_only_the_new_key_counts(world: Any) -> None:
    old, new = world.operator, key(world, 50)
    before = world.device(1)
    in_force = before.enrolment(old)
    assert rotate(world, signed(old, new)) is True
    late = world.device(2, enrolled=False)
    with world.folder.open_store() as store:
        with pytest.raises(EnrolmentRefused, match=r"which is in force, found one by .* of the same line"):
            registry.enrol(world.folder, store, late.enrolment(old))
        assert registry.enrol(world.folder, store, in_force)[1] is False, "what stands before it goes on standing"
        assert registry.enrol(world.folder, store, late.enrolment(new))[1] is True
    assert [found.verdict for found in world.take(before, before.seal())] == [answer.ACCEPTED]
    assert [found.verdict for found in world.take(late, late.seal())] == [answer.ACCEPTED]


def test_every_word_of_the_operator_is_by_the_key_in_force(world: Any) -> None:
    old, new = world.operator, key(world, 50)
    device, forked = world.device(1), world.device(2)
    twin = type(forked)(2, world.pack.id)
    world.take(forked, forked.seal(), twin.seal([(0, 0, 9)]))
    hole = Loss(version=1, device_id=device.key.id, first=90, last=99, unix_s=1)
    gone = Revocation(version=1, device_id=device.key.id, unix_s=NOON + 60)
    rotate(world, signed(old, new))
    before = size(world)
    with pytest.raises(LossRefused, match="of the same line"):
        declare_loss(world.folder, sign_loss(hole, old.id, old.sign))
    with world.folder.open_store() as store:
        with pytest.raises(RevocationRefused, match="of the same line"):
            registry.revoke(world.folder, store, sign_revocation(gone, old.id, old.sign))
        by_old = ruling_on(store, forked.key.id, None, "x", old.seed, lambda: NOON)
        with pytest.raises(RulingRefused, match="of the same line"):
            rule(world.folder, store, by_old)
    assert size(world) == before
    assert declare_loss(world.folder, sign_loss(hole, new.id, new.sign))[2] is True
    with world.folder.open_store() as store:
        assert registry.revoke(world.folder, store, sign_revocation(gone, new.id, new.sign))[1] is True
        assert rule(world.folder, store, ruling_on(store, forked.key.id, None, "x", new.seed, lambda: NOON)).leaf_index


def test_words_that_are_in_the_log_are_no_error_when_they_come_again(world: Any) -> None:
    old, new = world.operator, key(world, 50)
    device = world.device(1)
    hole = sign_loss(Loss(version=1, device_id=device.key.id, first=90, last=99, unix_s=1), old.id, old.sign)
    said = Revocation(version=1, device_id=device.key.id, unix_s=NOON)
    gone = sign_revocation(said, old.id, old.sign)
    declare_loss(world.folder, hole)
    with world.folder.open_store() as store:
        registry.revoke(world.folder, store, gone)
    first = signed(old, new)
    assert (rotate(world, first), rotate(world, first)) == (True, False)
    before = size(world)
    assert declare_loss(world.folder, hole)[2] is False
    with world.folder.open_store() as store:
        assert registry.revoke(world.folder, store, gone)[1] is False
    assert size(world) == before


def test_a_stolen_old_key_appoints_nobody(world: Any) -> None:
    old, new, thief = world.operator, key(world, 50), key(world, 66)
    rotate(world, signed(old, new))
    before = size(world)
    for data, said in (
        (signed(old, thief), "of the same line"),
        (signed(old, thief, 2), "of the same line"),
        (signed(thief, old, 2), "signature"),
        (signed(new, old, 2), "never in force"),
        (signed(new, thief, 1), "number: expected 2, found 1"),
        (signed(new, thief, 3), "number: expected 2, found 3"),
        (signed(new, thief, 2, "other.example/log"), f"origin: expected {ORIGIN}"),
        (world.device(1, enrolled=False).enrolment(new), "typ: expected amos-rotation"),
        (b"", "rotation:"),
    ):
        with pytest.raises(RotationRefused, match=said):
            rotate(world, data)
    assert size(world) == before
    assert rotate(world, signed(new, key(world, 51), 2)) is True


def test_the_ledgers_rotation_is_none_of_the_operators(world: Any) -> None:
    new = key(world, 50)
    facts = {"version": 1, "role": LEDGER, "origin": ORIGIN, "number": 1, "unix_s": NOON, "until_unix_s": NOON}
    facts |= {"old_key": world.operator.public, "new_key": new.public}
    proof = new.sign(Rotation(possession=bytes(64), **facts).possession_message())
    with pytest.raises(RotationRefused, match="role: expected 1"):
        rotate(world, sign_rotation(Rotation(possession=proof, **facts), world.operator.sign))


def test_an_older_trust_file_brings_no_old_key_back(world: Any) -> None:
    old, new = world.operator, key(world, 50)
    trust = world.path / "trust.json"
    kept = trust.read_bytes()
    rotate(world, signed(old, new))
    assert trust.read_bytes() == kept, "it keeps the key with which the log began"
    folder = Folder(world.path)
    with folder.open_store() as store:
        assert folder.operator_line(store).present == new.public
    trust.write_text(json.dumps(json.loads(kept) | {"operator": new.public.hex()}))
    folder = Folder(world.path)
    with folder.open_store() as store, pytest.raises(KeyUnusable, match=old.public.hex()):
        folder.operator_line(store)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_it_is_replayed_rebuilt_and_recovered(world: Any, tmp_path: Path) -> None:
    device = world.device(1)
    world.take(device, device.seal())
    rotate_operator(world)
    second = world.device(2)
    world.take(second, second.seal())
    settle_period(world.folder, "2026-11", 10**9, "EUR")
    world.ledger.close()
    assert scrub(world.folder) == []
    rebuild_folder(world.folder, NOON * 1000)
    assert scrub(world.folder) == []
    mirror = shutil.copytree(audited(world.folder), tmp_path / "mirror")
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("ledger.key", "trust.json"):
        shutil.copy(world.path / name, bare / name)
    recovery.recover(Folder(bare, recovered=True), [str(mirror)])
    folder = Folder(bare)
    with folder.open_store() as store:
        assert folder.operator_line(store).present == world.operator.public
    assert [finding.where for finding in scrub(folder)] == ["public/statements/2026-11-EUR"]  # of no audit folder
    settle_period(folder, "2026-11", 10**9, "EUR")
    assert scrub(folder) == []


def test_the_verifier_follows_the_line_from_any_of_its_keys(world: Any) -> None:
    first = world.operator
    device = world.device(1)
    world.take(device, device.seal())
    rotate_operator(world)
    second = world.device(2)
    world.take(second, second.seal())
    settled = settle_period(world.folder, "2026-11", 10**9, "EUR")
    published = Published(audited(world.folder))
    data = statement_bytes(settled.statements["ada"])
    for pinned in (first, world.operator):
        keys = Keys(world.folder.public_key, world.publisher.public, pinned.public, ORIGIN)
        verified = Audit(published, keys).check(data)
        assert any("the operator's key followed through entry" in line for line in verified.checked)
    stranger = Keys(world.folder.public_key, world.publisher.public, key(world, 66).public, ORIGIN)
    with pytest.raises(Difference, match="operator: expected a key of the log's line"):
        Audit(published, stranger)


def append(world: Any, *entries: bytes) -> None:
    """As a ledger that lies has it."""
    with world.folder.open_store() as store:
        with store.transaction():
            store.append(entries)
        registry.publish(world.folder, store)


@pytest.mark.parametrize("lie", ["old key enrols", "branch", "stranger"])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_lying_ledger_is_found_by_verifier_and_scrub(world: Any, lie: str) -> None:
    old = world.operator
    device = world.device(1)
    world.take(device, device.seal())
    rotate_operator(world)
    settled = settle_period(world.folder, "2026-11", 10**9, "EUR")
    keys = Keys(world.folder.public_key, world.publisher.public, old.public, ORIGIN)
    thief = key(world, 66)
    entry = {
        "old key enrols": world.device(3, enrolled=False).enrolment(old),
        "branch": signed(old, thief),
        "stranger": signed(thief, key(world, 67), 2),
    }[lie]
    append(world, entry)
    with pytest.raises(Difference, match=r"of the same line|number: expected 2|old_key: expected"):
        Audit(Published(audited(world.folder)), keys).check(statement_bytes(settled.statements["ada"]))
    assert any(finding.where == "log" for finding in scrub(world.folder))
    world.ledger.close()
    with pytest.raises(NotRebuilt):
        rebuild_folder(world.folder, NOON * 1000)


def test_a_head_that_an_earlier_key_gave_up_stays_given_up(world: Any) -> None:
    from every_kind import give_up

    give_up(world)
    with world.folder.open_store() as store:
        data = store.forgone()[0]
    rotate_operator(world)
    assert forgo(world.folder, data)[1] is False
    device = world.device(1)
    assert [found.verdict for found in world.take(device, device.seal())] == [answer.ACCEPTED]


def test_by_command(world: Any, tmp_path: Path) -> None:
    run = CliRunner().invoke
    old, new, out = tmp_path / "old.key", tmp_path / "new.key", tmp_path / "rotation.cose"
    for path, who in ((old, world.operator), (new, key(world, 50))):
        path.write_bytes(who.seed)
        path.chmod(0o600)
    words = ["device", "rotate-operator", f"--origin={ORIGIN}", f"--operator-key-file={old}", f"--new-key-file={new}"]
    made = run(app, [*words, f"--out={out}", "--json"])
    assert made.exit_code == 0 and json.loads(made.stdout)["operator_key"] == key(world, 50).public.hex()
    for fresh in (True, False):
        brought = run(app, ["ledger", "rotate-operator", str(world.path), str(out), "--json"])
        assert brought.exit_code == 0 and json.loads(brought.stdout)["fresh"] is fresh
    shown = run(app, ["ledger", "status", str(world.path), "--json"])
    assert json.loads(shown.stdout)["operator_key"] == key(world, 50).public.hex()
    refused = run(app, [*words[:3], f"--operator-key-file={new}", f"--new-key-file={new}", f"--out={tmp_path / 'x'}"])
    assert refused.exit_code == 1 and "expected another than the old one" in refused.stderr


def test_a_signature_by_another_log_is_worth_nothing(world: Any) -> None:
    with pytest.raises((ProtocolError, RotationRefused)):
        rotate(world, sign(world.operator.seed, b"x"))
