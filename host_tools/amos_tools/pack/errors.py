"""Named refusals of the pack builder. Each is one sentence an operator can act on."""


class PackBuildError(Exception):
    """Base: the pack was not built, and the pack that lay in the folder is still whole."""

    @property
    def name(self) -> str:
        """The refusal's name, as the command line shows it."""
        return type(self).__name__


class NotOptedIn(PackBuildError):
    """A stem whose artist has not opted in, by the script's table or by the vault as it is at this moment."""


class StemGone(PackBuildError):
    """The script was compiled with a stem that the vault does not hold (any more)."""


class SilentStem(PackBuildError):
    """A stem in which nothing is heard: it would be paid for time in which it gives nothing."""


class ShapedSilent(PackBuildError):
    """A stem of which the shape of a layer leaves nothing that is heard: it would be paid for time in which it gives
    nothing."""


class BadStemTable(PackBuildError):
    """No stems, a stem twice, or more than a pack may have."""


class ScoreMismatch(PackBuildError):
    """Score and stem table or rate do not belong together."""


class TooManyVoices(PackBuildError):
    """The script may need more voices than the board it is built for can play."""


class TooMuchWork(PackBuildError):
    """The script's low-passes, pans and widths may take more time than the board it is built for has."""


class SerialNotNewer(PackBuildError):
    """The folder holds another pack with this serial or a later one: players refuse to roll back."""


class UnreadablePack(PackBuildError):
    """The folder's manifest or catalogue cannot be read or was not signed by this publisher."""


class NotRepresentable(PackBuildError):
    """A value that the manifest or catalogue format cannot hold, or too many of them."""


class ConformingUnavailable(PackBuildError):
    """A stem of another tempo or key needs a library that this host does not have."""


class PackStorageFailed(PackBuildError):
    """The operating system refused to write (disk full, read-only, permissions)."""
