"""What ends a verification: the first thing that is not as it must be."""

from amos.protocol.printable_host import printable


class VerifyError(Exception):
    """Nothing is verified. The message is one line for a person."""


class Unreadable(VerifyError):
    """A file is missing, too large, or not of its format: nothing can be said about what it should hold."""


class KeyNotGiven(VerifyError):
    """A key that is needed is not on the command line, nor in the file named there; or what is typed is none."""


class NothingToVerify(VerifyError):
    """Neither a statement nor a checkpoint to compare with was named."""


class PoolUnknown(VerifyError):
    """No entry of the log opens the pool that was named."""


class Difference(VerifyError):
    """A value is not what signatures, hashes or arithmetic say it must be.

    field, expected and found are texts.
    """

    def __init__(self, field: str, expected: object, found: object) -> None:
        self.field = field
        self.expected = shown(expected)
        self.found = shown(found)
        super().__init__(f"{field}: expected {self.expected}, found {self.found}")


def shown(value: object) -> str:
    """A value in a one-line message: hashes in hex, long texts cut, nothing that a terminal would obey."""
    return printable(value.hex() if isinstance(value, bytes) else value)


def same(field: str, expected: object, found: object) -> None:
    """Raise `Difference` unless equal. True and 1 are not."""
    if type(expected) is not type(found) or expected != found:
        raise Difference(field, expected, found)
