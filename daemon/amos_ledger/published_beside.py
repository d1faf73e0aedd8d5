"""What is published beside tiles and documents, and follows from the log: the opt-out list in force, closings, and the
statements to which closings commit."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from amos.protocol.closing import Closing
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CLOSING_BYTES_MAX
from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos.protocol.merkle import leaf_hash, root_from_path
from amos_ledger.closings import opened
from amos_ledger.limits import STATEMENT_BYTES_MAX
from amos_ledger.settlement.statement import core_bytes
from amos_ledger.store.store import Store
from amos_places.place import Place

OPT_OUTS = "opt-outs.cose"
DELEGATED_OPT_OUTS = "delegated-opt-outs.cose"

Wrong = tuple[str, str]
"""A file's name, and what is wrong with it."""

MISSING = "is not there"
OTHER = "is not what the log gives"

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW_BITS = 31
"""By which zlib takes a gzip header and trailer, and nothing else."""


def closing_names(closing: Closing) -> tuple[str, ...]:
    """The names under which the closing may be published: the present one, and that of earlier versions."""
    return tuple(f"closings/{title}.cose" for title in dict.fromkeys((closing.title(), closing.earlier_title())))


def write_opt_outs(store: Store, place: Place, size: int) -> None:
    """Write the opt-out lists in force among the first entries where they are not there, or others are: the log is the
    truth, and whoever put one into it may have been killed before its file was written. Raises `OSError`."""
    for name, data in _opt_outs_in_force(store, size):
        if _read(place, name, OPT_OUTS_BYTES_MAX) != data:
            place.write(name, data)


def write_missing(store: Store, place: Place, size: int) -> None:
    """Write the closings among the first entries where they are not there: whoever wrote them first may have been
    killed before, or the disk lost them. Raises `OSError`."""
    for item in store.closings():
        name = f"closings/{item.title}.cose"
        if item.leaf_index < size and not place.has(name):
            place.write(name, item.entry)


def wrong_opt_outs(store: Store, place: Place) -> Iterator[Wrong]:
    """The published lists that are not those in force by the log, if that has such."""
    for name, data in _opt_outs_in_force(store, store.size()):
        yield from _wrong_file(place, (name,), data, OPT_OUTS_BYTES_MAX)


def _opt_outs_in_force(store: Store, size: int) -> Iterator[tuple[str, bytes]]:
    lists = {OPT_OUTS: store.opt_outs.publishers(size), DELEGATED_OPT_OUTS: store.opt_outs.delegated(size)}
    return ((name, data) for name, data in lists.items() if data is not None)


def wrong_closings(store: Store, place: Place, size: int) -> Iterator[Wrong]:
    """The closings among the first entries that are not published as they are in the log."""
    for item in store.closings():
        if item.leaf_index < size:
            names = closing_names(opened(store, item.leaf_index, item.entry))
            yield from _wrong_file(place, names, item.entry, CLOSING_BYTES_MAX)


def _wrong_file(place: Place, names: tuple[str, ...], data: bytes, bytes_max: int) -> Iterator[Wrong]:
    name = next((name for name in names if place.has(name)), None)
    if name is None:
        yield names[0], MISSING
    elif _read(place, name, bytes_max) != data:
        yield name, OTHER


def _read(place: Place, name: str, bytes_max: int) -> bytes | None:
    try:
        return place.read(name, bytes_max)
    except OSError:
        return None


def wrong_statements(store: Store, public: Path) -> Iterator[Wrong]:
    """The statements that are not those to which the closings of the log commit, and how many are not there."""
    for item in store.closings():
        closing = opened(store, item.leaf_index, item.entry)
        titles = dict.fromkeys((closing.earlier_title(), closing.title()))
        title = next((name for name in titles if (public / "statements" / name).is_dir()), closing.title())
        folder, found, wrong = public / "statements" / title, set[int](), 0
        for path in sorted({*folder.glob("*.json"), *folder.glob("*.json.gz")}):
            index = _index_of(path, closing)
            if index is None:
                wrong += 1
                yield str(path.relative_to(public)), "is not one to which its closing commits"
            else:
                found.add(index)
        missing = closing.statements - len(found) - wrong
        if missing > 0:
            yield f"statements/{title}", f"{missing} of {closing.statements} statements are not there"


def _index_of(path: Path, closing: Closing) -> int | None:
    """Which of the closing's statements the file is; None where it is none of them."""
    try:
        with path.open("rb") as file:
            data = _plain(file.read(STATEMENT_BYTES_MAX + 1))
        whole = json.loads(data)
        place = whole["proof"]["statement"]
        index, steps = place["index"], [bytes.fromhex(step) for step in place["path"]]
        root = root_from_path(leaf_hash(core_bytes(whole["core"])), index, closing.statements, steps)
    except (OSError, ValueError, LookupError, TypeError, RecursionError, zlib.error, ProtocolError):
        return None
    return index if root == closing.statements_root else None


def _plain(data: bytes) -> bytes:
    """The statement's JSON, at most so many bytes of it. Raises `ValueError`, `zlib.error`."""
    if data.startswith(_GZIP_MAGIC):
        inflater = zlib.decompressobj(_GZIP_WINDOW_BITS)
        data = inflater.decompress(data, STATEMENT_BYTES_MAX + 1)
        if not inflater.eof or inflater.unused_data:
            raise ValueError("gzip: expected one whole member")
    if len(data) > STATEMENT_BYTES_MAX:
        raise ValueError(f"statement: expected at most {STATEMENT_BYTES_MAX} bytes, found more")
    return data
