"""A blob on its way from a web server: what came is kept beside its place, and gone on with by range."""

import hashlib
import os
import re
from pathlib import Path

from amos_sync.limits import FETCH_TRIES
from amos_sync.web import Answer, WebError, opened


class PartialBlob:
    """`path` is where the blob goes, named by its SHA-256 in hex, once it is whole. One fetcher at a time."""

    def __init__(self, url: str, path: Path, size: int) -> None:
        self._url = url
        self._path = path
        self._size = size
        self._part = path.with_name(path.name + ".part")
        self._validator = path.with_name(path.name + ".validator")

    def fetch(self) -> None:
        """Returns once it is there. Raises `WebError`, or OSError for the disk; what came stays where it is of use."""
        for turn in range(FETCH_TRIES):
            have = self._have()
            try:
                if have < self._size or not self._size:
                    self._fetch_from(have)
                self._finish()
                return
            except WebError as error:
                if not error.resumes:
                    self.forget()
                given_up = have > 0 and not error.resumes  # it may have been of another file: a whole answer decides
                if turn + 1 == FETCH_TRIES or not (given_up or self._have() > have):
                    raise

    def forget(self) -> None:
        """Begin anew the next time."""
        self._part.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def _have(self) -> int:
        try:
            return self._part.stat().st_size
        except FileNotFoundError:
            return 0

    def _fetch_from(self, have: int) -> None:
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and self._validator.is_file():
            headers["If-Range"] = self._validator.read_text()
        with opened(self._url, headers) as answer:
            if not answer.partial:
                have = 0
            elif not have or not self._goes_on(answer, have):
                raise WebError(f"answers with a wrong range: {answer.content_range[:80]!r} for bytes from {have} on")
            announced = answer.length
            if announced is not None and announced != self._size - have:
                # A page tells more than its length does.
                next(answer.pieces(announced), b"")
                raise WebError(f"has {have + announced} bytes there, expected {self._size} of that SHA-256")
            self._note(answer)
            with self._part.open("ab" if have else "wb") as file:
                for data in answer.pieces(self._size - have):
                    file.write(data)
        if self._have() < self._size:
            raise WebError(f"ended after {self._have()} of {self._size} bytes", resumes=not answer.compressed)

    def _goes_on(self, answer: Answer, have: int) -> bool:
        found = re.fullmatch(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)", answer.content_range)
        if found is None or answer.compressed:
            return False
        return int(found[1]) == have and int(found[2]) < self._size and found[3] in ("*", str(self._size))

    def _note(self, answer: Answer) -> None:
        if answer.validator is not None and not answer.compressed:
            self._validator.write_text(answer.validator[:1000])
        else:
            self._validator.unlink(missing_ok=True)

    def _finish(self) -> None:
        with self._part.open("rb") as file:
            start = file.read(2)
            file.seek(0)
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self._path.name:
            aside = "; they look compressed (gzip)" if start == b"\x1f\x8b" else ""
            raise WebError(f"sends {self._size} bytes, expected others of that SHA-256{aside}")
        os.replace(self._part, self._path)
        self._validator.unlink(missing_ok=True)
