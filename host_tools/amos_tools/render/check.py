"""Reads a rendered file, and checks it against itself and against the pack by rendering it again."""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from amos.packs.folder import PackFolder
from amos_tools.render.engine import Rendered, render
from amos_tools.render.errors import BadProvenance, NoProvenance, OtherPack
from amos_tools.render.marks import METADATA_BYTES_MAX, Chunk, chunks
from amos_tools.render.provenance import Provenance, from_ixml

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A file with provenance: what it says, and where its samples lie (`pcm_bytes` of int16 stereo)."""

    facts: Provenance
    pcm_at: int
    pcm_bytes: int


def open_rendered(path: Path) -> Opened:
    """Read the file's chunks. Raises `NoProvenance`, `BadProvenance`."""
    try:
        with path.open("rb") as file:
            found = {chunk.name: chunk for chunk in chunks(file)}
            ixml = _content(file, found.get(b"iXML"))
            form = _content(file, found.get(b"fmt "))
    except OSError as error:
        raise NoProvenance(f"{path}: expected a readable file, found {error.strerror or error}") from None
    if b"<AMOS" not in ixml:
        raise NoProvenance(f"{path}: expected the provenance of engine output, found none")
    facts = from_ixml(ixml)
    data = found.get(b"data")
    if data is None or form[:8] != struct.pack("<HHI", 1, 2, facts.rate_hz) or form[14:16] != b"\x10\x00":
        raise BadProvenance(f"{path}: expected 16-bit stereo at {facts.rate_hz} Hz as rendered, found another format")
    return Opened(facts, data.offset, data.size)


def own_difference(path: Path, opened: Opened) -> str | None:
    """What shows that the samples were changed after they were rendered, as far as the file alone can tell."""
    frames = opened.facts.plan.frames
    if opened.pcm_bytes != 4 * frames:
        return f"length: expected {frames} frames, found {opened.pcm_bytes / 4:g}"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(opened.pcm_at)
        left = opened.pcm_bytes
        while left:
            block = file.read(min(left, _BLOCK_BYTES))
            if not block:
                return f"length: expected {frames} frames, found the end of the file"
            digest.update(block)
            left -= len(block)
    if digest.digest() != opened.facts.pcm_sha256:
        expected, found = opened.facts.pcm_sha256.hex(), digest.hexdigest()
        return f"samples: expected SHA-256 {expected[:16]}, found {found[:16]}"
    return None


def replay_difference(path: Path, opened: Opened, pack: PackFolder) -> str | None:
    """The first difference between the file and the same plan rendered again from `pack`; None if there is none.

    Raises `OtherPack`, and what `render` raises.
    """
    facts = opened.facts
    if pack.pack_id != facts.pack_id:
        raise OtherPack(f"pack: expected {facts.pack_id.hex()[:16]}, found {pack.pack_id.hex()[:16]}")
    with path.open("rb") as file:
        file.seek(opened.pcm_at)
        comparison = _Comparison(file, opened.pcm_bytes)
        rendered = render(pack, facts.plan, comparison.take)
    if comparison.difference is not None:
        return comparison.difference
    if comparison.left:
        return f"frame {facts.plan.frames}: expected the end, found {comparison.left // 4} frames more"
    return _stem_difference(facts, rendered, pack)


class _Comparison:
    """Holds the file's samples against the rendered ones, and keeps the first difference."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self.left = left
        self.difference: str | None = None
        self._file = file
        self._frame = 0

    def take(self, pcm: memoryview) -> None:
        expected = np.frombuffer(pcm, "<i2")
        if self.difference is None:
            data = self._file.read(min(self.left, len(pcm)))
            self.left -= len(data)
            found = np.frombuffer(data[: len(data) // 4 * 4], "<i2")
            unlike = np.flatnonzero(expected[: len(found)] != found)
            if len(unlike):
                at = int(unlike[0])
                side = ("left", "right")[at % 2]
                frame = self._frame + at // 2
                self.difference = f"frame {frame}, {side}: expected {expected[at]}, found {found[at]}"
            elif len(found) < len(expected):
                frame = self._frame + len(found) // 2
                self.difference = f"frame {frame}: expected {expected[len(found)]}, found the end"
        self._frame += len(expected) // 2


def _stem_difference(facts: Provenance, rendered: Rendered, pack: PackFolder) -> str | None:
    stated = {stem.index: list(stem.intervals) for stem in facts.stems}
    for index in sorted(stated.keys() | rendered.intervals.keys()):
        expected, found = rendered.intervals.get(index, []), stated.get(index, [])
        if expected != found:
            pair = next(
                ((a, b) for a, b in zip(expected, found, strict=False) if a != b),
                (f"{len(expected)} intervals", f"{len(found)}"),
            )
            return f"stem {index}: expected {pair[0]}, found {pair[1]}"
    for stem in facts.stems:
        record = pack.manifest.stems[stem.index]
        if (stem.stem_id, stem.sha256) != (record.stem_id, record.sha256):
            return f"stem {stem.index}: expected id {record.stem_id.hex()}, found {stem.stem_id.hex()}"
    if facts.score_sha256 != pack.manifest.score_sha256:
        return "score: expected that of the pack, found another"
    return None


def _content(file: BinaryIO, chunk: Chunk | None) -> bytes:
    if chunk is None:
        return b""
    file.seek(chunk.offset)
    return file.read(min(chunk.size, METADATA_BYTES_MAX))
