"""A statement's core from its file, for showing: its form is checked, nothing of it is verified."""

from pathlib import Path

from amos_tools.pool.statement_told import Core
from amos_tools.verify.errors import VerifyError
from amos_tools.verify.published import read_file
from amos_tools.verify.reader import STATEMENT_BYTES_MAX, read_core


class NotAStatement(Exception):
    """The file is none that `amos pool settle` wrote."""


OTHER_FIELDS = (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError)
"""What showing raises where a core has other fields than a statement has."""


def read_core_of(path: Path) -> Core:
    """Raises `NotAStatement`."""
    try:
        return read_core(read_file(path, STATEMENT_BYTES_MAX))
    except VerifyError as error:
        place = "" if str(error).startswith(f"{path}: ") else f"{path}: "
        raise NotAStatement(f"{place}{error}") from None


def other_fields(path: Path) -> NotAStatement:
    """What to raise then."""
    return NotAStatement(f"{path}: expected a statement, found other fields")
