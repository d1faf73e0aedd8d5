"""What the journal reads: one line an event, its priority first, its fields last; people get the time."""

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import logging
from amos_cli.logs import set_up_logging
from amos_sync.notes import Notes
set_up_logging("courier")
notes = Notes()
notes.wrong("unix:/run/a b.sock", "nobody\\nlistens", 0)
notes.over("unix:/run/a b.sock", "somebody does", 1)
logging.getLogger("x").error("lost")
"""


def said(folder: Path, journal: bool) -> list[str]:
    with (folder / "stderr").open("w+") as file:
        found = os.fstat(file.fileno())
        stream = f"{found.st_dev}:{found.st_ino}" if journal else "1:1"
        environment = os.environ | {"JOURNAL_STREAM": stream}
        subprocess.run([sys.executable, "-c", CODE], stderr=file, env=environment, check=True)
    return (folder / "stderr").read_text().splitlines()


def test_the_journal_gets_priorities_and_fields(tmp_path: Path) -> None:
    assert said(tmp_path, True) == [
        '<4>courier: nobody listens subject="unix:/run/a b.sock"',
        '<6>courier: somebody does subject="unix:/run/a b.sock"',
        "<3>courier: lost",
    ]


def test_people_get_the_time(tmp_path: Path) -> None:
    lines = said(tmp_path, False)
    assert len(lines) == 4 and lines[0].endswith(" courier: nobody") and "subject" not in "".join(lines)
