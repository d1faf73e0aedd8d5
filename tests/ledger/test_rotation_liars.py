"""What liars, clocks and old copies make of a ledger whose key gave way to another."""

import shutil
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from audited import audited
from every_kind import NOON

from amos.protocol import answer
from amos.protocol.cbor import dumps, loads
from amos.protocol.envelope_host import unwrap, wrap
from amos.protocol.errors import ProofError
from amos.protocol.forgone import Forgone, sign_forgone
from amos.protocol.merkle import leaf_hash, root_from_path
from amos.protocol.receipt import parse_receipt
from amos.protocol.rotation import Rotation, split_appointment
from amos.protocol.signing import sign_receipt
from amos_ledger import recovery, registry, rotating
from amos_ledger.errors import LedgerError, RecoveryFailed, RolledBack
from amos_ledger.folder import Folder
from amos_ledger.forgoing import forgo
from amos_ledger.heads import Heads, Standing, checked_store
from amos_ledger.shown import least_size

YEAR_S = 365 * 86_400


def rotate(world: Any, transition_s: int = 0) -> Rotation:
    world.ledger.close()
    rotation, fresh = rotating.rotate_ledger(world.folder, transition_s, len(world.folder.line.keys))
    assert fresh
    return rotation


def played(world: Any, number: int = 1, segments: int = 2) -> Any:
    device = world.device(number)
    answers = world.take(device, *(device.seal() for _ in range(segments)))
    assert {found.verdict for found in answers} == {answer.ACCEPTED}
    return device


def of_another_size(appointment: bytes) -> bytes:
    """The same appointment, as anybody can make it who holds no key: a receipt does not bind the size that it names."""
    rotation, receipt = split_appointment(appointment)
    parsed = parse_receipt(receipt)
    root = root_from_path(leaf_hash(rotation), parsed.leaf_index, parsed.tree_size, parsed.path)
    said = dumps([parsed.tree_size, parsed.leaf_index, parsed.path])
    for size, index in ((count, place) for count in range(2, 17) for place in range(count)):
        with suppress(ProofError):
            if size != parsed.tree_size and root_from_path(leaf_hash(rotation), index, size, parsed.path) == root:
                assert receipt.count(said) == 1 and len(said) == len(dumps([size, index, parsed.path]))
                return bytes(dumps([rotation, receipt.replace(said, dumps([size, index, parsed.path]))]))
    raise AssertionError("no other size")


def of_a_huge_size(pair: bytes, size_max: int) -> bytes:
    """A receipt with its segment, whose path is said to be that of a leaf of a larger tree."""
    receipt, envelope = loads(pair)
    parsed = parse_receipt(receipt)
    segment = unwrap(envelope)
    root = root_from_path(leaf_hash(segment), parsed.leaf_index, parsed.tree_size, parsed.path)
    levels = len(parsed.path)
    for top in range(size_max.bit_length() - 1, levels, -1):
        for low in range(1 << levels):
            index = (1 << top) | low
            with suppress(ProofError):
                if root_from_path(leaf_hash(segment), index, index + 1, parsed.path) == root:
                    facts = (index + 1, index, parsed.path, root, parsed.message.kid)
                    return bytes(dumps([sign_receipt(*facts, lambda _text: parsed.message.signature), envelope]))
    raise AssertionError("no other size")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_size_that_a_receipt_names_stops_no_giving_up(world: Any, tmp_path: Path) -> None:
    """After a loss, whoever has a receipt may name a tree too large to give up. The operator gives up what was signed,
    and the ledger serves."""
    device = played(world)
    world.ledger.close()
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    lost = device.seal()
    (found,) = world.take(device, lost)
    world.ledger.close()
    older = Folder(yesterday)
    assert found.receipt is not None
    honest = bytes(dumps([found.receipt, wrap(lost)]))
    huge = of_a_huge_size(honest, 1 << 39)
    assert parse_receipt(loads(huge)[0]).tree_size > 1 << 30
    with older.open_store() as store:
        assert Heads(older).take(store, huge) is Standing.AHEAD
        highest = Heads(older).highest(store)
        assert highest is not None and highest.size <= parse_receipt(found.receipt).tree_size
        facts = {"version": 1, "unix_s": 1, "kept_size": store.size()}
    word = Forgone(**facts, lost_size=highest.size, lost_root=highest.root)
    forgo(older, sign_forgone(word, world.operator.id, world.operator.sign))
    with older.open_store() as store:
        assert Heads(older).take(store, huge) is Standing.CONTAINED
        Heads(older).check(store)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_one_thing_shown_in_many_ways_is_kept_once(world: Any, tmp_path: Path) -> None:
    """Sizes changed in a receipt, and lines added to a tree head, push out nothing that is kept."""
    device = played(world)
    world.ledger.close()
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    lost = device.seal()
    (found,) = world.take(device, lost)
    world.ledger.close()
    note = (world.folder.public / "checkpoint").read_bytes()
    older = Folder(yesterday)
    honest = bytes(dumps([found.receipt, wrap(lost)]))
    with older.open_store() as store:
        Heads(older).take(store, note)
        for top in range(10, 40):
            Heads(older).take(store, of_a_huge_size(honest, 1 << top))
            line = b64encode(bytes([top]) * 68)
            assert Heads(older).take(store, note + "\u2014 w".encode() + b"%d " % top + line + b"\n") is Standing.AHEAD
        Heads(older).take(store, honest)
        assert len(list(older.ahead.iterdir())) == 2
        highest = Heads(older).highest(store)
    assert highest is not None and highest.size == int(note.split(b"\n")[1])


