"""`amos journal` shows every offset, tells a whole ring from a damaged one, and changes nothing."""

import os
from pathlib import Path

import pytest
from journal_life import DEVICE, SECTOR_COUNT, Life, Media, Recording, whole_life
from typer.testing import CliRunner, Result

from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.journal import Journal
from amos_tools.journal.cli import app


@pytest.fixture(scope="module")
def media() -> Recording:
    media = Recording()
    life = whole_life(media)
    life.open()
    life.second(5, ends=False)
    return media


@pytest.fixture
def ring(media: Recording, tmp_path: Path) -> Path:
    path = tmp_path / "journal.ring"
    path.write_bytes(media.ring.read(0, SECTOR_COUNT))
    return path


def run(command: str, path: Path) -> Result:
    before = path.read_bytes() if path.exists() else b""
    result = CliRunner().invoke(app, [command, str(path)])
    assert not path.exists() or path.read_bytes() == before
    return result


def spoil(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_whole_ring_has_no_findings(ring: Path) -> None:
    result = run("fsck", ring)
    assert result.exit_code == 0 and "0 findings; 4 segments wait" in result.output


def test_inspect_accounts_for_every_sector(ring: Path) -> None:
    lines = [line.split() for line in run("inspect", ring).output.splitlines()[2:]]
    at = 0
    for words in lines:
        offset, size, kind = int(words[0]), int(words[1]), words[2]
        # A record that later ones have overwritten is stepped over by a sector.
        assert offset == at, words
        zone_end = next(end * 512 for end in (1, 257, SECTOR_COUNT - 1, SECTOR_COUNT) if at < end * 512)
        # One at a zone's end goes on at its beginning.
        at = min(zone_end, at + (512 if "overwritten" in words else -(-size // 512) * 512))
        assert kind in ("superblock", "state", "open", "flush", "carry", "memory", "sealed", "blank", "remains")
    assert at == SECTOR_COUNT * 512
    assert [words[3] for words in lines if words[2] == "sealed" and "waiting" in words] != []
    assert {"newest", "older"} <= {word for words in lines for word in words}


@pytest.mark.parametrize(
    ("needle", "shift", "finding"),
    [
        (b"AMOSRING", 30, "superblock is damaged"),
        ("waiting", 0, "are gone, and the next segment will declare it"),
        ("waiting", 1500, "its bytes are damaged"),
        ("flush", 20, "rows: damage from"),
    ],
)
def test_damage_is_found_and_named(ring: Path, needle: bytes | str, shift: int, finding: str) -> None:
    if isinstance(needle, bytes):
        offset = ring.read_bytes().find(needle)
    else:
        lines = [line.split() for line in run("inspect", ring).output.splitlines()[2:]]
        matching = [int(words[0]) for words in lines if needle in words and words[4] in ("waiting", "kept")]
        offset = matching[0]
    spoil(ring, offset + shift)
    result = run("fsck", ring)
    assert result.exit_code == 1 and finding in result.output


def test_a_ring_without_superblocks_is_shown_as_the_player_will_find_it(ring: Path) -> None:
    whole = run("inspect", ring).output
    spoil(ring, 20)
    spoil(ring, SECTOR_COUNT * 512 - 500)
    result = run("fsck", ring)
    assert result.exit_code == 1 and "both superblocks are damaged; the player finds the ring" in result.output
    assert "1 findings; 4 segments wait" in result.output
    # The same records; more of them count, since the rows are read from the oldest on.
    assert [line.split()[:4] for line in run("inspect", ring).output.splitlines()[3:-1]] == [
        line.split()[:4] for line in whole.splitlines()[3:-1]
    ]


def test_sectors_of_any_size_are_told_from_the_records(tmp_path: Path) -> None:
    for sector_bytes in (512, 1024, 2048, 4096):
        device = MemorySectorDevice((1 << 20) // sector_bytes, sector_bytes)
        journal = Journal(device, b"saltsalt")
        for _ in range(20):
            journal.begin_session()
        for sequence in range(1, 4):
            journal.seal(sequence, b"no segment" * 40 * sequence, 1000)
        for sector in (0, device.sector_count - 1):
            device.spoil(sector, 20)
        path = tmp_path / f"{sector_bytes}.ring"
        path.write_bytes(device.read(0, device.sector_count))
        assert "3 segments wait, the last is 3" in run("fsck", path).output


def test_a_ring_cut_short_or_made_longer_is_told(ring: Path) -> None:
    whole = ring.read_bytes()
    ring.write_bytes(whole[: 400 * 512])
    result = run("fsck", ring)
    assert result.exit_code == 1 and "the medium of 512 sectors had been cut to 400" in result.output
    ring.write_bytes(whole + bytes(5 * 512))
    result = run("fsck", ring)
    assert result.exit_code == 0 and "note: the ring has 512 sectors, and leaves the rest" in result.output
    assert run("inspect", ring).output.splitlines()[-1].split() == ["262144", "2560", "outside", "not", "the", "ring's"]


def test_an_older_ring_than_what_is_reserved_is_told(ring: Path, media: Recording) -> None:
    reserved = ring.parent / f"{DEVICE.hex()}.reserved"
    reserved.write_bytes(media.reserved.read(0, 2))
    assert run("fsck", ring).exit_code == 0
    newer = Media(MemorySectorDevice(SECTOR_COUNT, 512, media.ring.sectors), media.copy().reserved)
    life = Life(newer, media.promise.snapshot())
    last = life.journal.last_sequence
    life.boot()
    reserved.write_bytes(newer.reserved.read(0, 2))
    result = run("fsck", ring)
    assert result.exit_code == 1 and f"or it goes on at {last + 2} and declares what is missing lost" in result.output
    for sector in (0, 1):
        newer.reserved.spoil(sector, 30)
    reserved.write_bytes(newer.reserved.read(0, 2))
    assert "what is reserved beside the key is damaged" in run("fsck", ring).output
    (ring.parent / "key").mkdir()
    reserved.rename(ring.parent / "key" / reserved.name)
    assert run("fsck", ring).exit_code == 0
    result = CliRunner().invoke(app, ["fsck", str(ring), "--beside", str(ring.parent / "key")])
    assert result.exit_code == 1 and "what is reserved beside the key is damaged" in result.output


@pytest.mark.parametrize("content", [b"", bytes(1 << 18), b"AMOSRING" * 40000, b"AJ\x01\x02" * 70000])
def test_what_is_no_ring_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.ring"
    path.write_bytes(content)
    for command in ("inspect", "fsck"):
        result = run(command, path)
        assert result.exit_code == 1 and ("Error: " in result.output or "Fault: " in result.output)


@pytest.mark.parametrize("command", ["fsck", "inspect"])
def test_what_no_player_writes_to_is_refused_by_name(command: str, tmp_path: Path) -> None:
    pipe, short, endless = tmp_path / "pipe", tmp_path / "short", tmp_path / "endless"
    os.mkfifo(pipe)
    short.write_bytes(b"a few bytes")
    with endless.open("wb") as file:
        file.truncate(2 << 40)
    for path, said in (
        (pipe, "expected a file or a partition"),
        (Path("/dev/full"), "expected a file or a partition"),
        (short, "expected a ring, found 11 bytes"),
        (endless, "superblock.sector_count: expected"),
    ):
        result = CliRunner().invoke(app, [command, str(path)])
        assert result.exit_code == 1 and said in result.output and len(result.output.splitlines()) == 1
