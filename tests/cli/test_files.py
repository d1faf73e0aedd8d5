"""What a command may write over."""

import os
import threading
from pathlib import Path

import pytest

from amos_cli.files import OutputRefused, begins_with, output_path, write_output


def test_a_file_of_somebody_else_stays(tmp_path: Path):
    file = tmp_path / "a"
    file.write_bytes(b"theirs")
    with pytest.raises(OutputRefused, match="--force"):
        write_output(file, b"<svg>", ours=begins_with(b"<svg"))
    assert file.read_bytes() == b"theirs"
    write_output(file, b"<svg>", force=True)
    write_output(file, b"<svg >", ours=begins_with(b"<svg"))
    assert file.read_bytes() == b"<svg >"


def test_a_link_stays_a_link_and_its_file_is_written(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    write_output(link, b"data")
    assert link.is_symlink() and (tmp_path / "target").read_bytes() == b"data"


def test_a_fifo_gets_the_bytes_and_is_never_replaced(tmp_path: Path):
    fifo, got = tmp_path / "fifo", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    write_output(fifo, b"data")
    reader.join(10)
    assert got == [b"data"] and fifo.is_fifo()
    with pytest.raises(OutputRefused, match="found a FIFO"):
        output_path(fifo, force=True)


def test_a_device_and_a_folder_are_refused_where_a_file_is_renamed(tmp_path: Path):
    for path, found in ((Path("/dev/null"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(OutputRefused, match=f"found {found}"):
            output_path(path, force=True)
    write_output(Path("/dev/null"), b"data")
