"""The ledger's key gives way to another: what each key can prove from there on, whatever dies or is put back."""

import json
import os
import shutil
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import nacl.exceptions
import nacl.signing
import pytest
from audited import audited
from every_kind import NOON, rotate_operator
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos.crypto import key_id, public_key, sign, verify
from amos.protocol import answer
from amos.protocol.anchor import open_anchor
from amos.protocol.cbor import dumps
from amos.protocol.checkpoint_host import Checkpoint, sign_checkpoint
from amos.protocol.errors import ProtocolError, SignatureError
from amos.protocol.key_line_host import open_head
from amos.protocol.receipt import parse_receipt
from amos.protocol.rotation import LEDGER, Rotation, open_appointment, sign_rotation, split_appointment
from amos.protocol.signing import sign_receipt
from amos.protocol.topics import TIME
from amos_ledger import proving, recovery, rotating
from amos_ledger.errors import KeyUnusable, RecoveryFailed, RolledBack, RotationRefused
from amos_ledger.folder import Folder
from amos_ledger.heads import Heads, Standing
from amos_ledger.intake.reading import Message
from amos_ledger.outside import ask_outside
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_tools.cli import app
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.keys import Keys
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published

ORIGIN = "ledger.example/amos"
YEAR_S = 365 * 86_400


def sound(folder: Folder) -> None:
    """All that is stored is what it must be, where that can be looked at."""
    assert (folder.path / "database").exists() or scrub(folder) == []


def rotate(world: Any, transition_s: int = YEAR_S, **options: Any) -> Rotation:
    world.ledger.close()
    rotation, fresh = rotating.rotate_ledger(world.folder, transition_s, **options)
    assert fresh
    return rotation


def again(world: Any, transition_s: int = 0) -> Rotation:
    return rotate(world, transition_s, number=len(world.folder.line.keys))


def played(world: Any, number: int = 1, segments: int = 2) -> Any:
    device = world.device(number)
    answers = world.take(device, *(device.seal() for _ in range(segments)))
    assert {found.verdict for found in answers} == {answer.ACCEPTED}
    return device


def note_of(world: Any) -> bytes:
    return bytes((world.folder.public / "checkpoint").read_bytes())


def signers_of(note: bytes, keys: dict[str, bytes]) -> list[str]:
    """Which of the keys signed, by a parser of C2SP signed notes that shares no code with ours."""
    text, _, tail = note.decode().rpartition("\n\n")
    name = text.split("\n")[0]
    found = []
    for line in tail.rstrip("\n").split("\n"):
        dash, signer, encoded = line.split(" ")
        blob = b64decode(encoded)
        assert (dash, signer, len(blob)) == ("\u2014", name, 4 + 64)
        for who, key in keys.items():
            if blob[:4] == sha256(name.encode() + b"\n\x01" + key).digest()[:4]:
                try:
                    nacl.signing.VerifyKey(key).verify((text + "\n").encode(), blob[4:])
                except nacl.exceptions.BadSignatureError:
                    continue
                found.append(who)
    return found


def test_a_tree_head_has_two_signatures_while_the_transition_lasts_and_then_one(world: Any) -> None:
    old = world.folder.public_key
    played(world)
    rotation = rotate(world)
    keys = {"old": old, "new": rotation.new_key, "stranger": public_key(b"s" * 32)}
    assert signers_of(note_of(world), keys) == ["new", "old"]
    world.folder.line.rotations[-1][1].until_unix_s = 0  # as if it had ended
    played(world, 2)
    again(world)
    third = world.folder.public_key
    assert signers_of(note_of(world), keys | {"third": third}) == ["third"]


