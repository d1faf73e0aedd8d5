"""A ledger that lost what it signed and went on: everything verifies, and the old head is told apart from a fork."""

import shutil
from pathlib import Path

import pytest
from settled_world import OPERATOR, PUBLISHER, play_november, signer, unix_s
from settled_world import World as SettledWorld

from amos.crypto import key_id, public_key, verify
from amos.protocol.checkpoint_host import Checkpoint, open_checkpoint
from amos.protocol.forgone import FORGONE_LEAF, VERSION, Forgone, sign_forgone
from amos_ledger.folder import Folder
from amos_ledger.forgoing import forgo
from amos_ledger.heads import Heads
from amos_ledger.settle_period import settle_period
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.published import Published

EURO = 1_000_000


def word(kept_size: int, lost: Checkpoint, seed: bytes = OPERATOR) -> bytes:
    forgone = Forgone(
        version=VERSION, unix_s=unix_s(2026, 11, 8), kept_size=kept_size, lost_size=lost.size, lost_root=lost.root
    )
    return sign_forgone(forgone, key_id(public_key(seed)), signer(seed))


@pytest.fixture
def lost(tmp_path: Path) -> tuple[SettledWorld, bytes, Checkpoint]:
    """A world whose folder was put back, the note of the head that was lost, and the head."""
    world = SettledWorld(tmp_path / "ledger")
    play_november(world)
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    world.play(0, [(1, 5_000)], unix_s(2026, 11, 7), unix_s(2026, 11, 7))
    world.play(0, [(1, 5_000)], unix_s(2026, 11, 7), unix_s(2026, 11, 7))
    note = (world.folder.public / "checkpoint").read_bytes()
    shutil.rmtree(world.path)
    shutil.copytree(yesterday, world.path)
    with world.folder.open_store() as store:
        Heads(world.folder).take(store, note)
    return world, note, open_checkpoint(note, world.folder.trust.origin, world.folder.public_key, verify)


def size_of(folder: Folder) -> int:
    with folder.open_store() as store:
        return store.size()


def test_what_was_given_up_is_on_the_record(lost: tuple[SettledWorld, bytes, Checkpoint]) -> None:
    world, note, head = lost
    kept = size_of(world.folder)
    forgo(world.folder, word(kept, head))
    settle_period(world.folder, "2026-11", 100 * EURO, "EUR")
    assert world.verify().amount_micro
    audit = Audit(Published(world.path / "audit"), world.keys)
    with pytest.raises(Difference, match=f"which the operator gave up as lost in entry {kept}"):
        audit.check_since(note)


def test_a_head_that_nobody_gave_up_is_a_second_history(lost: tuple[SettledWorld, bytes, Checkpoint]) -> None:
    world, note, head = lost
    for path in world.folder.ahead.iterdir():
        path.unlink()  # as if nobody had shown it
    for _ in range(4):
        world.play(1, [(1, 5_000)], unix_s(2026, 11, 7), unix_s(2026, 11, 7))
    audit = Audit(Published(world.path / "audit"), world.keys)
    with pytest.raises(Difference, match=f"since.root: .* found {head.root.hex()}$"):
        audit.check_since(note)


@pytest.mark.parametrize("fault", ["kept_size", "leaf missing", "leaf alone", "not the operator"])
def test_an_entry_that_gives_up_what_it_may_not(lost: tuple[SettledWorld, bytes, Checkpoint], fault: str) -> None:
    world, _note, head = lost
    for path in world.folder.ahead.iterdir():
        path.unlink()
    kept = size_of(world.folder)
    entries = {
        "kept_size": [word(kept + 1, head)],
        "leaf missing": [word(kept, head), FORGONE_LEAF],
        "leaf alone": [FORGONE_LEAF],
        "not the operator": [word(kept, head, PUBLISHER)],
    }[fault]
    world.append(*entries)
    settle_period(world.folder, "2026-11", 100 * EURO, "EUR")
    with pytest.raises(Difference, match=f"entry {kept}|entry {kept + 2}"):
        world.verify()
