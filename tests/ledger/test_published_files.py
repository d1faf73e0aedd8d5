"""What is published beside the log's tiles is looked at too, and written again where it is gone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databases import only_sqlite
from every_kind import NOON, signed_opt_outs
from typer.testing import CliRunner

from amos_ledger import registry
from amos_ledger.audit import follow_now
from amos_ledger.folder import Folder
from amos_ledger.opt_outs import add_opt_outs
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_tools.cli import app

pytestmark = only_sqlite

ADA, CLOSING = "statements/2026-11-EUR/ada.json.gz", "closings/2026-11-EUR.cose"


@pytest.fixture
def settled(world: Any) -> Folder:
    """Of one month, with two opt-out lists."""
    device = world.device()
    world.take(device, *(device.seal() for _ in range(3)))
    world.ledger.close()
    for serial in (1, 2):
        add_opt_outs(world.folder, signed_opt_outs(world, serial, NOON + serial))
    settle_period(world.folder, "2026-11", 10**9, "EUR")
    assert scrub(world.folder) == []
    folder: Folder = world.folder
    return folder


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def published_again(folder: Folder) -> None:
    """As a process does that begins."""
    with folder.open_store() as store:
        registry.publish(folder, store)
        follow_now(folder, store)


@pytest.mark.parametrize(
    "name", ["public/checkpoint", "public/opt-outs.cose", f"public/{CLOSING}", "audit/checkpoint", f"audit/{CLOSING}"]
)
def test_what_is_gone_is_named_and_written_again(settled: Folder, name: str) -> None:
    path = settled.path / name
    data = path.read_bytes()
    path.unlink()
    (found,) = scrub(settled)
    assert (found.where, found.what) == (name, "is not there")
    assert "next publication" in found.remedy and "amos ledger serve" in found.remedy
    published_again(settled)
    assert path.read_bytes() == data and scrub(settled) == []


@pytest.mark.parametrize("name", ["public/opt-outs.cose", f"public/{CLOSING}", f"audit/{CLOSING}"])
def test_what_has_other_bytes_is_named(settled: Folder, name: str) -> None:
    flipped(settled.path / name)
    (found,) = scrub(settled)
    assert (found.where, found.what) == (name, "is not what the log gives") and "remove the file" in found.remedy
    (settled.path / name).unlink()
    published_again(settled)
    assert scrub(settled) == []


@pytest.mark.parametrize("break_it, where", [(flipped, ADA), (Path.unlink, "statements/2026-11-EUR")])
def test_a_statement_that_is_gone_or_damaged_is_named(
    settled: Folder, break_it: Callable[[Path], None], where: str
) -> None:
    data = (settled.public / ADA).read_bytes()
    break_it(settled.public / ADA)
    (found,) = scrub(settled)
    assert found.where == f"public/{where}" and "amos pool settle" in found.remedy
    (settled.public / ADA).unlink(missing_ok=True)
    settle_period(settled, "2026-11", 10**9, "EUR")
    assert (settled.public / ADA).read_bytes() == data and scrub(settled) == []


def test_statements_that_are_gone_as_a_whole_are_counted(settled: Folder) -> None:
    shutil.rmtree(settled.public / "statements")
    said = CliRunner().invoke(app, ["ledger", "fsck", str(settled.path)])
    assert said.exit_code == 1
    assert said.output.startswith("public/statements/2026-11-EUR: 2 of 2 statements are not there; ")