def test_receipts_are_by_the_new_key_and_by_the_old_one_beside_it(world: Any) -> None:
    old = world.folder.public_key
    device = played(world)
    rotation = rotate(world)
    fresh, known = device.seal(), device.sealed[0]
    replies = world.ledger.take([device.message(fresh), device.message(known)], NOON)
    assert {reply.answer.verdict for reply in replies} == {answer.ACCEPTED, answer.DUPLICATE}
    for reply in replies:
        segment = known if reply.answer.verdict == answer.DUPLICATE else fresh
        for said, key in ((reply.answer, rotation.new_key), (reply.before, old)):
            parse_receipt(said.receipt).check(segment, key, verify)
            assert (said.verdict, said.sequence) == (reply.answer.verdict, reply.answer.sequence)
    sound(world.folder)
    again(world)
    (reply,) = world.ledger.take([device.message(known)], NOON)
    assert reply.before is None
    parse_receipt(reply.answer.receipt).check(known, world.folder.public_key, verify)


def test_anchors_are_by_both_keys(world: Any) -> None:
    old = world.folder.public_key
    device = played(world)
    rotation = rotate(world)
    nonce = Message(device.topic(TIME), bytes(16), bytes(32), 16)
    (dated,) = world.ledger.date([nonce], NOON * 1000)
    before = world.ledger.by_key_before(dated)
    assert open_anchor(dated[1], rotation.new_key, verify).unix_ms == NOON * 1000
    assert open_anchor(before[1], old, verify).unix_ms == NOON * 1000 and before[0] == dated[0]
    again(world)
    assert world.ledger.by_key_before(dated) is None


def test_closings_statements_and_proofs_follow_the_line(world: Any, tmp_path: Path) -> None:
    first = world.folder.public_key
    device = played(world)
    settle_period(world.folder, "2026-11", 10**9, "EUR")
    rotate(world, 0)
    rotate_operator(world)
    world.take(device, device.seal())
    later = settle_period(world.folder, "2026-12", 10**9, "EUR")
    again(world)
    before = settle_period(
        world.folder, "2026-11", 10**9, "EUR"
    )  # the same again, after the key that closed it is gone
    published = Published(audited(world.folder))
    for pinned in world.folder.line.keys:
        keys = Keys(pinned, world.publisher.public, world.operator.public, ORIGIN)
        audit = Audit(published, keys)
        assert any("the ledger's key followed through entry" in line for line in audit.checked)
        for settled in (before, later):
            for path in settled.statements.values():
                assert audit.check(statement_bytes(path)).payee
                if settled is before or pinned != world.folder.public_key:  # a key that came after the file
                    assert check_statement(statement_bytes(path), pinned, ORIGIN).payee, "by itself"
    with pytest.raises(Difference, match="ledger: expected a key of the log's line"):
        Audit(published, Keys(public_key(b"s" * 32), world.publisher.public, world.operator.public, ORIGIN))
    with world.folder.open_store() as store:
        proof = proving.prove(world.folder, store, device.key.id, 1)
    file = tmp_path / "x.tlog-proof"
    file.write_bytes(proof)
    run = CliRunner().invoke
    good = run(app, ["verify", f"--proof={file}", f"--ledger-key={world.folder.public_key.hex()}"])
    assert good.exit_code == 0, good.output
    assert run(app, ["verify", f"--proof={file}", f"--ledger-key={first.hex()}"]).exit_code == 1


def test_a_proof_by_a_later_key_verifies_from_the_old_one(world: Any, tmp_path: Path) -> None:
    """Who pinned the first key needs the rotations beside the proof, and nothing else."""
    device = played(world)
    first = world.folder.public_key
    rotate(world, 0)
    again(world)
    with world.folder.open_store() as store:
        proof = proving.prove(world.folder, store, device.key.id, 1)
    file = tmp_path / "x.tlog-proof"
    file.write_bytes(proof)
    rotations = Path(shutil.copytree(world.folder.public / "rotations", tmp_path / "rotations"))

    def said(key: bytes, *more: str) -> Any:
        return CliRunner().invoke(app, ["verify", f"--proof={file}", f"--ledger-key={key.hex()}", *more])

    assert said(first).exit_code == 1
    good = said(first, f"--rotations={rotations}", "--json")
    assert good.exit_code == 0 and json.loads(good.stdout)["ledger_key"] == world.folder.public_key.hex()
    assert said(world.folder.public_key, f"--rotations={rotations}").exit_code == 0
    assert said(public_key(b"s" * 32), f"--rotations={rotations}").exit_code == 1
    (second, one) = (rotations / "ledger-2.cbor"), (rotations / "ledger-1.cbor")
    whole = second.read_bytes()
    second.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused = said(first, f"--rotations={rotations}")
    assert refused.exit_code == 1 and "ledger-2.cbor" in refused.stderr
    second.unlink()
    assert said(first, f"--rotations={rotations}").exit_code == 1, "a line with a hole leads nowhere"
    one.unlink()
    assert "expected rotations" in said(first, f"--rotations={rotations}").stderr


