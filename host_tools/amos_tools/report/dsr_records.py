"""Records of a DDEX flat-file sales report (DSR): cells, delimiters, escapes. Pure.

After Part 1 (Architecture, clauses on delimiters): a record is a line that ends with a line feed, cells are parted by
tabs, and the values of one cell by pipes. In a text, a tab has one backslash before it, a pipe two, and a backslash is
three. A line break cannot be told: it becomes a space. The cells of each record type are those of Part 8 (Record Type
Definitions) in the versions that `RECORDS` names.
"""

from collections.abc import Sequence
from decimal import Decimal

from amos_ledger.settlement.money import MICRO

RECORDS: dict[str, tuple[str, ...]] = {
    "HEAD": (
        *("RecordType", "MessageVersion", "Profile", "ProfileVersion", "MessageId", "MessageCreatedDateTime"),
        *("FileNumber", "NumberOfFiles", "UsageStartDate", "UsageEndDate", "SenderPartyId", "SenderName"),
        *("ServiceDescription", "RecipientPartyId", "RecipientName", "RepresentedRepertoire"),
    ),
    "SY07.01": (
        *("RecordType", "SummaryRecordId", "DistributionChannel", "DistributionChannelDPID", "CommercialModel"),
        *("UseType", "Territory", "RightsType", "ServiceDescription", "TotalUsages", "Users", "CurrencyOfReporting"),
        *("NetRevenue", "RightsController", "RightsControllerPartyId", "AllocatedUsages", "AllocatedRevenue"),
        *("AllocatedNetRevenue", "CurrencyOfTransaction", "ExchangeRate", "RightsTypePercentage"),
    ),
    "AS02.03": (
        *("RecordType", "BlockId", "ResourceReference", "DspResourceId", "ResourceISRC", "ResourceTitle"),
        *("ResourceSubTitle", "ResourceDisplayArtistName", "ResourceDisplayArtistPartyId", "ResourceDuration"),
        *("ResourceType", "MusicalWorkISWC", "MusicalWorkComposerAuthorName", "MusicalWorkComposerAuthorPartyId"),
        *("MusicalWorkArrangerName", "MusicalWorkArrangerPartyId", "MusicPublisherName", "MusicPublisherPartyId"),
        *("MusicalWorkContributorName", "MusicalWorkContributorPartyId", "ProprietaryMusicalWorkId"),
        *("IsMasterRecording", "IsSubjectToOwnershipConflict", "LastConflictCheck"),
    ),
    "SU03.02": (
        *("RecordType", "BlockId", "SalesTransactionId", "SummaryRecordId", "DspResourceId", "Usages", "NetRevenue"),
        *("ValidityPeriodStart", "ValidityPeriodEnd", "ContentCategory", "IsRoyaltyBearing"),
    ),
    "LI01.03": (
        *("RecordType", "BlockId", "SummaryRecordId", "RightsController", "RightsControllerPartyId"),
        *("RightsControllerWorkId", "RightShare", "RightsType", "AllocatedNetRevenue", "AllocatedAmount"),
        *("AllocatedUsages", "ParentSalesTransactionId", "LicensorDataRecordId"),
    ),
    "FOOT": (
        *("RecordType", "NumberOfLinesInFile", "NumberOfLinesInReport", "NumberOfSummaryRecords"),
        *("NumberOfBlocksInFile", "NumberOfBlocksInReport"),
    ),
}
"""Record type → its cells, in order."""

Value = str | int | Decimal | bool | Sequence[str]


def record(kind: str, **cells: Value) -> str:
    """One line without its end; a cell that is not named is empty."""
    names = RECORDS[kind]
    unknown = cells.keys() - set(names)
    assert not unknown, f"{kind} has no cells {sorted(unknown)}"
    return "\t".join(kind if name == "RecordType" else cell(cells.get(name, "")) for name in names)


def cell(value: Value) -> str:
    """The value as a cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if isinstance(value, str):
        return escaped(value)
    return "|".join(map(escaped, value))


def escaped(text: str) -> str:
    """The text in a cell: on one line, without spaces around it, delimiters escaped."""
    line = "".join(" " if letter in _BREAKS else letter for letter in text).strip(" ")
    return "".join(_ESCAPES.get(letter, letter) for letter in line)


_ESCAPES = {"\t": "\\\t", "|": "\\\\|", "\\": "\\\\\\"}
_BREAKS = set("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")


def units(micro: int) -> Decimal:
    """An amount in units of currency, exact, with six decimals."""
    return Decimal(micro).scaleb(-6).quantize(Decimal(1) / MICRO)


def duration(milliseconds: int) -> str:
    """ISO 8601: PT1H2M3.004S."""
    seconds, thousandths = divmod(milliseconds, 1000)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    fraction = f".{thousandths:03}" if thousandths else ""
    return (
        "PT"
        + (f"{hours}H" if hours else "")
        + (f"{minutes}M" if hours or minutes else "")
        + f"{seconds % 60}{fraction}S"
    )
