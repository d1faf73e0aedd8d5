"""What the operator states for a report, beside what the log says."""

from dataclasses import dataclass

from amos_ledger.settlement.venues import Venues

RIGHTS_TYPE = "PerformingRight"
"""The right that background music in a public room uses (DDEX's allowed value)."""
CATEGORY = "background-music"


@dataclass(frozen=True)
class Terms:
    """`territory`: of venues for which none is stated. `payee`: whose shares are told, None for everybody's."""

    venues: Venues
    territory: str = ""
    licence: str = ""
    category: str = CATEGORY
    rights_type: str = RIGHTS_TYPE
    payee: str | None = None
