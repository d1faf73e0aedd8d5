"""A closed period as a DDEX DSR message: Part 6, Royalty Reporting Profile 1.1, one file. Pure.

HEAD; a summary (SY07.01) for each territory, tier and payee; a block for each stem: its recording and work (AS02.03),
then for each territory and tier its use (SU03.02) and each payee's part of it (LI01.03); FOOT with the counts. Whoever
implements this standard of DDEX needs its implementation licence, which is free of charge.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from amos.protocol.catalogue import Work
from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement.periods import next_period, parse_period
from amos_tools.report.dsr_records import duration, escaped, record, units
from amos_tools.report.errors import NothingToReport, PeriodOpen, TerritoryUnknown
from amos_tools.report.grouped import Group, groups_of
from amos_tools.report.shares import parts_of
from amos_tools.report.terms import Terms
from amos_tools.report.usage import Money, PeriodUsage

PROFILE, PROFILE_VERSION = "RoyaltyReportingProfile", "1.1"
MESSAGE_VERSION = "dsrf/1.3/1.2/1.4"
"""Architecture, allowed values, record types: those whose text this file follows. Sender and recipient may agree on
others."""

LICENCE = (
    "whoever uses DDEX's standards needs its implementation licence, free of charge: https://ddex.net/implementation"
)
_MESSAGE_ID_DIGITS = 32

Context = tuple[str, int, str]
"""What a summary is about: (territory, tier, payee)."""

Item = TypeVar("Item")
Key = TypeVar("Key")


@dataclass(frozen=True)
class Parties:
    """Sender and recipient, by DDEX party id and name, the service, and DDEX's words for what it does."""

    sender_id: str
    sender: str
    recipient_id: str
    recipient: str
    service: str
    commercial_model: str = "AsPerContract"
    use_type: str = "AsPerContract"
    message_version: str = MESSAGE_VERSION


@dataclass(frozen=True)
class Message:
    """The file, its name after Part 1's convention, and its counts."""

    name: str
    data: bytes
    summaries: int
    blocks: int
    lines: int
    message_id: str

    @property
    def head(self) -> bytes:
        """The first line, which no other message has."""
        return self.data[: self.data.index(b"\n") + 1]


@dataclass(frozen=True, slots=True)
class _Part:
    """A payee's part of a stem's use in a territory and tier."""

    group: Group
    payee: str
    ppm: int
    micro: int

    @property
    def context(self) -> Context:
        return self.group.territory, self.group.tier, self.payee

    @property
    def usages(self) -> Decimal:
        """Plays times share, exact."""
        return units(self.group.plays * self.ppm)


def dsr_message(usage: PeriodUsage, terms: Terms, parties: Parties, created_unix_s: int) -> Message:
    """Raises `PeriodOpen`, `NothingToReport`, `TerritoryUnknown`."""
    if usage.money is None:
        raise PeriodOpen(f"{usage.period}: expected a closed period, found an open one: it has no royalties yet")
    groups = groups_of(usage, terms, with_venues=False)
    if not groups:
        raise NothingToReport(f"{usage.period}: expected some play to report, found none")
    if any(not group.territory for group in groups):
        raise TerritoryUnknown("territory: expected one for every venue, in --venue-list or by --territory; found none")
    by_stem = _by(groups, lambda group: group.stem_id)
    parts = _parts(usage, usage.money, groups, terms.payee)
    by_context = _by(parts, lambda part: part.context)
    numbers = {context: str(number) for number, context in enumerate(sorted(by_context), 1)}
    by_tier = _by(parts, lambda part: part.context[:2])
    body = [
        _summary(usage.money.currency, terms, parties, numbers[context], by_context[context], by_tier[context[:2]])
        for context in numbers
    ]
    blocks = _blocks(usage, terms, by_stem, parts, numbers)
    body += [line for block in blocks for line in block]
    return _message(usage, parties, groups, created_unix_s, body, (len(numbers), len(blocks)))


