"""A statement's core from its file, for showing: its form is checked, nothing of it is verified."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from amos_tools.pool.statement_days import Detail
from amos_tools.pool.statement_told import Core
from amos_tools.verify.errors import VerifyError
from amos_tools.verify.light import read_detail, speaks_for_itself
from amos_tools.verify.reader import read_core
from amos_tools.verify.statement_file import read_statement_file


class NotAStatement(Exception):
    """The file is none that `amos pool settle` wrote."""


OTHER_FIELDS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What showing raises where a core has other fields than a statement has."""


def read_core_of(path: Path) -> Core:
    """Raises `NotAStatement`."""
    try:
        return read_core(read_statement_file(path))
    except VerifyError as error:
        place = "" if str(error).startswith(f"{path}: ") else f"{path}: "
        raise NotAStatement(f"{place}{error}") from None


def each_once(paths: Iterable[Path]) -> Iterator[tuple[Path, Core]]:
    """Each statement with its core, once: of copies in several folders, that whose path is last. Raises
    `NotAStatement`."""
    seen = set()
    for path in sorted(paths, reverse=True):
        core = read_core_of(path)
        digest = hashlib.sha256(json.dumps(core, sort_keys=True).encode()).digest()
        if digest not in seen:
            seen.add(digest)
            yield path, core


def read_detail_of(path: Path) -> Detail | None:
    """Days and venues, where the statement tells them; its core was read before."""
    data = read_statement_file(path)
    return read_detail(data) if speaks_for_itself(data) else None


def read_place_of(path: Path) -> int:
    """The leaf of the closing on which a statement rests, as it says; -1 where it says none."""
    try:
        return int(json.loads(read_statement_file(path))["proof"]["closing"]["index"])
    except VerifyError as error:
        raise NotAStatement(str(error)) from None
    except OTHER_FIELDS:
        return -1


def other_fields(path: Path) -> NotAStatement:
    """What to raise then."""
    return NotAStatement(f"{path}: expected a statement, found other fields")
