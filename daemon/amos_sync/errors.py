"""Named errors of the courier; each message is a sentence that an operator can act on."""


class SyncError(Exception):
    """Base of what the courier reports by name instead of a traceback."""


class SettingError(SyncError):
    """An option on the command line has no meaning."""


class PortError(SyncError):
    """A line to a player cannot be used at the moment; the courier tries again later."""


class PortMissing(PortError):
    """Nothing is there: not plugged in, not started, no such path."""


class PortBusy(PortError):
    """Somebody else holds it."""


class PortGone(PortError):
    """It was there, and went away."""


class PlayerError(PortError):
    """What answers is no player, or another one than may be here."""


class SpoolError(SyncError):
    """The spool cannot be read or written: disk full, damaged file, wrong version."""


class SpoolDamaged(SpoolError):
    """What stands in the spool's file is not what was written there."""


class SpoolDiskFull(SpoolError):
    """The disk that the spool is on has no room."""


class SpoolBusy(SpoolError):
    """Another courier uses this spool."""


class PackSourceError(SyncError):
    """The source of packs cannot be read, or holds something that is not what its manifest says."""


class PackAbsent(PackSourceError):
    """There is no pack yet, and nothing is wrong."""


class StickError(SyncError):
    """The stick cannot be read or written as it should; nothing else is harmed."""


class StickAbsent(StickError):
    """There is no such folder on it."""


class StickFull(StickError):
    """There is no room on it for what is to be written: `missing_bytes` too few, 0 where nobody knows."""

    def __init__(self, sentence: str, missing_bytes: int = 0) -> None:
        super().__init__(sentence)
        self.missing_bytes = missing_bytes


class StickRefused(StickError):
    """Something on it is not what it should be; it is passed over."""
