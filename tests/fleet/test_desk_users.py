"""The desk and the pages as two users of one group, as their units run them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

DESK, PAGES, GROUP, STRANGER = 64_001, 64_002, 64_003, 64_004
AS = """
import json, os, sys
from pathlib import Path
from amos_tools.fleet.orders.folder import DeskFolder, Offered
from amos_tools.fleet.orders.order import pair_order
os.setgroups(json.loads(sys.argv[2])); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[4])); os.umask(0o027)
desk = DeskFolder(Path(sys.argv[1]))
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


@pytest.fixture
def desk() -> Iterator[Path]:
    """As systemd makes a StateDirectory."""
    with tempfile.TemporaryDirectory(prefix="amos-desk-") as folder:
        path = Path(folder)
        os.chown(path, DESK, GROUP)
        path.chmod(0o750)
        yield path


def run_as(user: int, group: int, groups: list[int], desk: Path, code: str) -> str:
    words = [sys.executable, "-c", AS + code, str(desk), json.dumps(groups), str(group), str(user)]
    done = subprocess.run(words, capture_output=True, text=True, cwd="/", timeout=120)
    return done.stdout + done.stderr


def test_the_pages_leave_orders_and_read_and_write_nothing_else(desk: Path) -> None:
    def at_desk(code: str) -> str:
        return run_as(DESK, GROUP, [], desk, code)

    def at_pages(code: str) -> str:
        return run_as(PAGES, PAGES, [GROUP], desk, code)

    assert at_desk("desk.make(); desk.offer(Offered(7)); desk.tell('Kim', 'x', 'done'); desk.draw('p', '<svg/>')") == ""
    assert at_pages("desk.put(pair_order('Kim', 'harbour-cafe'))") == ""
    assert at_pages("print(desk.offered().unix_s, desk.trail(1)[0]['who'], desk.week('p'))") == "7 Kim <svg/>\n"
    (order,) = (desk / "orders").iterdir()
    assert (order.stat().st_uid, order.stat().st_gid) == (PAGES, GROUP)
    for code in (
        "desk.offer(Offered(8))",
        "desk.tell('Kim', 'x', 'done')",
        "desk.draw('p', '')",
        "open(sys.argv[1] + '/rollouts/x.json', 'w')",
        "open(sys.argv[1] + '/pairing.json', 'w')",
    ):
        assert "PermissionError" in at_pages(code), code
    seen_to = "(path,) = desk.waiting(); print(desk.read(path).given['site']); path.unlink()"
    assert at_desk(seen_to) == "harbour-cafe\n"
    assert "PermissionError" in run_as(STRANGER, STRANGER, [], desk, "print(desk.trail(1)); os.listdir(sys.argv[1])")
