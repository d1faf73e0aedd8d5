"""Named errors of the ledger, each one sentence that an operator can act on."""


class LedgerError(Exception):
    """Base of every refusal that an operator sees."""

    @property
    def name(self) -> str:
        """The error's name, as the command line shows it."""
        return type(self).__name__


class NotALedger(LedgerError):
    """The folder holds no ledger, or one that this version cannot read."""


class LedgerExists(LedgerError):
    """`init` found a ledger with other facts already there."""


class KeyUnusable(LedgerError):
    """A key file or a key in hex is not what it should be."""


class EnrolmentRefused(LedgerError):
    """The enrolment is not one that this ledger may accept."""


class PackRefused(LedgerError):
    """The manifest or the catalogue is not one that this ledger may accept."""


class RevocationRefused(LedgerError):
    """The revocation is not one that this ledger may take into its log."""


class OptOutsRefused(LedgerError):
    """The opt-out list is not one that this ledger may hand to couriers."""


class StorageFailed(LedgerError):
    """Database or disk refuses: full, gone, damaged, or locked for too long."""


class RolledBack(LedgerError):
    """The published checkpoint knows more, or something else, than the store: an older store was put in place."""


class AlreadyServing(LedgerError):
    """Another process serves this folder."""


class PeriodClosed(LedgerError):
    """The period is closed already; a closed period never reopens."""


class BrokerUnusable(LedgerError):
    """The broker was never reached."""


class MetricsUnusable(LedgerError):
    """Metrics cannot be served: the address is taken, or the package for it is not there."""


class WatchStateUnusable(LedgerError):
    """The file in which `watch` remembers what it has told is none of its own."""
