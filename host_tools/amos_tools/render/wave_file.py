"""A WAV file that is written as it is rendered: bext before the samples, iXML after them.

Contract: the file has its name only when it is whole. A crash leaves a hidden staged file beside it.
"""

import os
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from amos_tools.render.errors import OutputFailed

_CHANNELS, _BITS = 2, 16
_FRAME_BYTES = _CHANNELS * _BITS // 8


class WaveFile:
    """Writes int16 stereo at `rate_hz` to `path`. A context manager: without `finish` nothing stays.

    `bext_bytes` are reserved for the chunk, whose content `finish` brings. Raises `OutputFailed`.
    """

    def __init__(self, path: Path, rate_hz: int, bext_bytes: int) -> None:
        self._path = path
        self._bext_bytes = bext_bytes
        self._data_bytes = 0
        head = struct.pack("<4sI4s4sI", b"RIFF", 0, b"WAVE", b"bext", bext_bytes) + bytes(bext_bytes + bext_bytes % 2)
        head += struct.pack(
            "<4sIHHIIHH",
            *(b"fmt ", 16, 1, _CHANNELS, rate_hz, rate_hz * _FRAME_BYTES, _FRAME_BYTES, _BITS),
        )
        self._data_at = len(head)
        self._staged: Path | None = None
        try:
            handle, name = tempfile.mkstemp(prefix=".staged-", dir=path.parent)
        except OSError as error:
            raise self._failed(error) from None
        self._staged = Path(name)
        self._file: BinaryIO = os.fdopen(handle, "wb")
        self._guard(lambda: self._file.write(head + struct.pack("<4sI", b"data", 0)))

    def write(self, pcm: memoryview) -> None:
        """Append frames."""
        self._guard(lambda: self._file.write(pcm))
        self._data_bytes += len(pcm)

    def finish(self, bext: bytes, ixml: bytes) -> None:
        """Write the chunks and the sizes, make it durable and give it its name."""
        assert len(bext) == self._bext_bytes
        self._guard(lambda: self._finish(bext, ixml))
        self._staged = None

    def _finish(self, bext: bytes, ixml: bytes) -> None:
        file = self._file
        file.write(struct.pack("<4sI", b"iXML", len(ixml)) + ixml + bytes(len(ixml) % 2))
        size = file.tell()
        for at, content in (
            (4, struct.pack("<I", size - 8)),
            (20, bext),
            (self._data_at + 4, struct.pack("<I", self._data_bytes)),
        ):
            file.seek(at)
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
        file.close()
        assert self._staged is not None
        self._staged.chmod(0o644)
        self._staged.replace(self._path)

    def _guard(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            self._drop()
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> OutputFailed:
        return OutputFailed(f"{self._path}: expected room and permission to write, found {error.strerror or error}")

    def _drop(self) -> None:
        if self._staged is not None:
            self._staged.unlink(missing_ok=True)
            self._staged = None

    def __enter__(self) -> "WaveFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._staged is not None:
            self._drop()
            with suppress(OSError):  # it is dropped anyway
                self._file.close()
