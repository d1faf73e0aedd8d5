"""What a payee is shown of their statements: balances over all periods, and each whole. Nothing is verified here."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from amos.crypto import verify
from amos.protocol.delegated import open_delegated, stem_ids_of
from amos.protocol.errors import ProtocolError
from amos.protocol.opt_outs import open_opt_outs
from amos_cli.output import UsageError
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.opt_outs import DELEGATED, published
from amos_tools.pool.frozen import Frozen, frozen_of
from amos_tools.pool.history import Month, NoStatements, history
from amos_tools.pool.read_core import OTHER_FIELDS, NotAStatement, other_fields, read_core_of, read_detail_of
from amos_tools.pool.statement_html import statement_parts
from amos_tools.pool.statement_told import FORMATS, title_of
from amos_web.errors import WebRefusal


@dataclass(frozen=True)
class Books:
    """All of a payee: their statements, the latest first, and what withdrawn stems have earned until they were."""

    months: list[Month]
    frozen: list[Frozen]

    @property
    def latest(self) -> list[Month]:
        """Of each currency the last statement, of whichever pool: what is on the accounts, which pools share."""
        last: dict[str, Month] = {}
        for month in self.months:
            last.setdefault(month.currency, month)
        return list(last.values())


def books_of(folder: Folder, payee: str) -> Books:
    """Raises `WebRefusal`."""
    statements = folder.public / "statements"
    try:
        months = history(payee, statements)
        return Books(months[::-1], frozen_of(_withdrawn(folder), statements, payee))
    except NoStatements:
        return Books([], [])
    except OTHER_FIELDS:
        raise _unreadable(other_fields(statements)) from None
    except (NotAStatement, UsageError, OSError) as error:
        raise _unreadable(error) from None


def place_of(month: Month) -> str:
    """What names a statement in an address: its folder, as in 2026-11-EUR."""
    return Path(month.file).parent.name


def file_of(folder: Folder, payee: str, place: str) -> Path:
    """The payee's statement of that name: of those that the payee has, never of another. Raises `WebRefusal`."""
    for month in books_of(folder, payee).months:
        if place_of(month) == place:
            return Path(month.file)
    raise WebRefusal(
        404, "StatementUnknown", "you have no statement of this name", "the first page lists those you have"
    )


def statement_of(path: Path) -> tuple[str, str]:
    """(heading, HTML) of a statement. Raises `WebRefusal`."""
    try:
        core = read_core_of(path)
        if core["format"] not in FORMATS:
            raise NotAStatement(f"{path.name}: expected a statement of version 4 or later; amos pool show tells it")
        return f"{core['payee']}, {title_of(core)}", "\n".join(statement_parts(core, read_detail_of(path)))
    except OTHER_FIELDS:
        raise _unreadable(other_fields(path)) from None
    except (NotAStatement, OSError) as error:
        raise _unreadable(error) from None


def frozen_of_stem(folder: Folder, payee: str, stem: str) -> list[Frozen]:
    """What the payee has earned of that stem, which is frozen while it is withdrawn. Raises `WebRefusal`."""
    try:
        return frozen_of({stem}, folder.public / "statements", payee)
    except OTHER_FIELDS:
        raise _unreadable(other_fields(folder.public / "statements")) from None
    except (NotAStatement, UsageError, OSError) as error:
        raise _unreadable(error) from None


def _withdrawn(folder: Folder) -> Collection[str]:
    """The stems of the opt-out lists in force, in hexadecimal."""
    found: set[str] = set()
    folder = Folder(folder.path)  # the keys as the log has them now
    try:
        key, data = folder.trust.publisher_key, published(folder)
        if data is not None:
            found |= {stem_id.hex() for stem_id in stem_ids_of(open_opt_outs(data, key, verify))}
        data = published(folder, DELEGATED)
        if data is not None:
            listed = open_delegated(data, key, verify, folder.line.keys)
            found |= {stem_id.hex() for stem_id in stem_ids_of(listed)}
    except (LedgerError, ProtocolError) as error:
        raise _unreadable(error) from None
    return found


def _unreadable(error: Exception) -> WebRefusal:
    return WebRefusal(503, "StatementsUnreadable", f"statements cannot be read: {error}", "tell the operator")
