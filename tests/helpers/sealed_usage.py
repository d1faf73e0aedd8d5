"""What a player of this process signs."""

import pytest

from amos.journal.journal import Journal
from amos.protocol.cbor import Pieces
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage


def sealed_usage(monkeypatch: pytest.MonkeyPatch) -> list[Usage]:
    """A list that grows with each segment that is sealed from now on."""
    found: list[Usage] = []
    seal = Journal.seal

    def noted(self: Journal, number: int, data: Pieces, delivered_ms: int) -> None:
        found.append(Usage.decode(bytes(parse_typed(data.join(), TYP_USAGE, SEGMENT_BYTES_MAX).payload)))
        seal(self, number, data, delivered_ms)

    monkeypatch.setattr(Journal, "seal", noted)
    return found
