"""What players are told of the operator's changed key: by the ledger's key in force, and heard by a ledger put back."""

import shutil
from typing import Any

import pytest
from audited import audited
from every_kind import NOON

from amos.crypto import verify
from amos.ledger_keys import LedgerKeys
from amos.operator_keys import OperatorKeys
from amos.protocol.errors import ProtocolError
from amos.protocol.rotation import OPERATOR, split_appointment
from amos_ledger import registry, rotating
from amos_ledger.errors import RolledBack
from amos_ledger.folder import Folder
from amos_ledger.heads import Heads, Standing
from amos_tools.device.rotate_operator import signed_rotation

TOPICS = ["amos/1/rotation/operator-1", "amos/1/rotation/operator-2"]


def signed(old: Any, new: Any, number: int) -> bytes:
    return signed_rotation(OPERATOR, "ledger.example/amos", number, old.seed, new.seed, NOON)


def rotated_twice(world: Any) -> tuple[Any, Any, Any]:
    first, second, third = world.operator, type(world.operator)(50), type(world.operator)(51)
    with world.folder.open_store() as store:
        for data in (signed(first, second, 1), signed(second, third, 2)):
            rotating.rotate_operator(world.folder, store, data)
        registry.publish(world.folder, store)
    return first, second, third


def test_a_player_follows_what_the_ledger_tells(world: Any) -> None:
    first, second, third = rotated_twice(world)
    told = world.ledger.rotations_to_tell()
    assert list(told) == TOPICS and world.ledger.rotations_to_tell() == told
    keys = OperatorKeys(first.public, LedgerKeys(world.folder.public_key))
    for data, following in zip(told.values(), (second, third), strict=True):
        assert keys.take(data, verify) and keys.key == following.public
    files = [(world.folder.public / "rotations" / f"operator-{number}.cbor").read_bytes() for number in (1, 2)]
    assert files == list(told.values())
    assert [split_appointment(data)[0] for data in files] == [signed(first, second, 1), signed(second, third, 2)]


def test_the_audit_folder_has_the_ledgers_alone_which_no_later_key_can_sign(world: Any) -> None:
    rotated_twice(world)
    world.ledger.rotations_to_tell()
    assert not list((audited(world.folder) / "rotations").glob("*"))


def test_after_a_change_of_its_own_key_the_ledger_signs_the_receipts_anew(world: Any) -> None:
    first, second, _third = rotated_twice(world)
    ledger_keys = LedgerKeys(world.folder.public_key)
    before = world.ledger.rotations_to_tell()[TOPICS[0]]
    world.ledger.close()
    rotating.rotate_ledger(Folder(world.folder.path), 0)
    world.restart()
    told = world.ledger.rotations_to_tell()
    assert list(told) == ["amos/1/rotation/1", *TOPICS] and told[TOPICS[0]] != before
    ledger_keys.take(told["amos/1/rotation/1"], verify)
    keys = OperatorKeys(first.public, ledger_keys)
    with pytest.raises(ProtocolError, match="signature"):
        keys.take(before, verify)
    keys.take(told[TOPICS[0]], verify)
    assert keys.key == second.public


def test_what_is_published_wrong_is_published_again(world: Any) -> None:
    rotated_twice(world)
    told = world.ledger.rotations_to_tell()
    path = world.folder.public / "rotations" / "operator-1.cbor"
    for wrong in (b"", b"\x82\x40\x40", told[TOPICS[1]], told[TOPICS[0]][:-1]):
        path.write_bytes(wrong)
        assert world.ledger.rotations_to_tell() == told
        assert path.read_bytes() == told[TOPICS[0]]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_ledger_put_back_from_before_it_is_stopped_by_it(world: Any, tmp_path: Any) -> None:
    world.ledger.close()
    shutil.copytree(world.folder.path, tmp_path / "before")
    world.restart()
    rotated_twice(world)
    told = world.ledger.rotations_to_tell()
    with world.folder.open_store() as store:
        for data in told.values():
            assert Heads(world.folder).take(store, data) is Standing.CONTAINED
    older = Folder(tmp_path / "before")
    with older.open_store() as store:
        flipped = bytearray(told[TOPICS[0]])
        flipped[-9] ^= 1
        assert Heads(older).take(store, bytes(flipped)) is Standing.FORGED
        Heads(older).check(store)
        assert Heads(older).take(store, told[TOPICS[0]]) is Standing.AHEAD
        with pytest.raises(RolledBack):
            Heads(older).check(store)