def _by(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """The items by their key, in their order."""
    found: dict[Key, list[Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def _message(
    usage: PeriodUsage,
    parties: Parties,
    groups: Sequence[Group],
    created_unix_s: int,
    body: list[str],
    counts: tuple[int, int],
) -> Message:
    created = datetime.fromtimestamp(created_unix_s, UTC)
    stamp = f"{created:%Y-%m-%dT%H:%M:%SZ}"
    told = "\n".join([*map(str, vars(parties).values()), stamp, usage.period, *body])
    message_id = hashlib.sha256(told.encode()).hexdigest()[:_MESSAGE_ID_DIGITS]
    lines = [_head(usage.period, parties, message_id, stamp), *body]
    summaries, blocks = counts
    lines.append(
        record(
            "FOOT",
            NumberOfLinesInFile=len(lines) + 1,
            NumberOfLinesInReport=len(lines) + 1,
            NumberOfSummaryRecords=summaries,
            NumberOfBlocksInFile=blocks,
            NumberOfBlocksInReport=blocks,
        )
    )
    territories = sorted({group.territory for group in groups})
    where = territories[0] if len(territories) == 1 else "Multi"
    words = ("DSR", parties.recipient_id, parties.sender_id, parties.service, usage.period, where, "1of1")
    name = "_".join(words) + f"_{created:%Y%m%dT%H%M%S}.tsv"
    return Message(name, "".join(f"{line}\n" for line in lines).encode(), summaries, blocks, len(lines), message_id)


def _head(period: str, parties: Parties, message_id: str, stamp: str) -> str:
    year, month = parse_period(next_period(period))
    last = datetime.fromordinal(datetime(year, month, 1).toordinal() - 1)
    return record(
        "HEAD",
        MessageVersion=parties.message_version,
        Profile=PROFILE,
        ProfileVersion=PROFILE_VERSION,
        MessageId=message_id,
        MessageCreatedDateTime=stamp,
        FileNumber=1,
        NumberOfFiles=1,
        UsageStartDate=f"{period}-01",
        UsageEndDate=f"{last:%Y-%m-%d}",
        SenderPartyId=parties.sender_id,
        SenderName=parties.sender,
        ServiceDescription=parties.service,
        RecipientPartyId=parties.recipient_id,
        RecipientName=parties.recipient,
    )


def _parts(usage: PeriodUsage, money: Money, groups: Sequence[Group], payee: str | None) -> list[_Part]:
    """Each payee's amount of a stem's play, divided over its lines by time."""
    found: list[_Part] = []
    for earning, own in _by(groups, lambda group: group.earning).items():
        for name, ppm in sorted(usage.shares(*earning[:2]).items()):
            if payee in (None, name):
                amount = money.amounts.get(earning, {}).get(name, 0)
                micros = parts_of(amount, [group.exact_ms for group in own], [group.line_id for group in own])
                found += [_Part(group, name, ppm, micro) for group, micro in zip(own, micros, strict=True)]
    return found


def _summary(
    currency: str, terms: Terms, parties: Parties, number: str, own: Sequence[_Part], here: Sequence[_Part]
) -> str:
    """Of the parts of one payee, and of all in the same territory and tier."""
    territory, tier, payee = own[0].context
    amount = sum(part.micro for part in own)
    return record(
        "SY07.01",
        SummaryRecordId=number,
        CommercialModel=parties.commercial_model,
        UseType=parties.use_type,
        Territory=territory,
        RightsType=terms.rights_type,
        ServiceDescription=f"{parties.service}-tier{tier}",
        TotalUsages=sum({part.group.line_id: part.group.plays for part in here}.values()),
        CurrencyOfReporting=currency,
        NetRevenue=units(sum(part.micro for part in here)),
        RightsController=payee,
        AllocatedUsages=sum((part.usages for part in own), Decimal(0)),
        AllocatedRevenue=units(amount),
        AllocatedNetRevenue=units(amount),
    )


def _blocks(
    usage: PeriodUsage,
    terms: Terms,
    by_stem: Mapping[bytes, list[Group]],
    parts: list[_Part],
    numbers: dict[Context, str],
) -> list[list[str]]:
    by_group = _by(parts, lambda part: part.group.line_id)
    blocks = []
    for number, (stem_id, groups) in enumerate(by_stem.items(), 1):
        block = f"BL{number}"
        lines = [_recording(block, usage, stem_id)]
        for group in groups:
            lines += _use(block, group, by_group[group.line_id], terms, numbers)
        blocks.append(lines)
    return blocks


def _recording(block: str, usage: PeriodUsage, stem_id: bytes) -> str:
    work: Work = usage.works[stem_id]
    composers = work.composers or []
    known = any(who.ipi for who in composers)
    return record(
        "AS02.03",
        BlockId=block,
        ResourceReference="1",
        DspResourceId=stem_id.hex(),
        ResourceISRC=work.isrc or "",
        ResourceTitle=work.title if escaped(work.title) else stem_id.hex(),  # the cell may not be empty
        ResourceDisplayArtistName=work.artist,
        ResourceDuration=duration(int(usage.seconds_of[stem_id] * 1000)),
        ResourceType="SoundRecording",
        MusicalWorkISWC=work.iswc or "",
        MusicalWorkComposerAuthorName=[who.name for who in composers],
        MusicalWorkComposerAuthorPartyId=[f"IPI::{who.ipi}" if who.ipi else "" for who in composers] if known else "",
        MusicPublisherName=work.publisher or "",
    )


def _use(block: str, group: Group, parts: list[_Part], terms: Terms, numbers: dict[Context, str]) -> list[str]:
    """The use of a stem in a territory and tier, and whose it is."""
    lines = [
        record(
            "SU03.02",
            BlockId=block,
            SalesTransactionId=group.line_id,
            DspResourceId=group.stem_id.hex(),
            Usages=group.plays,
            NetRevenue=units(sum(part.micro for part in parts)),
            IsRoyaltyBearing=group.earns,
        )
    ]
    return lines + [
        record(
            "LI01.03",
            BlockId=block,
            SummaryRecordId=numbers[part.context],
            RightsController=part.payee,
            RightShare=(Decimal(part.ppm) * 100 / PPM),
            RightsType=terms.rights_type,
            AllocatedNetRevenue=units(part.micro),
            AllocatedAmount=units(part.micro),
            AllocatedUsages=part.usages,
            ParentSalesTransactionId=group.line_id,
        )
        for part in parts
    ]
