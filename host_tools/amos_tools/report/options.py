"""Options that reports share, and what they come to."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.closing import COMMUNAL
from amos.protocol.printable_host import printable
from amos_batches.runner import open_runner
from amos_cli.key_files import read_key
from amos_cli.names import hint
from amos_cli.paths import file_option, folder_option
from amos_cli.text import shown_line
from amos_ledger.folder import Folder
from amos_ledger.settlement.money import parse_currency
from amos_ledger.settlement.periods import parse_period
from amos_ledger.settlement.venues import NAME, PSEUDONYM, REGION, VenuePolicyError, Venues
from amos_ledger.venue_policy import read_policy
from amos_tools.report.errors import BadParty, PayeeUnknown, PolicyIncomplete
from amos_tools.report.usage import PeriodUsage, read_period
from amos_tools.report.venue_list import check_territory, read_venues
from amos_tools.verify.keys import pin_keys
from amos_tools.verify.published import Published


class VenuesShown(StrEnum):
    """How venues appear."""

    name = NAME
    region = REGION
    pseudonym = PSEUDONYM


Key = Annotated[str | None, typer.Option(metavar="HEX", help="Ed25519 public key, 64 hexadecimal digits.")]
Period = Annotated[str, typer.Option(metavar="YYYY-MM", help="The month, UTC.")]
Currency = Annotated[
    str | None, typer.Option(metavar="CODE", help="Whose money is told, of several; default: that settled first.")
]
Place = Annotated[str, typer.Option("--published", metavar="FOLDER|URL", help="The ledger's audit folder.")]
KeysFile = Annotated[
    Path | None, file_option(help='JSON: {"ledger": HEX, "publisher": HEX, "operator": HEX}, and "origin": NAME.')
]
Shown = Annotated[VenuesShown, typer.Option("--venues", help="How venues appear: the operator's policy.")]
VenueKey = Annotated[
    Path | None, file_option("--venue-key-file", help="The operator's key for pseudonyms (amos key makes one).")
]
VenueList = Annotated[
    Path | None, file_option("--venue-list", metavar="CSV", help="site,name,region,territory, as far as stated.")
]
PolicyOf = Annotated[
    Path | None,
    folder_option(
        "--venue-policy", metavar="LEDGER", help="Venues as this ledger's statements show them, in place of the others."
    ),
]
Territory = Annotated[
    str, typer.Option(metavar="CC", help="ISO 3166-1, two letters: of venues for which the list has none.")
]
Licence = Annotated[str, typer.Option(help="The licence under which the music is played, as the society names it.")]
RightsType = Annotated[str, typer.Option(help="The right that is used, in DDEX's words.")]
Payee = Annotated[str | None, typer.Option(help="Only stems of this payee, and only this payee's share.")]
Pool = Annotated[str, typer.Option("--pool", metavar="NAME", help="Play of this pool's sites alone.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is no such report.")]

WORDS_BYTES_MAX = 200
"""As titles have in the log: more fits no column."""

_DPID = re.compile(r"PADPIDA[A-Za-z0-9]+")


@dataclass(frozen=True)
class Source:
    """Where the log is and whose keys it must be signed by."""

    published: str
    keys_file: Path | None
    ledger_key: str | None
    publisher_key: str | None
    operator_key: str | None
    cluster: str | None

    def read(
        self, period: str, keep_placements: bool = False, currency: str | None = None, pool: str = COMMUNAL
    ) -> PeriodUsage:
        """The period in that pool, verified. Raises `PeriodError`, `MoneyError`, `VerifyError`, `BatchError`."""
        parse_period(period)
        if currency is not None:
            parse_currency(currency)
        given = {"ledger": self.ledger_key, "publisher": self.publisher_key, "operator": self.operator_key}
        keys = pin_keys(self.keys_file, given)
        with open_runner(self.cluster) as runner:
            return read_period(Published(self.published), keys, period, runner, keep_placements, currency, pool)


def venues_of(shown: VenuesShown, key_file: Path | None, venue_list: Path | None, ledger: Path | None = None) -> Venues:
    """The operator's policy. Raises `PolicyIncomplete`, `KeyFileError`, `BadVenueList`, `LedgerError`."""
    if ledger is not None:
        if key_file is not None or venue_list is not None or shown != VenuesShown.pseudonym:
            raise PolicyIncomplete("venues: expected --venue-policy alone, without the other options about venues")
        return read_policy(Folder(ledger))
    key = None if key_file is None else read_key(key_file)
    try:
        return Venues(shown.value, key, read_venues(venue_list) if venue_list else {})
    except VenuePolicyError:
        raise PolicyIncomplete(
            "venues: expected --venue-key-file for pseudonyms (amos key FILE makes one), or --venues name or region"
        ) from None


def checked_territory(text: str) -> str:
    """Raises `BadVenueList`."""
    check_territory("--territory", text)
    return text


def checked_dpid(option: str, text: str) -> str:
    """A DDEX party id. Raises `BadParty`."""
    if not _DPID.fullmatch(text):
        raise BadParty(f"{option}: expected a DDEX party id such as PADPIDA2026010101A, found {text[:40]!r}")
    return text


def checked_words(option: str, text: str) -> str:
    """A party's name, or words of DDEX or of a licence. Raises `UsageError`."""
    return shown_line(option, text, WORDS_BYTES_MAX)


def check_payee(usage: PeriodUsage, payee: str | None) -> None:
    """That a catalogue names whom the report is about. Raises `PayeeUnknown`."""
    known = {share.payee for work in usage.works.values() for share in work.splits}
    known |= {name for shares in usage.splits.values() for name in shares}
    if payee is not None and payee not in known:
        found = f"{printable(payee, 64)}{hint(payee, known)}"
        raise PayeeUnknown(f"payee: expected one that a catalogue names, found {found}")


def checked_service(text: str) -> str:
    """A service's name, fit for a file's name. Raises `BadParty`."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise BadParty(f"--service: expected letters, digits and -, found {text[:40]!r}")
    return text
