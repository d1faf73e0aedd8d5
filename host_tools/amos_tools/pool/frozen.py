"""What withdrawn stems have earned, as statements tell it: by stem, payee and currency, and which closings it rests on.

A closing is an entry of the log, so neither what it gave nor its root ever changes. A later closing adds only what was
played before the withdrawal: in time for it, or late, which is on an account of its own. Nothing is verified here.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from amos.protocol.closing import Closing
from amos.protocol.errors import ProtocolError
from amos_tools.pool.read_core import NotAStatement, each_once
from amos_tools.pool.statement_told import Core
from amos_tools.verify.errors import VerifyError
from amos_tools.verify.light_formats import base64_bytes, unverified
from amos_tools.verify.statement_file import read_statement_file, statement_files

LATE = "frozen_late"


@dataclass(frozen=True, order=True)
class Root:
    """A closing: its period, its entry in the log, and the root of its statements."""

    period: str
    entry: int
    statements_root: str


@dataclass
class Frozen:
    """What a payee has of a stem: credited to the account that is paid out, and to that for what came late."""

    stem: str
    payee: str
    currency: str
    earned_micro: int = 0
    frozen_late_micro: int = 0
    closings: list[Root] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """As programs read it."""
        return asdict(self)


def frozen_of(stems: Collection[str], folder: Path, payee: str = "*") -> list[Frozen]:
    """Of these stems (ids in hexadecimal), by the statements in the folder (in folders of it, or in itself), all of
    them or one payee's, in the order of stem, payee and currency. Raises `NotAStatement`."""
    found: dict[tuple[str, str, str], Frozen] = {}
    for path, core in each_once([*statement_files(folder, "*", payee), *statement_files(folder, payee=payee)]):
        lines = list(_lines(core, stems))
        if not lines:
            continue
        root = _root(path)
        for line in lines:
            key = line["stem"], core["payee"], core["currency"]
            item = found.setdefault(key, Frozen(*key))
            if line.get("account") == LATE:
                item.frozen_late_micro += line["amount_micro"]
            else:
                item.earned_micro += line["amount_micro"]
            if root not in item.closings:
                item.closings.append(root)
    for item in found.values():
        item.closings.sort()
    return [found[key] for key in sorted(found)]


def _lines(core: Core, stems: Collection[str]) -> Iterator[dict[str, Any]]:
    yield from (line for line in core["lines"] if line["stem"] in stems)


def _root(path: Path) -> Root:
    label = "proof.closing.entry"
    closing = json.loads(read_statement_file(path))["proof"]["closing"]
    try:
        entry = base64_bytes(label, closing["entry"])
        said = Closing.decode(unverified(label, entry, "amos-statement+cose"))
    except (ProtocolError, VerifyError) as error:
        raise NotAStatement(f"{path}: {error}") from None
    return Root(said.period, closing["index"], said.statements_root.hex())
