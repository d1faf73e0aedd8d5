"""Every entry of the log in order: who signed it, and whether it follows from those before.

What is said of each device is held together in `devices.py`; what each entry says by itself was read before
(`opened.py`).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from amos.crypto import verify
from amos.protocol.batch import batch_unix_s
from amos.protocol.closing import TYP_STATEMENT, Closing, open_closing
from amos.protocol.cose import HEADER_TYP, TYP_OPT_OUTS, TYP_ROTATION, parse
from amos.protocol.delegated import TYP_DELEGATED_OPT_OUTS, DelegatedOptOuts, open_delegated
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment, open_enrolment
from amos.protocol.errors import MessageError, ProtocolError, SignatureError
from amos.protocol.forgone import TYP_FORGONE, Forgone, open_forgone
from amos.protocol.key_line_host import Verify
from amos.protocol.licence_pool import TYP_POOL, LicencePool, open_pool
from amos.protocol.log_text import genesis_entry
from amos.protocol.loss import TYP_LOSS, Loss, open_loss
from amos.protocol.opt_outs import OptOuts, open_opt_outs
from amos.protocol.quarantine import TYP_RULING, Ruling, open_ruling
from amos.protocol.revocation import TYP_REVOCATION, Revocation, open_revocation
from amos_tools.verify.accruing import Accrues, accrual, month_of, natural_period, open_period
from amos_tools.verify.closings import Closings
from amos_tools.verify.decided import Decided
from amos_tools.verify.devices import (
    Devices,
    check_chain,
    check_gaps,
    check_kind,
    key_in_force,
    take_enrolment,
    take_loss,
    take_revocation,
)
from amos_tools.verify.errors import Difference, same
from amos_tools.verify.forgone import GivenUp
from amos_tools.verify.leaf_runs import LeafRuns
from amos_tools.verify.light_accounts import (
    TYP_TRANSFER,
    Transfer,
    carry_account,
    check_reference,
    effect,
    read_transfer,
)
from amos_tools.verify.lines import Lines
from amos_tools.verify.opened import Fault, Said, Unsigned, UsageSaid
from amos_tools.verify.pools import COMMUNAL, Pools
from amos_tools.verify.standing import DATED_BACK_S_MAX, Receptions, flags
from amos_tools.verify.tree import ENTRY_BYTES_MAX
from amos_tools.verify.unsettled import Unsettled

WORDS: dict[object, Callable[[bytes, bytes, Verify], object]] = {
    TYP_ENROLMENT: open_enrolment,
    TYP_REVOCATION: open_revocation,
    TYP_LOSS: open_loss,
    TYP_FORGONE: open_forgone,
    TYP_RULING: open_ruling,
    TYP_POOL: open_pool,
}
"""Type → what opens it, of what the operator signs."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A segment of the period and how it stands. `began_s`: when it began by the player's clock, None where that is not
    believed. `received_s`: when the ledger received it, None in front of the first batch entry; `undated_s`: the moment
    of what nobody can date. `revoked`: a revocation of its key stands before it in the log. `site`: where its device
    was enrolled by then."""

    index: int
    entry: bytes
    usage: UsageSaid
    accrual: str
    flags: frozenset[str]
    began_s: int | None
    revoked: bool
    received_s: int | None
    undated_s: int
    site: str


@dataclass(frozen=True)
class Before:
    """What the first reading found that the walk must know beforehand: what the first batch entry says, None where
    there is none; and the closings that list leaves, by index, ascending."""

    first_batch_s: int | None
    listed: tuple[tuple[int, Closing], ...]

    def first_open(self) -> str | None:
        """The month of the first batch entry, or the first after it that no closing of these settled."""
        return open_period(month_of(self.first_batch_s), {closing.period: at for at, closing in self.listed})


NOTHING_BEFORE = Before(None, ())


@dataclass
class Target:
    """A closing whose readings are taken, in the order of the log; or a period that no closing settles, whose index is
    the size of the log.

    before    the leaf in front of which the readings stand, and what decided about them: the closing's own, or in a
              further currency that of the period's first
    leaves    those that the closing lists; None of one that settles all that accrues to its period
    pool      in which they are; None: in any
    take      takes a reading
    ended     is called behind the closing, with what the walk found until then
    opt_outs  how many lists stand in front of `before`, and `catalogue_serial` under which the log names the catalogue
              that pays then, None where it names none; both are known behind it
    """

    index: int
    before: int
    period: str
    take: Callable[[Reading], None]
    leaves: LeafRuns | None = None
    pool: str | None = None
    ended: Callable[["Log"], None] | None = None
    opt_outs: int = 0
    catalogue_serial: int | None = None


@dataclass
class Log:
    """What the walk found.

    targets   whose readings are taken
    closed    periods closed so far, with the index of the first closing; `closings` are all
    carries   what each (currency, account of a pool's carry) has: its last closing's, and what transfers gave or took
    incomes   what transfers left for each (currency, account of a pool, period)
    transfers (leaf index, transfer) of all so far, and the references of those that have one
    unsettled usage that no closing has settled; before the first batch entry it accrues by the player's clock alone
    received  when what follows was received, in Unix seconds; None before the first batch entry
    receptions all of these
    opt_outs  how many lists so far; `last_opt_outs` and `last_delegated` are the last of each kind
    decided   documents and quarantines in force
    pools     which site is in which pool
    """

    publisher_key: bytes
    lines: Lines
    origin: str
    targets: Sequence[Target]
    devices: Devices = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)
    carries: dict[tuple[str, str], int] = field(default_factory=dict)
    incomes: dict[tuple[str, str, str], int] = field(default_factory=dict)
    closings: Closings = field(default_factory=Closings)
    last_closing: int | None = None
    unsettled: Unsettled = field(default_factory=Unsettled)
    received: int | None = None
    opt_outs: int = 0
    last_opt_outs: OptOuts | None = None
    last_delegated: DelegatedOptOuts | None = None
    receptions: Receptions = field(default_factory=Receptions)
    decided: Decided = field(default_factory=Decided)
    pools: Pools = field(default_factory=Pools)
    segments: int = 0
    given_up: GivenUp = field(default_factory=GivenUp)
    before: Before = NOTHING_BEFORE
    listed: tuple[tuple[int, LeafRuns], ...] = ()
    transfers: list[tuple[int, Transfer]] = field(default_factory=list)
    references: set[str] = field(default_factory=set)


def walk(
    entries: Iterable[tuple[bytes, Said]],
    origin: str,
    targets: Sequence[Target],
    publisher_key: bytes,
    lines: Lines,
    before: Before = NOTHING_BEFORE,
) -> Log:
    """Check every entry, once; give each target the readings that are its own. `lines` are those that the same entries
    gave. Raises `Difference`."""
    for target in targets:
        for first, count in (target.leaves or LeafRuns()).pairs():
            if first + count > target.index:
                label = f"entry {target.index}: closing.settled"
                raise Difference(label, f"leaves below {target.index}", f"{first} to {first + count - 1}")
    log = Log(publisher_key, lines, origin, targets, before=before)
    log.listed = tuple((at, LeafRuns(item.ranges())) for at, item in before.listed)
    for index, (entry, said) in enumerate(entries):
        _take(log, index, entry, said)
    check_gaps(log.devices)
    return log


def _take(log: Log, index: int, entry: bytes, said: Said) -> None:
    label = f"entry {index}"
    if index == 0:
        genesis = genesis_entry(log.origin)
        if entry != genesis:
            raise Difference(f"{label}: genesis", genesis.decode().strip(), entry.decode(errors="replace"))
        return
    try:
        if log.given_up.take_leaf(index, entry):
            return
        received = batch_unix_s(entry)
        if received is not None:
            log.received = received
            log.receptions.take(index, received)
            return
        if log.decided.take_text(index, entry, log.devices.keys()):
            return
        if said is not None:
            _take_usage(log, index, entry, _signed(log, label, said))
            return
        typ = parse(entry, ENTRY_BYTES_MAX).header.get(HEADER_TYP)
        if typ == TYP_OPT_OUTS:
            _take_opt_outs(log, index, open_opt_outs(entry, log.publisher_key, verify))
        elif typ == TYP_DELEGATED_OPT_OUTS:
            opened = open_delegated(entry, log.publisher_key, verify, log.lines.ledger.keys)
            _take_delegated(log, index, opened)
        elif typ == TYP_STATEMENT:
            check_gaps(log.devices)
            closing = open_closing(entry, log.lines.ledger.at(index), verify)
            log.decided.check_closing(label, closing)
            serial = log.decided.paying_serial
            _take_closing(log, index, closing)
            _end_targets(log, index, serial)
        elif typ in WORDS:
            _take_word(log, index, log.lines.operator.open_at(index, entry, WORDS[typ], verify))
        elif typ == TYP_TRANSFER:
            _take_transfer(log, index, read_transfer(f"{label}: transfer", entry, log.lines.ledger.at(index)))
        elif typ == TYP_ROTATION:
            log.lines.check_of(index)
        else:
            raise Difference(
                f"{label}: typ",
                "usage, enrolment, revocation, ruling, pool, forgone, loss, rotation, opt-outs, closing, transfer",
                typ,
            )
    except SignatureError as error:
        raise Difference(f"{label}: signature", "one that verifies", f"one that does not ({error})") from None
    except ProtocolError as error:
        raise Difference(label, "a message of its format", f"a fault ({error})") from None


def _take_word(log: Log, index: int, word: object) -> None:
    """What the operator signed."""
    label = f"entry {index}"
    if isinstance(word, Enrolment):
        take_enrolment(log.devices, label, word, log.received is not None)
        log.pools.take_enrolment(word, log.received)
    elif isinstance(word, Revocation):
        take_revocation(log.devices, label, word)
    elif isinstance(word, Loss):
        take_loss(log.devices, label, word)
    elif isinstance(word, LicencePool):
        log.pools.take(label, word, log.received)
    elif isinstance(word, Forgone):
        log.given_up.take(index, word)
    else:
        assert isinstance(word, Ruling)
        log.decided.take_ruling(label, word)


def _take_opt_outs(log: Log, index: int, opt_outs: OptOuts) -> None:
    """Serials rise, and instants do not fall, or it would be unclear which list was in force."""
    before = log.last_opt_outs
    if before is not None:
        if opt_outs.serial <= before.serial:
            raise Difference(f"entry {index}: opt-outs.serial", f"above {before.serial}", opt_outs.serial)
        _check_since(index, opt_outs, before.issued_unix_s)
    log.last_opt_outs = opt_outs
    log.opt_outs += 1


def _take_delegated(log: Log, index: int, opt_outs: DelegatedOptOuts) -> None:
    """The same of a delegated key's, whose instant may fall with another delegation alone, and is not dated back."""
    before = log.last_delegated
    if before is not None:
        if opt_outs.rank <= before.rank:
            raise Difference(f"entry {index}: opt-outs.serial", f"above {before.rank}", opt_outs.rank)
        if opt_outs.delegation_serial == before.delegation_serial:
            _check_since(index, opt_outs, before.issued_unix_s)
    _check_since(index, opt_outs, log.receptions.latest(opt_outs.batches_from) - DATED_BACK_S_MAX)
    log.last_delegated = opt_outs
    log.opt_outs += 1


def _check_since(index: int, opt_outs: OptOuts, earliest_s: int) -> None:
    if opt_outs.issued_unix_s < earliest_s:
        raise Difference(f"entry {index}: opt-outs.issued_unix_s", f"from {earliest_s}", opt_outs.issued_unix_s)


def _signed(log: Log, label: str, said: UsageSaid | Unsigned | Fault) -> UsageSaid:
    """Usage that verifies, of a device and by a key that were enrolled before."""
    if isinstance(said, Fault):
        raise SignatureError(said.text) if said.signature else MessageError(said.text)
    # A device that never changed its key has that key's id; of another, only the payload tells whose it is.
    device_id = said.kid if said.kid in log.devices else said.device_id
    device = log.devices.get(device_id)
    if device is None:
        raise Difference(f"{label}: usage.device_id", "one enrolled before", device_id)
    _key, signs = key_in_force(label, device, said.kid)
    if isinstance(said, Unsigned):
        raise Difference(f"{label}: usage, key id", "that of a key that an enrolment names", said.kid)
    if said.device_id != device_id:
        raise MessageError(f"usage.device_id: expected {device_id.hex()}, found {said.device_id.hex()}")
    if said.sequence not in signs:
        raise Difference(f"{label}: usage.sequence", f"one that key {said.kid.hex()} signs", said.sequence)
    return said


def _take_usage(log: Log, index: int, entry: bytes, usage: UsageSaid) -> None:
    label = f"entry {index}"
    device = log.devices[usage.device_id]
    check_kind(label, usage, device)
    log.decided.check_usage(label, usage.device_id, usage.sha256, usage.pack)
    check_chain(label, usage, device)
    span = usage.end_frame - usage.first_frame
    if usage.frames > device.voices * span:
        raise Difference(f"{label}: usage.frames", f"at most {device.voices} voices x {span} frames", usage.frames)
    log.segments += 1
    odd = flags(usage, log.received, device.hours)
    natural = natural_period(usage, odd, device, log.received, log.before.first_open())
    accrues_to = open_period(natural, log.closed)
    began_s = None if "far_dated" in odd else usage.claimed_s
    undated_s = log.before.first_batch_s or 0 if log.received is None else log.received
    pool = log.pools.of(usage.device_id, undated_s if began_s is None else began_s)
    log.unsettled.add(index, accrues_to, pool)
    for target in log.targets:
        if _is_targets(log, target, index, accrues_to, pool):
            kind = accrual(label, target.period, usage, odd, Accrues(accrues_to, log.received, log.closed))
            dates = (began_s, device.revoked, log.received, undated_s)
            target.take(Reading(index, entry, usage, kind, odd, *dates, device.site))


def _is_targets(log: Log, target: Target, index: int, accrues_to: str | None, pool: str) -> bool:
    """Whether the target settles the segment: it lists it, or settles all that accrues to its period before it, is in
    its pool, and was settled by none before."""
    if target.leaves is not None:
        return index in target.leaves
    mine = index < target.before and accrues_to == target.period and target.pool in (None, pool)
    return mine and not any(at < target.before and index in leaves for at, leaves in log.listed)


def _end_targets(log: Log, index: int, serial: int | None) -> None:
    """The closing at this leaf was taken."""
    for target in log.targets:
        if target.before == index:
            target.opt_outs, target.catalogue_serial = log.opt_outs, serial
        if target.index == index and target.ended is not None:
            target.ended(log)


def _take_transfer(log: Log, index: int, transfer: Transfer) -> None:
    """Numbers have no gap, income comes and goes while its period is open, and no more goes of it, or of what is
    carried, than there is."""
    label = f"entry {index}: transfer"
    same(f"{label}.number", len(log.transfers) + 1, transfer["number"])
    check_reference(label, transfer, log.references)
    currency = transfer["currency"]
    for side in ("debit", "credit"):
        account, pool = transfer[side], re.fullmatch("(?:pool|carry)/(.+)", transfer[side])
        if pool:
            log.pools.check_open(f"{label}.{side}", pool[1])
        if account.partition("/")[0] == "carry":
            carry = log.carries.get((currency, account), 0) + effect(transfer, account)
            if carry < 0:
                raise Difference(f"{label}.amount_micro", f"no more than {account} had", transfer["amount_micro"])
            log.carries[currency, account] = carry
        if account.partition("/")[0] == "pool":
            _take_income(log, label, account, transfer)
    log.transfers.append((index, transfer))


def _take_income(log: Log, label: str, account: str, transfer: Transfer) -> None:
    """A pool's income of the transfer's period grows or shrinks."""
    period, currency = transfer["period"], transfer["currency"]
    if log.closings.has(period, currency, account.removeprefix("pool/")):
        raise Difference(f"{label}.period", "one that is not closed", period)
    left = log.incomes.get((currency, account, period), 0) + effect(transfer, account)
    if left < 0:
        raise Difference(f"{label}.amount_micro", f"no more than {account} had for {period}", transfer["amount_micro"])
    log.incomes[currency, account, period] = left


def _income_of(log: Log, closing: Closing) -> int:
    """What transfers left for the closing's period, currency and pool; where that is nothing, what the closing says."""
    named = closing.currency, f"pool/{closing.pool or COMMUNAL}", closing.period
    return log.incomes.get(named, 0) or closing.income_micro


def _take_closing(log: Log, index: int, closing: Closing) -> None:
    label = f"entry {index}: closing"
    log.pools.check_open(f"{label}.pool", closing.pool or COMMUNAL)
    log.closings.check(label, index, closing, bool(log.pools.opened))
    if closing.previous != log.last_closing:
        raise Difference(f"{label}.previous", log.last_closing, closing.previous)
    carried = closing.currency, carry_account(closing.pool or COMMUNAL)
    carry = log.carries.get(carried, 0)
    if closing.carry_in_micro != carry:
        raise Difference(f"{label}.carry_in_micro", carry, closing.carry_in_micro)
    same(f"{label}.income_micro", _income_of(log, closing), closing.income_micro)
    log.unsettled.settle(label, index, closing)
    if closing.readings_of is None:
        log.closed[closing.period] = index
    log.carries[carried] = closing.carry_out_micro
    log.last_closing = index
