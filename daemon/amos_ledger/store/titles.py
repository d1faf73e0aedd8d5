"""The step from schema 8 to 9: a closing's title does not depend on the order in which periods are settled."""

from amos.protocol.closing import TYP_STATEMENT, Closing
from amos.protocol.cose import parse_typed
from amos.protocol.ledger_limits import CLOSING_BYTES_MAX
from amos_ledger.store.database import Database


def to_9(database: Database, _now_ms: int) -> None:
    """The period's first closing was called by the period alone, in whichever currency it was."""
    sql = "SELECT closing.period, entry.leaf_index, entry.bytes FROM closing JOIN entry USING (leaf_index)"
    for before, index, entry in database.rows(sql):
        closing: Closing = Closing.decode(parse_typed(bytes(entry), TYP_STATEMENT, CLOSING_BYTES_MAX).payload)
        database.run("UPDATE closing SET period = ? WHERE leaf_index = ?", (closing.title(), index))
        database.run("UPDATE earned SET period = ? WHERE period = ?", (closing.title(), before))
