"""What a place can do. Names are relative to it, with / between folders."""

from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from amos_places.errors import PlaceRefused


class Source(Protocol):
    """A place to read from. `name` is how people call it, without its password.

    Contract: `read` returns at most `bytes_max` bytes. Raises `NotThere` for a name that the place does not have,
    `PlaceFailed` for everything else.
    """

    name: str

    def read(self, name: str, bytes_max: int) -> bytes:
        """The file's bytes."""
        ...

    def below(self, name: str) -> "Source":
        """The folder of this name within the place."""
        ...


class Place(Source, Protocol):
    """A place to write to as well.

    Contract: a file appears whole under its name or not at all, and `write` returns when it is durable: on a disk when
    data and name are flushed, elsewhere when the server has said that it has all of it. Raises `OSError`.
    """

    def below(self, name: str) -> "Place": ...

    def write(self, name: str, data: bytes) -> None:
        """Put `data` under this name, in the place of what stands there."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        ...

    def names(self, folder: str) -> set[str]:
        """The names of all files below `folder`, at any depth, relative to the place."""
        ...

    def remove(self, folder: str) -> None:
        """Remove `folder` with all below it; none is no error."""
        ...


def read_capped(name: str, data: bytes, bytes_max: int) -> bytes:
    """`data`, of which at most one byte more than `bytes_max` was read. Raises `PlaceRefused`."""
    if len(data) > bytes_max:
        raise PlaceRefused(f"{name}: expected at most {bytes_max} bytes, found more")
    return data


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{host[0].partition(':')[0]}{host[1]}{host[2]}"))
