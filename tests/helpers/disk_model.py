"""A disk that loses power: what strace saw a process do to a folder, played up to any point, less what was not synced.

Contract of a disk, as POSIX gives it and no more: what was written to a file is there for certain when an fsync of the
file has returned since, and a name when one of its folder has. What is not synced may be there, may be missing, and a
write may be torn between sectors; so with names, which a journal keeps in their order and other file systems need not.
A file of SQLite's shared memory (`-shm`) is in memory only.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from folder_state import State

SECTOR_BYTES = 512
TRACED = (
    *("open", "openat", "lseek", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "sendmsg"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
)
STRACE_FLAGS = ("-y", "-xx", "-s", str(1 << 24))
"""Paths of descriptors, all bytes in hex, and all of them."""

_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(?:AT_FDCWD|(\d+))<([^>]*)>")
Change = tuple[int, bytes | None]
"""Of a file: (where, what was written), or (length, None) where it was cut or made longer."""


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@dataclass(frozen=True)
class Call:
    """A system call that succeeded: its strings, its descriptor with the path, its other words, what it returned."""

    name: str
    strings: list[bytes]
    descriptor: int
    path: str
    words: str
    result: int

    def number(self, place: int) -> int:
        """The argument at this place, counted from the end."""
        return int(self.words.rsplit(", ")[place])


def calls_of(trace: Path) -> Iterator[Call]:
    """The calls that strace wrote down."""
    for line in trace.read_text().splitlines():
        found = _CALL.match(line)
        if found is None or int(found[3]) < 0:
            continue
        first = _DESCRIPTOR.match(found[2])
        descriptor = int(first[1]) if first and first[1] else -1
        path = _bytes(first[2]).decode() if first else ""
        strings = [_bytes(text) for text in _STRING.findall(found[2])]
        yield Call(found[1], strings, descriptor, path, _STRING.sub("", found[2]), int(found[3]))


@dataclass
class File:
    """What is in a file for certain, and what was changed since."""

    certain: bytes = b""
    since: list[Change] = field(default_factory=list)

    def content(self, kept: "Kept | None" = None) -> bytes:
        """All of it, or with what is `kept` of what is not certain."""
        changes = self.since if kept is None else kept.changes(self.since)
        if not changes:
            return self.certain
        data = bytearray(self.certain)
        for where, piece in changes:
            end = where + len(piece or b"")
            data.extend(bytes(max(0, end - len(data))))
            if piece is None:
                del data[where:]
            else:
                data[where:end] = piece
        return bytes(data)


@dataclass
class Directory:
    """The names in a folder: for certain, at this moment, and what became of which since, None where a name went."""

    certain: "dict[str, File | Directory]" = field(default_factory=dict)
    now: "dict[str, File | Directory]" = field(default_factory=dict)
    since: "list[Naming]" = field(default_factory=list)

    def name(self, changes: "Naming") -> None:
        """Change these names at once."""
        self.since.append(changes)
        _name(self.now, changes)


Naming = dict[str, "File | Directory | None"]


def _name(names: "dict[str, File | Directory]", changes: Naming) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


@dataclass(frozen=True)
class Kept:
    """What a power cut leaves of what is not certain: of the changes of a folder's names, and of those of a file."""

    names: Callable[[list[Naming]], list[Naming]]
    changes: Callable[[list[Change]], list[Change]]


NOTHING = Kept(lambda names: [], lambda changes: [])
"""Nothing that was not synced."""

NAMES = Kept(list, lambda changes: [])
"""All names, and no bytes."""

EVERYTHING = Kept(list, list)
"""As when only the process dies."""


