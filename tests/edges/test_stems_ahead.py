"""Stems are checked by a thread before they are placed, so that no placement waits for a card."""

import shutil
import threading
from pathlib import Path

import pytest
from output_player import PUBLISHER, RATE_HZ, Player

from amos import crypto
from amos.edges.stem_file import BlobError
from amos.edges.stems_ahead_host import StemsAhead
from amos.packs import folder as pack_folder
from amos.packs.folder import PackFolder, open_pack


def opened(folder: Path) -> PackFolder:
    return open_pack(str(folder), crypto.public_key(PUBLISHER), crypto.verify)


def wait_until_checked(pack: PackFolder, ahead: StemsAhead) -> None:
    ahead._thread.join(60)
    assert not ahead._thread.is_alive()
    ahead.stop()


def test_no_placement_hashes_what_was_checked_ahead(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = opened(pack)
    wait_until_checked(folder, StemsAhead(folder))
    monkeypatch.setattr(pack_folder, "_file_sha256", lambda *_told: pytest.fail("hashed at its placement"))
    for index in range(len(folder.manifest.stems)):
        assert folder.stem(index).frames > 0


def test_a_bad_blob_is_found_ahead_and_stays_silent(pack: Path, tmp_path: Path) -> None:
    shutil.copytree(pack, tmp_path / "broken")
    folder = opened(tmp_path / "broken")
    blob = Path(folder.blob_path(folder.manifest.stems[3].sha256))
    data = bytearray(blob.read_bytes())
    data[5] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(data)
    wait_until_checked(folder, StemsAhead(folder))
    with pytest.raises(BlobError, match="stem 3: expected SHA-256"):
        folder.stem(3)
    assert folder.stem(4).frames > 0


def test_stopping_ends_it_with_the_stem_in_hand(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, begun, go_on, hashed = opened(pack), threading.Event(), threading.Event(), []
    honest = pack_folder._file_sha256

    def slow(path: str, expect: object) -> bytes:
        hashed.append(path)
        begun.set()
        assert go_on.wait(60)
        return honest(path, expect)

    monkeypatch.setattr(pack_folder, "_file_sha256", slow)
    ahead = StemsAhead(folder)
    assert begun.wait(60)
    stopping = threading.Thread(target=ahead.stop)
    stopping.start()
    stopping.join(0.1)
    assert stopping.is_alive()  # it owns the stem until it is done
    go_on.set()
    stopping.join(60)
    assert len(hashed) == 1


def test_a_player_in_real_time_checks_ahead(player: Player) -> None:
    """Of sixteen stems eight are placed in the first bar; the files of the others are read before any is due."""
    process = player.start(out="alsa:card")
    pack = Path(str(player.settings["pack"]))
    all_bytes = sum(path.stat().st_size for path in (pack / "blobs").iterdir())

    def read_bytes() -> int:
        counts = Path(f"/proc/{process.pid}/io").read_text()
        return int(dict(line.split(": ") for line in counts.splitlines())["rchar"])

    status = player.wait_for_status(lambda status: status.frame > 0 and read_bytes() > all_bytes)
    process.terminate()
    process.communicate(timeout=120)
    assert status.frame < 8 * RATE_HZ  # the first section, of four bars
