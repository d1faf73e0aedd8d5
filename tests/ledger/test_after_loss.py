"""The lines that an operator copies after a loss."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.forgone import read_forgone
from amos_ledger.after_loss import next_steps
from amos_tools.cli import app as amos

LOST = Checkpoint("ledger.example/amos", 17, bytes(range(32)))


def line_for(size: int, tmp_path: Path) -> list[str]:
    """The words of the line that has the operator give up the lost tree."""
    key = tmp_path / "operator.key"
    key.write_bytes(bytes(32))
    os.chmod(key, 0o600)
    (line,) = (line for line in next_steps(tmp_path, size, LOST) if "amos device forgo" in line)
    return line.replace("FILE", str(key)).replace("forgone.cose", str(tmp_path / "forgone.cose")).split()[1:]


def test_the_line_signs_what_a_copy_that_did_not_serve_has(tmp_path: Path) -> None:
    done = CliRunner().invoke(amos, line_for(12, tmp_path))
    assert done.exit_code == 0, done.output
    forgone = read_forgone((tmp_path / "forgone.cose").read_bytes())
    assert (forgone.kept_size, forgone.lost_size, forgone.lost_root) == (12, 17, LOST.root)


@pytest.mark.parametrize("size", [17, 801])
def test_a_log_that_went_on_names_no_size_that_it_does_not_know(size: int, tmp_path: Path) -> None:
    words = line_for(size, tmp_path)
    assert words[words.index("--kept-size") + 1] == "N"
    assert any("is what the copy had, below 17" in line for line in next_steps(tmp_path, size, LOST))
    words[words.index("N")] = str(size)
    done = CliRunner().invoke(amos, words)
    assert done.exit_code != 0 and f"--kept-size: expected below --lost-size, which is 17, found {size}" in done.output
    assert not (tmp_path / "forgone.cose").exists()
