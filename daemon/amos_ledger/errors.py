"""Named errors of the ledger, each one sentence that an operator can act on."""


class LedgerError(Exception):
    """Base of every refusal that an operator sees."""

    @property
    def name(self) -> str:
        """The error's name, as the command line shows it."""
        return type(self).__name__


class NotALedger(LedgerError):
    """The folder holds no ledger, or one that this version cannot read."""


class OlderSchema(NotALedger):
    """The ledger's database is of an older version, and was opened to be read only."""


class LedgerExists(LedgerError):
    """`init` found a ledger with other facts already there."""


class KeyUnusable(LedgerError):
    """A key file or a key in hex is not what it should be."""


class AuditUnusable(LedgerError):
    """What is named as the audit folder would not keep the log, or is in the way of something else."""


class EnrolmentRefused(LedgerError):
    """The enrolment is not one that this ledger may accept."""


class PackRefused(LedgerError):
    """The manifest or the catalogue is not one that this ledger may accept."""


class RevocationRefused(LedgerError):
    """The revocation is not one that this ledger may take into its log."""


class OptOutsRefused(LedgerError):
    """The opt-out list is not one that this ledger may hand to couriers."""


class ForgoneRefused(LedgerError):
    """What the operator gives up is not what this ledger has lost."""


class RotationRefused(LedgerError):
    """The rotation is not the next one of the line of keys that this ledger has."""


class LossRefused(LedgerError):
    """The loss is not one that this ledger may take into its log."""


class NoProof(LedgerError):
    """There is nothing to prove, or no published head to prove it under."""


class PolicyRefused(LedgerError):
    """The file with the policy is none."""


class WitnessFailed(LedgerError):
    """A witness did not cosign, and said why or did not answer."""


class StorageFailed(LedgerError):
    """Database or disk refuses: full, gone, damaged, or locked for too long."""


class EntryDamaged(LedgerError):
    """What the store holds is not what its hash says: the disk has lost or changed bits."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; the store is damaged, `amos ledger fsck` says where and what to do")


class ClockWrong(LedgerError):
    """This machine's clock is before what the ledger has stored, or years after it."""


class RulingRefused(LedgerError):
    """The operator's ruling is not one that fits the quarantine, or there is none."""


class PoolRefused(LedgerError):
    """A pool that is not open, or an entry about pools that does not go on with those of the log."""


class PlacedAlready(PoolRefused):
    """Sites that would be moved from an instant on are in that pool by then, and stay there."""


class NotRebuilt(LedgerError):
    """No sound log could be put together, so nothing was changed."""


class RolledBack(LedgerError):
    """The published checkpoint knows more, or something else, than the store: an older store was put in place."""


class AlreadyServing(LedgerError):
    """Another process serves this folder."""


class PeriodClosed(LedgerError):
    """The period is closed already; a closed period never reopens."""


class BrokerUnusable(LedgerError):
    """The broker was never reached."""


class RecoveryFailed(LedgerError):
    """The log cannot be brought back from what is published."""


class WatchStateUnusable(LedgerError):
    """The file in which `watch` remembers what it has told is none of its own."""


class DatabaseRefused(LedgerError):
    """The database that was named is none that a ledger can be in, or its driver is not installed."""