def test_the_least_tree_that_a_path_fits() -> None:
    def sides(index: int, size: int) -> str:
        found, last = "", size - 1
        while last:
            if index & 1 or index == last:
                found += "l"
                while not index & 1:
                    index, last = index >> 1, last >> 1
            else:
                found += "r"
            index, last = index >> 1, last >> 1
        return found

    least: dict[str, int] = {}
    for size in range(1, 130):
        for index in range(size):
            assert least_size(index, size) == least.setdefault(sides(index, size), size)


@pytest.mark.parametrize("transition_s", [0, YEAR_S])
def test_a_changed_size_in_an_appointment_stops_no_ledger(world: Any, transition_s: int) -> None:
    played(world, 1, 3)
    rotate(world, transition_s)
    (appointment,) = world.ledger.rotations_to_tell().values()
    shown = of_another_size(appointment)
    assert world.ledger.hear([shown]) == [Standing.CONTAINED] and not world.ledger.behind


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_changed_size_does_not_outlive_the_recovery(world: Any, tmp_path: Path) -> None:
    """A folder from before the rotation is stopped by it, and goes on once it has the rotation."""
    played(world, 1, 3)
    world.ledger.close()
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    rotate(world, YEAR_S)
    (appointment,) = world.ledger.rotations_to_tell().values()
    older = Folder(yesterday)
    with older.open_store() as store:
        assert Heads(older).take(store, of_another_size(appointment)) is Standing.AHEAD
    shutil.copy(world.path / "ledger-1.key", yesterday)
    mirror = shutil.copytree(audited(world.folder), tmp_path / "mirror")
    recovery.recover(Folder(yesterday), [str(mirror)])
    with Folder(yesterday).open_store() as store:
        Heads(Folder(yesterday)).check(store)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_mirror_gives_no_appointment_of_another_place(world: Any, tmp_path: Path) -> None:
    """What players and couriers are brought names the rotation's place in the log, or is not published."""
    played(world, 1, 3)
    rotate(world)
    (genuine,) = world.ledger.rotations_to_tell().values()
    world.ledger.close()
    liar, honest = (Path(shutil.copytree(audited(world.folder), tmp_path / name)) for name in ("liar", "honest"))
    (liar / "rotations" / "ledger-1.cbor").write_bytes(of_another_size(genuine))
    shutil.rmtree(world.folder.public)
    recovery.recover(Folder(world.path), [str(liar), str(honest)])
    assert (world.folder.public / "rotations" / "ledger-1.cbor").read_bytes() == genuine


def test_none_is_wanted_and_none_is_made_by_a_clock_that_is_a_year_ahead(world: Any) -> None:
    played(world)
    world.ledger.close()
    rotating.rotate_ledger(world.folder, 0, now=lambda: NOON + YEAR_S)
    assert world.folder.key_before(NOON) is None
    rotating.rotate_ledger(world.folder, YEAR_S, 2, now=lambda: NOON)
    assert world.folder.key_before(NOON) and world.folder.key_before(NOON + YEAR_S) is None


def test_a_wrong_clock_makes_no_transition(world: Any) -> None:
    """A clock that is years ahead would have the old key sign beside the new one for years."""
    played(world)
    world.ledger.close()
    first = world.folder.public_key
    for wrong in (NOON - 30 * 86_400, NOON + 20 * YEAR_S):
        with pytest.raises(LedgerError, match="set this machine's clock"):
            rotating.rotate_ledger(world.folder, 0, now=lambda wrong=wrong: wrong)
    assert world.folder.public_key == first and not (world.path / "ledger-1.key").exists()


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_store_from_before_the_rotation_beside_what_was_published_after_it(world: Any, tmp_path: Path) -> None:
    """The database alone was put back: the ledger's own folder knows better, without a broker."""
    played(world)
    world.ledger.close()
    shutil.copy(world.path / "ledger.sqlite", tmp_path)
    rotate(world)
    shutil.copy(tmp_path / "ledger.sqlite", world.path)
    folder = Folder(world.path)
    with folder.open_store() as store, pytest.raises(RolledBack, match="put the newer store back"):
        registry.publish(folder, store)
    (folder.public / "checkpoint").unlink()
    with pytest.raises(RolledBack, match="amos ledger status"), checked_store(folder):
        pass


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_mirror_from_before_the_rotation_gives_no_second_history(world: Any, tmp_path: Path) -> None:
    """Recovered from it, the old key would be in force again, over entries that the new one signed otherwise."""
    device = played(world)
    world.ledger.close()
    old = shutil.copytree(audited(world.folder), tmp_path / "old")
    rotate(world)
    world.take(device, device.seal())
    world.ledger.close()
    audited(world.folder)
    (world.path / "ledger.sqlite").write_bytes(b"rotten" * 1000)
    with pytest.raises(RecoveryFailed, match=world.folder.public_key.hex()):
        recovery.recover(Folder(world.path), [str(old)])
    own = shutil.copytree(world.path / "audit", tmp_path / "own")
    assert recovery.recover(Folder(world.path), [str(old), str(own)]).missing == 0
    assert Folder(world.path).line.keys == world.folder.line.keys


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_thiefs_mirror_is_no_back_up(world: Any, tmp_path: Path) -> None:
    """The old key was stolen, and signs a longer history that never heard of the rotation."""
    device = played(world)
    world.ledger.close()
    thief = Path(shutil.copytree(world.path, tmp_path / "thief"))
    rotate(world)
    stolen = type(world.ledger)(Folder(thief))
    stolen.take([device.message(device.seal()) for _ in range(4)], NOON)
    stolen.close()
    (world.path / "ledger.sqlite").write_bytes(b"rotten" * 1000)
    with pytest.raises(RecoveryFailed, match=r"rotation to the ledger.s key"):
        recovery.recover(Folder(world.path), [str(audited(Folder(thief)))])
    assert (world.path / "ledger.sqlite").read_bytes().startswith(b"rotten")