def torn(seed: str) -> Kept:
    """Some of it, by chance; of some writes only some sectors. Every other time names keep their order."""
    chance = random.Random(seed)
    ordered = chance.random() < 0.5

    def names(since: list[Naming]) -> list[Naming]:
        if ordered:
            return since[: chance.randint(0, len(since))]
        return [change for change in since if chance.random() < 0.5]

    def changes(since: list[Change]) -> list[Change]:
        left: list[Change] = []
        for where, piece in since:
            if chance.random() < 0.5:
                continue
            if piece is None or len(piece) <= SECTOR_BYTES or chance.random() < 0.6:
                left.append((where, piece))
            else:
                first, end = sorted(chance.randrange(len(piece) // SECTOR_BYTES + 1) * SECTOR_BYTES for _ in range(2))
                left.append((where + first, piece[first:end]))
        return left

    return Kept(names, changes)


class Disk:
    """The folder `root`, as it lies on the disk; all that is there at first is certain."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = _loaded(root)
        self._at: dict[int, int] = {}

    def do(self, call: Call) -> None:
        """Play one call; what is outside the folder is passed over."""
        paths = (
            [self._inside(Path(call.path, text.decode())) for text in call.strings] if call.name in _OF_NAMES else []
        )
        own = self._inside(Path(call.path)) if call.path.startswith("/") else None
        if call.name in ("open", "openat"):
            self._open(call, paths[0])
        elif call.name in _OF_NAMES and None not in paths:
            self._names(call, [path for path in paths if path is not None])
        elif own is not None and call.name in ("fsync", "fdatasync"):
            self._sync(own)
        elif own is not None and call.name in ("write", "pwrite64", "ftruncate", "lseek"):
            self._write(call, own)

    def _inside(self, path: Path) -> tuple[str, ...] | None:
        try:
            return path.relative_to(self._root).parts
        except ValueError:
            return None

    def _folder(self, parts: tuple[str, ...]) -> Directory:
        node: File | Directory = self._top
        for part in parts:
            assert isinstance(node, Directory)
            node = node.now[part]
        assert isinstance(node, Directory)
        return node

    def _open(self, call: Call, parts: tuple[str, ...] | None) -> None:
        self._at[call.result] = 0
        if parts is None or "O_DIRECTORY" in call.words:
            return
        folder = self._folder(parts[:-1]) if parts else self._top
        if "O_CREAT" in call.words and parts[-1] not in folder.now:
            folder.name({parts[-1]: File()})
        if "O_TRUNC" in call.words:
            node = folder.now[parts[-1]]
            assert isinstance(node, File)
            node.since.append((0, None))

    def _write(self, call: Call, parts: tuple[str, ...]) -> None:
        node = self._folder(parts[:-1]).now.get(parts[-1])
        if not isinstance(node, File):
            return  # open, and its name is gone
        if call.name == "lseek":
            self._at[call.descriptor] = call.result
        elif call.name == "ftruncate":
            node.since.append((call.number(-1), None))
        elif call.name == "pwrite64":
            node.since.append((call.number(-1), call.strings[0][: call.result]))
        else:
            node.since.append((self._at[call.descriptor], call.strings[0][: call.result]))
            self._at[call.descriptor] += call.result

    def _sync(self, parts: tuple[str, ...]) -> None:
        node = self._folder(parts[:-1]).now.get(parts[-1]) if parts else self._top
        if isinstance(node, File):
            node.certain, node.since = node.content(), []
        elif isinstance(node, Directory):
            node.certain, node.since = dict(node.now), []

    def _names(self, call: Call, paths: list[tuple[str, ...]]) -> None:
        first = self._folder(paths[0][:-1])
        name = paths[0][-1]
        if call.name.startswith("mkdir"):
            first.name({name: Directory()})
        elif call.name.startswith("rename"):
            assert paths[0][:-1] == paths[1][:-1], f"a move from one folder to another: {paths}"
            first.name({name: None, paths[1][-1]: first.now[name]})
        elif call.name.startswith("link"):
            self._folder(paths[1][:-1]).name({paths[1][-1]: first.now[name]})
        else:
            first.name({name: None})

    def read(self, name: str) -> bytes | None:
        """What whoever reads the file at this moment finds."""
        parts = tuple(name.split("/"))
        try:
            node = self._folder(parts[:-1]).now.get(parts[-1])
        except KeyError:
            return None
        return node.content() if isinstance(node, File) else None

    def state(self, kept: Kept) -> State:
        """What is there after a power cut."""
        return _left(self._top, "", kept)


_OF_NAMES = (
    "open",
    "openat",
    *(name for name in TRACED if name.startswith(("rename", "link", "unlink", "rmdir", "mkdir"))),
)


def _loaded(path: Path) -> Directory:
    nodes: dict[str, File | Directory] = {
        item.name: _loaded(item) if item.is_dir() else File(item.read_bytes()) for item in path.iterdir()
    }
    return Directory(nodes, dict(nodes))


def _left(folder: Directory, inside: str, kept: Kept) -> State:
    names = dict(folder.certain)
    for change in kept.names(folder.since):
        _name(names, change)
    state: State = {}
    for name, node in names.items():
        if isinstance(node, Directory):
            state[inside + name] = None
            state |= _left(node, f"{inside}{name}/", kept)
        elif not name.endswith("-shm"):
            state[inside + name] = node.content(kept)
    return state
