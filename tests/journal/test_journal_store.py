"""The journal on a partition and in a file of the system; an ordinary file stands for the partition."""

import resource
from pathlib import Path

import pytest

from amos.edges.journal_store import open_reserved, open_store
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal, JournalFault


def partition(folder: Path, size_bytes: int = 1 << 20) -> Path:
    path = folder / "mmcblk0p3"
    path.write_bytes(bytes(size_bytes))
    return path


def seal(device: object, first: int, last: int) -> None:
    journal = Journal(device, b"saltsalt")
    for sequence in range(first, last + 1):
        journal.seal(sequence, b"segment %d" % sequence + bytes(9000), 1000)
        journal.trim(sequence - 1)


def test_a_partition_holds_a_journal_in_pages(tmp_path: Path) -> None:
    path = partition(tmp_path)
    for first in (1, 41):
        device = open_store(f"raw:{path}", "/nowhere", 0)
        assert (device.sector_bytes, device.sector_count) == (4096, 256)
        seal(device, first, first + 39)
        device.close()
    device = open_store(f"raw:{path}", "/nowhere", 0)
    assert Journal(device, b"saltsalt").read(80, 0, 10) == b"segment 80"
    device.close()
    assert path.stat().st_size == 1 << 20


def test_a_partition_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_store(f"raw:{tmp_path}/none", "/nowhere", 1 << 20)
    assert not list(tmp_path.iterdir())


def test_a_partition_smaller_than_its_ring_is_refused(tmp_path: Path) -> None:
    path = partition(tmp_path)
    device = open_store(f"raw:{path}", "/nowhere", 0)
    seal(device, 1, 3)
    device.close()
    path.write_bytes(path.read_bytes()[: 255 * 4096])
    device = open_store(f"raw:{path}", "/nowhere", 0)
    with pytest.raises(JournalFault, match="expected a medium of 256 sectors, as the ring on it has, found 255"):
        Journal(device, b"saltsalt")
    device.close()


def test_a_partition_with_a_file_system_is_left_alone(tmp_path: Path) -> None:
    path = partition(tmp_path)
    superblock = bytes(1024) + b"\x00\x01" * 28 + b"\x53\xef"  # ext4's magic number
    path.write_bytes(superblock.ljust(1 << 20, b"\0"))
    before = path.read_bytes()
    device = open_store(f"raw:{path}", "/nowhere", 0)
    with pytest.raises(JournalFault, match="expected a ring or a blank medium"):
        Journal(device, b"saltsalt")
    device.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("left_bytes", [0, 511, 100_000, 300_000])
def test_a_file_cut_short_is_as_long_again(tmp_path: Path, left_bytes: int) -> None:
    device = open_store("file", str(tmp_path), 1 << 19)
    seal(device, 1, 5)
    device.close()
    path = tmp_path / "journal.ring"
    path.write_bytes(path.read_bytes()[:left_bytes])
    device = open_store("file", str(tmp_path), 1 << 19)
    journal = Journal(device, b"saltsalt")
    # Without the first sector nothing is known of a ring: then the reservation beside the key counts.
    whole = left_bytes > 511
    assert journal.last_sequence == (5 if whole else 0)
    assert any("had been cut" in note for note in journal.notes) == whole
    device.close()
    assert path.stat().st_size == 1 << 19


def test_another_size_in_the_settings_changes_no_ring(tmp_path: Path) -> None:
    for size_bytes in (1 << 19, 1 << 20, 1 << 18):
        device = open_store("file", str(tmp_path), size_bytes)
        journal = Journal(device, b"saltsalt")
        journal.begin_boot()
        device.close()
    assert journal.boot == 3 and (tmp_path / "journal.ring").stat().st_size == 1 << 19


def test_a_file_made_longer_is_used_as_far_as_the_ring_goes(tmp_path: Path) -> None:
    device = open_store("file", str(tmp_path), 1 << 19)
    seal(device, 1, 5)
    device.close()
    with (tmp_path / "journal.ring").open("ab") as file:
        file.write(bytes(1 << 19))
    device = open_store("file", str(tmp_path), 1 << 20)
    journal = Journal(device, b"saltsalt")
    assert journal.last_sequence == 5 and any("leaves the rest" in note for note in journal.notes)
    device.close()


def test_each_key_has_a_word_of_its_own_beside_it(tmp_path: Path) -> None:
    for device in (b"a" * 16, b"b" * 16):
        reserved = open_reserved(str(tmp_path), device)
        assert (reserved.sector_count, reserved.sector_bytes) == (2, 4096)
        reserved.close()
    for size_bytes in (0, 5000):
        path = tmp_path / ("61" * 16 + ".reserved")
        path.write_bytes(path.read_bytes()[:size_bytes])
        reserved = open_reserved(str(tmp_path), b"a" * 16)
        assert reserved.sector_count == 2
        reserved.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["61" * 16 + ".reserved", "62" * 16 + ".reserved"]


@pytest.mark.parametrize(("size_bytes", "sector_bytes"), [(1 << 19, 512), (1 << 20, 4096), (8 << 20, 4096)])
def test_sectors_of_a_file_are_pages_where_enough_fit(tmp_path: Path, size_bytes: int, sector_bytes: int) -> None:
    for _ in range(2):
        device = open_store("file", str(tmp_path), size_bytes)
        assert device.sector_bytes == sector_bytes
        Journal(device, b"saltsalt").begin_boot()
        device.close()


@pytest.mark.parametrize("spoiled", [(), (0,), (-1,), (0, -1)])
@pytest.mark.parametrize("sector_bytes", [512, 4096])
def test_a_ring_says_itself_how_large_its_sectors_are(
    tmp_path: Path, sector_bytes: int, spoiled: tuple[int, ...]
) -> None:
    path = tmp_path / "journal.ring"
    device = FileSectorDevice(str(path), 1 << 20, sector_bytes)
    for _ in range(20):
        Journal(device, b"saltsalt").begin_boot()
    seal(device, 1, 5)
    device.close()
    data = bytearray(path.read_bytes())
    for end in spoiled:
        data[20 if end == 0 else len(data) - sector_bytes + 20] ^= 1
    path.write_bytes(data)
    device = FileSectorDevice(str(path), 0, 4608 - sector_bytes)
    assert Journal(device, b"saltsalt").read(5, 0, 9) == b"segment 5"
    device.close()


def test_a_file_that_finds_no_room_leaves_the_room_there_is(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))  # Python ignores the signal that comes with it
    try:
        with pytest.raises(OSError, match=r"journal.ring: expected room for 1048576 bytes, found"):
            open_store("file", str(tmp_path), 1 << 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
