"""Why the journal refuses."""


class JournalError(Exception):
    """The journal cannot take more; the player stops rather than play unmetered."""


class JournalFull(JournalError):
    """No room left, and nothing receipted that could make some."""


class JournalFault(JournalError):
    """The storage failed or holds no ring of ours, or the caller broke the order of records."""
