"""Rows of one small JSON file: read again when it has changed, and written whole by one process at a time."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from amos.edges.durable_host import write_whole
from amos_web.errors import TokenError

Row = TypeVar("Row")


class KeptRows(Generic[Row]):
    """Those named `name` of the file at `path`, which need not be there and has at most `bytes_max`; a row is made by
    `parse`, which raises `ValueError`, `TypeError` or `KeyError` for what is none."""

    def __init__(self, path: Path, name: str, bytes_max: int, parse: Callable[[Any], Row]):
        self._path, self._name, self._bytes_max, self._parse = path, name, bytes_max, parse
        self._stamp: tuple[int, int, int] | None = None
        self._rows: list[Row] = []

    def all(self) -> list[Row]:
        """In the order in which they were kept. Raises `TokenError`."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if stamp == self._stamp:
                return list(self._rows)
            with self._path.open("rb") as file:
                data = file.read(self._bytes_max + 1)
        except FileNotFoundError:
            self._stamp, self._rows = None, []
            return []
        except OSError as error:
            raise TokenError(f"{self._path}: {error.strerror or error}") from None
        try:
            if len(data) > self._bytes_max:
                raise ValueError
            rows = [self._parse(row) for row in json.loads(data)[self._name]]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise TokenError(
                f"{self._path}: expected {self._name} as they were kept; remove it, and make them anew"
            ) from None
        self._stamp, self._rows = stamp, rows
        return list(rows)

    def write(self, rows: Sequence[Any]) -> None:
        """Keep these dataclasses and no others, durably. Raises `TokenError`."""
        data = json.dumps({"version": 1, self._name: [asdict(each) for each in rows]}, indent=1).encode()
        try:
            write_whole(self._path, data + b"\n", 0o600)
        except OSError as error:
            raise TokenError(f"{self._path}: {error.strerror or error}") from None
        self._stamp = None

    @contextmanager
    def changing(self) -> Iterator[list[Row]]:
        """The rows, and nobody else changes them meanwhile. Raises `TokenError`."""
        path = self._path.with_name(self._path.name + ".lock")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise TokenError(f"{path}: {error.strerror or error}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self.all()
        finally:
            os.close(descriptor)
