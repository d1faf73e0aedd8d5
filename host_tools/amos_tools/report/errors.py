"""Why a report is not made. Each message is one line for a person."""


class ReportError(Exception):
    """Base of every refusal."""


class PeriodOpen(ReportError):
    """The report tells of money, and nobody knows any before the period is closed."""


class NothingToReport(ReportError):
    """Nothing was played of what the report is about."""


class PayeeUnknown(ReportError):
    """No catalogue names the payee that the report is to be about."""


class TerritoryUnknown(ReportError):
    """A report that needs each venue's territory lacks one."""


class PolicyIncomplete(ReportError):
    """How venues appear cannot be decided: a key or a file is needed."""


class BadVenueList(ReportError):
    """The operator's list of venues is not of its format."""


class BadParty(ReportError):
    """A name or an identifier of a party that the format cannot hold."""
