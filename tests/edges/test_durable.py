"""A file is replaced whole: what fails or is cut leaves what was there."""

import os
from pathlib import Path
from typing import Any

import pytest

from amos.edges import durable_host
from amos.edges.durable_host import write_whole


def test_a_file_is_made_and_replaced_with_its_mode_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "note"
    for data, mode in ((b"one", 0o644), (b"", 0o600), (b"three" * 100_000, 0o640)):
        write_whole(target, data, mode)
        assert target.read_bytes() == data and target.stat().st_mode & 0o777 == mode
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_name_in_the_working_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_whole("note", b"here")
    assert (tmp_path / "note").read_bytes() == b"here"


@pytest.mark.parametrize("failing", ["fsync", "replace", "fchmod"])
def test_a_failure_leaves_what_was_there_and_nothing_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    target = tmp_path / "note"
    write_whole(target, b"before")

    def fail(*_told: Any, **_named: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(durable_host.os, failing, fail)
    with pytest.raises(OSError, match="no space left"):
        write_whole(target, b"after")
    monkeypatch.undo()
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_the_data_is_synced_before_it_has_the_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    def replaced(source: Any, target: Any) -> None:
        done.append("replace")
        replace(source, target)

    monkeypatch.setattr(durable_host.os, "fsync", synced)
    monkeypatch.setattr(durable_host.os, "replace", replaced)
    write_whole(tmp_path / "note", b"data")
    assert done == ["file", "replace", "folder"]