def test_a_checkpoint_kept_from_before_is_one_of_ours(world: Any) -> None:
    played(world)
    kept = note_of(world)
    first = world.folder.public_key
    rotate(world, 0)
    played(world, 2)
    for pinned in world.folder.line.keys:
        audit = Audit(
            Published(audited(world.folder)), Keys(pinned, world.publisher.public, world.operator.public, ORIGIN)
        )
        audit.check_since(kept)
    with world.folder.open_store() as store:
        assert Heads(world.folder).take(store, kept) is Standing.CONTAINED
        stolen = sign_checkpoint(Checkpoint(ORIGIN, store.size(), store.root()), first, _by(world, first))
    with pytest.raises(Difference, match="one by the ledger's key since entry"):
        audit.check_since(stolen)


def _by(world: Any, key: bytes) -> Any:
    return lambda message: world.folder.sign_by(key, message)


def test_a_stolen_old_key_stops_and_proves_nothing(world: Any) -> None:
    device = played(world)
    old = world.folder.public_key
    rotate(world, 0)
    line = world.folder.line
    forged = device.seal()
    with world.folder.open_store() as store:
        size = store.size()
        root = sha256(b"\x00" + forged).digest()
        shown = [
            sign_checkpoint(Checkpoint(ORIGIN, size + 100, bytes(32)), old, _by(world, old)),
            sign_checkpoint(Checkpoint(ORIGIN, 2, bytes(32)), old, _by(world, old)),
            dumps([sign_receipt(1, 0, [], root, key_id(old), _by(world, old)), device.message(forged).payload]),
            _branch(world, old, b"t" * 32, 1),
            _branch(world, old, b"t" * 32, 2),
        ]
        for item in shown:
            assert Heads(world.folder).take(store, item) is Standing.FORGED
        Heads(world.folder).check(store)
        with pytest.raises(SignatureError, match="which is in force since entry"):
            open_head(shown[0], line, verify)
    assert world.ledger.hear(shown) == [Standing.FORGED] * 5 and not world.ledger.behind


def _branch(world: Any, old: bytes, seed: bytes, number: int) -> bytes:
    """What a thief of the old key would have players follow."""
    facts: dict[str, Any] = {"version": 1, "role": LEDGER, "origin": ORIGIN, "number": number, "unix_s": NOON}
    facts |= {"old_key": old, "new_key": public_key(seed), "until_unix_s": NOON}
    proof = sign(seed, Rotation(possession=bytes(64), **facts).possession_message())
    rotation = sign_rotation(Rotation(possession=proof, **facts), _by(world, old))
    root = sha256(b"\x00" + rotation).digest()
    receipt = sign_receipt(1, 0, [], root, key_id(public_key(seed)), lambda message: sign(seed, message))
    return dumps([rotation, receipt])


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_in_the_time_of_transition_the_old_key_shows_what_was_lost(world: Any, tmp_path: Path) -> None:
    """As couriers show it that know no other key."""
    old = world.folder.public_key
    device = played(world)
    rotate(world)
    copy = shutil.copytree(world.path, tmp_path / "copy")
    segment = device.seal()
    (reply,) = world.ledger.take([device.message(segment)], NOON)
    with Folder(copy).open_store() as store:
        pair = dumps([reply.before.receipt, device.message(segment).payload])
        assert parse_receipt(reply.before.receipt).message.kid == key_id(old)
        assert Heads(Folder(copy)).take(store, pair) is Standing.AHEAD


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_folder_put_back_from_before_the_rotation_signs_nothing(world: Any, tmp_path: Path) -> None:
    played(world)
    world.ledger.close()
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    rotate(world, 0)
    appointment = (world.folder.public / "rotations/ledger-1.cbor").read_bytes()
    older = Folder(yesterday)
    with older.open_store() as store:
        assert Heads(older).take(store, note_of(world)) is Standing.FORGED, "it knows no such key"
        assert Heads(older).take(store, appointment) is Standing.AHEAD
        with pytest.raises(RolledBack):
            Heads(older).check(store)
    shutil.rmtree(older.ahead)
    ask_outside(older, [str(world.folder.public)], None)
    with older.open_store() as store, pytest.raises(RolledBack):
        Heads(older).check(store)


