"""A place at any URL that fsspec knows: s3://bucket/ledger, sftp://host/srv/ledger, memory://ledger.

Contract: an object store puts a file whole or not at all, and has it durably when it answers. Elsewhere a file is
written under another name and renamed; durable is then what the server makes of a file that was closed. Either way its
size is asked for afterwards, and another one is an error. Whatever a backend raises is told as `PlaceFailed` with the
URL, without its password.
"""

import posixpath
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from amos_places.errors import NotThere, PlaceFailed, PlaceUnusable
from amos_places.place import read_capped, without_password

_PUTS_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "memory"})
"""Protocols of object stores, which show a file when all of it is there, and of which a renaming is a copy."""


class RemotePlace:
    """The folder at `url`. Options of its protocol come from where its backend looks for them: environment, files."""

    def __init__(self, url: str) -> None:
        self.name = without_password(url).rstrip("/")
        self._url = url.rstrip("/")
        self._system, self._root = _opened(self._url, self.name)
        protocol = self._url.split("://")[0].split("::")[0]
        self._puts_whole = protocol in _PUTS_WHOLE

    def below(self, name: str) -> "RemotePlace":
        return RemotePlace(f"{self._url}/{name}")

    def read(self, name: str, bytes_max: int) -> bytes:
        with self._named(name):
            try:
                with self._system.open(self._path(name), "rb", block_size=64 * 1024) as file:
                    return read_capped(f"{self.name}/{name}", bytes(file.read(bytes_max + 1)), bytes_max)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NotThere(f"{self.name}: expected {name}, found none") from None

    def write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        with self._named(name):
            if self._puts_whole:
                self._system.pipe_file(path, data)
            else:
                self._write_beside(path, data)
            self._system.invalidate_cache()
            size = self._system.info(path)["size"]
            if size != len(data):
                raise PlaceFailed(f"{self.name}/{name}: expected {len(data)} bytes after writing them, found {size}")

    def has(self, name: str) -> bool:
        with self._named(name):
            self._system.invalidate_cache()
            return bool(self._system.isfile(self._path(name)))

    def names(self, folder: str) -> set[str]:
        with self._named(folder):
            self._system.invalidate_cache()
            try:
                found = self._system.find(self._path(folder))
            except FileNotFoundError:
                return set()
            return {posixpath.relpath(str(path), self._root) for path in found}

    def remove(self, folder: str) -> None:
        with self._named(folder), suppress(FileNotFoundError):
            self._system.invalidate_cache()
            if self._system.isdir(self._path(folder)):
                self._system.rm(self._path(folder), recursive=True)

    def _write_beside(self, path: str, data: bytes) -> None:
        """Under a name of its own first; what a crash leaves of it, nobody reads."""
        folder, name = posixpath.split(path)
        self._system.makedirs(folder, exist_ok=True)
        staged = f"{folder}/.{name}.{secrets.token_hex(6)}.new"
        try:
            with self._system.open(staged, "wb") as file:
                file.write(data)
            self._system.mv(staged, path)
        except BaseException:
            with suppress(Exception):
                self._system.rm_file(staged)
            raise

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Whatever the backend raises is told as an error of this place."""
        try:
            yield
        except PlaceFailed:
            raise
        except Exception as error:
            raise PlaceFailed(f"{self.name}/{name}: {_sentence(error)}") from None


def _opened(url: str, name: str) -> tuple[Any, str]:
    """(file system, path of the place in it). Raises `PlaceUnusable`, `PlaceFailed`."""
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # only who names such a URL needs it
    except ImportError:
        raise PlaceUnusable(f"{name}: expected the package fsspec; pip install 'amos[fsspec]'") from None
    try:
        system, root = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise PlaceUnusable(f"{name}: {_sentence(error)}") from None
    except ValueError as error:
        raise PlaceUnusable(f"{name}: expected a URL that fsspec knows; {_sentence(error)}") from None
    except Exception as error:
        raise PlaceFailed(f"{name}: {_sentence(error)}") from None
    return system, str(root).rstrip("/")


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
