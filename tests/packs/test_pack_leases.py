"""A pack that may not be played takes nobody's place: the old one goes on, and the player answers."""

import hashlib
import shutil
from pathlib import Path

import pytest
from pack_player import PUBLISHER, Player

from amos import crypto
from amos.edges.blob_folder import DiskFolder
from amos.edges.blob_memory import MemoryFolder
from amos.edges.two_slot_file import TwoSlotFile
from amos.packs.store import PackStore
from amos.protocol.link import BAD_SCORE, STATE_PLAYING
from amos.rights.lease_clock import KEPT_BYTES_MAX, TimeKept
from amos_tools.device.call import DeviceError
from amos_tools.device.send import send_pack


def pack_id(folder: Path) -> bytes:
    return hashlib.sha256((folder / "manifest.cose").read_bytes()).digest()


def test_a_pack_whose_lease_has_ended_is_refused_by_name(player: Player, packs: dict[int, Path]) -> None:
    player.start()
    with pytest.raises(DeviceError, match="bad manifest: lease: expected a pack whose lease runs"):
        send_pack(player.line, packs[4], lambda _here, _total: None)
    status = player.wait_for_pack(pack_id(packs[1]))
    assert status.state == STATE_PLAYING


def test_one_whose_lease_ends_while_it_waits_is_passed_over(player: Player, packs: dict[int, Path]) -> None:
    store_folder = player.folder / "packs"
    folder = DiskFolder(str(store_folder), None)
    shutil.copytree(packs[5] / "blobs", store_folder / "blobs", dirs_exist_ok=True)
    shutil.copyfile(packs[5] / "manifest.cose", store_folder / "blobs" / pack_id(packs[5]).hex())
    PackStore(folder, crypto.public_key(PUBLISHER), crypto.verify).wait(pack_id(packs[5]))
    later = TimeKept(version=1, unix_ms=1_950_000_000_000, wall_unix_ms=None)
    TwoSlotFile(str(player.folder / "time"), KEPT_BYTES_MAX).write(later.encode())
    player.start()
    status = player.wait_for(lambda status: status.state == STATE_PLAYING)
    assert status.pack == pack_id(packs[1]) and "lease: expected a pack whose lease runs" in (status.text or "")


def test_a_refusal_that_cannot_be_stored_is_one_all_the_same() -> None:
    folder = MemoryFolder()
    store = PackStore(folder, crypto.public_key(PUBLISHER), crypto.verify)
    store.wait(b"p" * 32)
    folder.fail_at = folder.operations
    with pytest.raises(OSError, match="storage failed"):
        store.refuse(b"p" * 32, BAD_SCORE, "expected another")
    assert store.pending is None and store.choices() == []