def test_the_appointment_is_what_players_need(world: Any) -> None:
    first = world.folder.public_key
    played(world)
    rotate(world, 0)
    second = world.folder.public_key
    again(world)
    told = world.ledger.rotations_to_tell()
    found = {number: told[f"amos/1/rotation/{number}"] for number in (1, 2)}
    assert open_appointment(found[1], first, verify).new_key == second
    assert open_appointment(found[2], second, verify).new_key == world.folder.public_key
    for wrong_key, data in ((second, found[1]), (first, found[2])):
        with pytest.raises(ProtocolError):
            open_appointment(data, wrong_key, verify)
    mixed = dumps([split_appointment(found[1])[0], split_appointment(found[2])[1]])
    with pytest.raises(ProtocolError):
        open_appointment(mixed, first, verify)
    (world.path / "ledger-1.key").unlink()
    assert world.ledger.rotations_to_tell() == told, "they are published, so that a destroyed key is not needed"


@pytest.mark.parametrize("step", ["key made", "before the commit", "committed", "published"])
def test_a_crash_leaves_one_key_or_the_other_in_force(world: Any, step: str) -> None:
    device = played(world)
    first = world.folder.public_key
    world.ledger.close()
    child = os.fork()
    if not child:
        try:
            rotating.rotate_ledger(world.folder, YEAR_S, 1, at=lambda at: os._exit(77) if at == step else None)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 77
    world.restart()
    changed = step in ("committed", "published")
    assert (world.folder.public_key != first) is changed
    (found,) = world.take(device, device.seal())
    assert found.verdict == answer.ACCEPTED
    world.check_receipt(device.sealed[-1], found.receipt)
    world.ledger.close()
    _rotation, fresh = rotating.rotate_ledger(world.folder, YEAR_S, 1)
    assert fresh is not changed and len(world.folder.line.keys) == 2
    assert sorted(path.name for path in world.path.glob("*.key")) == ["ledger-1.key", "ledger.key"]
    sound(world.folder)
    assert "amos/1/rotation/1" in world.ledger.rotations_to_tell()


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_it_is_rebuilt_and_recovered_with_all_keys_and_with_the_last_alone(world: Any, tmp_path: Path) -> None:
    device = played(world)
    rotate(world, 0)
    world.take(device, device.seal())
    settle_period(world.folder, "2026-11", 10**9, "EUR")
    again(world)
    world.take(device, device.seal())
    world.ledger.close()
    (world.path / "ledger.key").unlink()
    (world.path / "ledger-1.key").unlink()
    folder = Folder(world.path)
    assert scrub(folder) == []
    rebuild_folder(folder, NOON * 1000)
    assert scrub(folder) == []
    mirror = Path(shutil.copytree(audited(folder), tmp_path / "mirror"))
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("ledger-2.key", "trust.json"):
        shutil.copy(world.path / name, bare / name)
    recovered = recovery.recover(Folder(bare, recovered=True), [str(mirror)])
    assert recovered.missing == 0
    found = Folder(bare)
    assert found.line.keys == folder.line.keys
    assert [finding.where for finding in scrub(found)] == ["public/statements/2026-11-EUR"]  # of no audit folder
    settle_period(found, "2026-11", 10**9, "EUR")
    assert scrub(found) == []
    with found.open_store() as store:
        assert set(rotating.appointments(found, store)) == {1, 2}
    (bare / "ledger.sqlite").write_bytes(b"rotten" * 1000)
    assert Folder(bare).line.keys == folder.line.keys, "told by what is published"


