"""What may fail at a place. Each is an `OSError`, as what a disk refuses is."""


class PlaceFailed(OSError):
    """A place cannot be read or written; the sentence says which and why."""

    @property
    def name(self) -> str:
        """The error's name, as the command line shows it."""
        return type(self).__name__


class NotThere(PlaceFailed):
    """The place does not have a file of this name."""


class PlaceRefused(PlaceFailed):
    """Asking again will not help: too large a file, or a server that says so."""


class PlaceUnusable(PlaceFailed):
    """What is needed to reach the place is not installed, or its URL is none."""
