"""Cuts of power while a `TwoSlotFile` is written: at every byte, with every outcome the medium allows."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amos.edges.two_slot_file import TwoSlotFile
from amos.rights.lease_clock import KEPT_BYTES_MAX, LeaseClock

BOOT_ADDS_MS = 600_000
SAVE_EVERY_MS = 600_000

BYTES_MAX = 100


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cuts are made by hand, so the disk need not be waited for."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def restore(folder: Path, content: dict[str, bytes]) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name, data in content.items():
        (folder / name).write_bytes(data)


def outcomes(before: dict[str, bytes], after: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    """What a cut during the write may leave of the one file it changed."""
    (changed,) = [name for name in after if before.get(name) != after[name]]
    old, new = before.get(changed, b""), after[changed]
    rest = {name: data for name, data in before.items() if name != changed}
    yield before
    yield rest  # the folder does not know the file
    for length in range(len(new) + 1):
        yield {**rest, changed: new[:length]}
        yield {**rest, changed: new[:length] + old[length:]}
        yield {**rest, changed: new[:length] + bytes(len(new) - length)}
        yield {**rest, changed: bytes(length) + new[length:]}
        yield {**rest, changed: new[:length] + b"\xa5" * (len(new) - length)}


def test_a_cut_leaves_what_was_or_what_is_new(tmp_path: Path) -> None:
    path = str(tmp_path / "kept")
    contents = [b"one", b"two, longer", b"", b"four" * 20, b"five"]
    previous: bytes | None = None
    cuts = 0
    for content in contents:
        before = files(tmp_path)
        TwoSlotFile(path, BYTES_MAX).write(content)
        after = files(tmp_path)
        for left in list(outcomes(before, after)):
            restore(tmp_path, left)
            found = TwoSlotFile(path, BYTES_MAX)
            assert found.read() == (content if left == after else previous)
            found.write(b"the next life")  # goes on from whatever there is
            assert TwoSlotFile(path, BYTES_MAX).read() == b"the next life"
            cuts += 1
        restore(tmp_path, after)
        previous = content
    assert cuts > 1000


def test_a_failed_write_leaves_what_was_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "kept")
    held = TwoSlotFile(path, BYTES_MAX)
    held.write(b"one")
    held.write(b"two")

    def fail(_descriptor: int) -> None:
        raise OSError("no")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        for _try in range(3):
            with pytest.raises(OSError, match="no"):
                held.write(b"three")
            assert held.read() == b"two"
            # It may have been persisted all the same: then the newer counts.
            assert TwoSlotFile(path, BYTES_MAX).read() in (b"two", b"three")
    held.write(b"four")
    assert TwoSlotFile(path, BYTES_MAX).read() == b"four"


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data + b"x", lambda _data: b"", bytes.swapcase]
)
def test_damage_falls_back_to_the_other_and_says_so_when_there_is_none(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = str(tmp_path / "kept")
    held = TwoSlotFile(path, BYTES_MAX)
    held.write(b"one")
    held.write(b"two")
    newest = max(tmp_path.iterdir(), key=lambda path: b"two" in path.read_bytes())
    newest.write_bytes(damage(newest.read_bytes()))
    found = TwoSlotFile(path, BYTES_MAX)
    assert (found.read(), found.damaged) == (b"one", False)
    other = next(path for path in tmp_path.iterdir() if path != newest)
    other.write_bytes(damage(other.read_bytes()))
    found = TwoSlotFile(path, BYTES_MAX)
    assert (found.read(), found.damaged) == (None, True)
    assert TwoSlotFile(str(tmp_path / "nothing"), BYTES_MAX).damaged is False


def test_what_is_too_long_is_not_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "kept")
    TwoSlotFile(path, 1000).write(bytes(BYTES_MAX + 1))
    found = TwoSlotFile(path, BYTES_MAX)
    assert (found.read(), found.damaged) == (None, True)


def test_the_lease_clock_survives_a_cut_at_any_of_its_writes(tmp_path: Path) -> None:
    path = str(tmp_path / "time")
    before = files(tmp_path)
    clock = LeaseClock(TwoSlotFile(path, KEPT_BYTES_MAX), 0, None)
    clock.set(1_800_000_000_000)
    clock.save()
    known = clock.unix_ms or 0
    for boot in range(4):
        before = files(tmp_path)
        clock = LeaseClock(TwoSlotFile(path, KEPT_BYTES_MAX), 0, None)
        after = files(tmp_path)
        for left in list(outcomes(before, after)):
            restore(tmp_path, left)
            again = LeaseClock(TwoSlotFile(path, KEPT_BYTES_MAX), 0, None).unix_ms or 0
            assert again - known in (BOOT_ADDS_MS, 2 * BOOT_ADDS_MS), boot
        restore(tmp_path, after)
        known += BOOT_ADDS_MS
        clock.tick(SAVE_EVERY_MS, None)
        assert clock.due and clock.save() and not clock.due
        known += SAVE_EVERY_MS