@pytest.mark.parametrize("rotations", [0, 1])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_key_that_never_came_into_force_is_in_nobodys_way(world: Any, tmp_path: Path, rotations: int) -> None:
    """A run that broke off left its file, and then the store was lost."""
    played(world)
    for _ in range(rotations):
        again(world)
    keys = world.folder.line.keys
    world.folder.make_next_seed()
    world.ledger.close()
    mirror = Path(shutil.copytree(audited(world.folder), tmp_path / "mirror"))
    (world.path / "ledger.sqlite").write_bytes(b"rotten" * 1000)
    assert Folder(world.path).line.keys == keys
    rebuild_folder(Folder(world.path), NOON * 1000)
    assert scrub(Folder(world.path)) == []
    (world.path / "ledger.sqlite").unlink()
    recovery.recover(Folder(world.path, recovered=True), [str(mirror)])
    assert Folder(world.path).line.keys == keys and scrub(Folder(world.path)) == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_recovery_wants_the_key_in_force(world: Any, tmp_path: Path) -> None:
    played(world)
    rotate(world)
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("ledger.key", "trust.json"):
        shutil.copy(world.path / name, bare / name)
    with pytest.raises(RecoveryFailed, match=world.folder.public_key.hex()):
        recovery.recover(Folder(bare, recovered=True), [str(audited(world.folder))])
    shutil.copy(world.path / "ledger.sqlite", bare / "ledger.sqlite")
    with pytest.raises(KeyUnusable, match=world.folder.public_key.hex()):
        Folder(bare).open_store()


def test_another_process_that_knew_the_old_key_signs_with_the_new_one(world: Any) -> None:
    played(world)
    before = Folder(world.path)
    with before.open_store() as store:
        other = Folder(world.path)
        world.ledger.close()
        rotating.rotate_ledger(other, 0)
        from amos_ledger import registry

        registry.publish(before, store)
    assert open_head((world.path / "public" / "checkpoint").read_bytes(), other.line, verify)[1] == other.public_key
    settle_period(before, "2026-11", 10**9, "EUR")
    sound(Folder(world.path))


def test_which_rotation_is_wanted_is_said_or_follows(world: Any) -> None:
    rotate(world)
    with pytest.raises(RotationRefused, match="expected after the transition of the last"):
        rotating.rotate_ledger(world.folder, 0)
    with pytest.raises(RotationRefused, match="number: expected 2, or 1, which is in the log, found 5"):
        rotating.rotate_ledger(world.folder, 0, 5)
    assert rotating.rotate_ledger(world.folder, 0, 1)[1] is False
    assert rotating.rotate_ledger(world.folder, 0, 2)[1] is True
    assert rotating.rotate_ledger(world.folder, 0)[1] is True, "no transition lasts"


def test_by_command(world: Any) -> None:
    run = CliRunner().invoke
    first = world.folder.public_key.hex()
    words = ["ledger", "rotate-key", str(world.path), "--transition=30d", "--number=1", "--json"]
    for fresh in (True, False):
        done = run(app, words)
        facts = json.loads(done.stdout)
        assert done.exit_code == 0 and facts["fresh"] is fresh and facts["old_key"] == first
    shown = json.loads(run(app, ["ledger", "status", str(world.path), "--json"]).stdout)
    assert shown["public_key"] == facts["public_key"] and shown["operator_key"] == world.operator.public.hex()
    refused = run(app, [*words[:3], "--transition=2000d"])
    assert refused.exit_code == 2 and "--transition: expected at most 1096d" in refused.stderr
