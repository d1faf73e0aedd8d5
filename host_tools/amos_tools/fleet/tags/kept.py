"""The desk's file of tags (`tags.json`): the desk alone writes it; pages and commands read it."""

import json
import threading
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos_places.errors import NotThere, PlaceFailed
from amos_places.folder import FolderPlace
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.orders.folder import DeskFolderError
from amos_tools.fleet.rollout.plain import Field, PlainError, values_of
from amos_tools.fleet.tags.tags import NO_TAGS, TagError, Tags, tags_of

NAME = "tags.json"
VERSION = 1
TAGS_BYTES_MAX = 1 << 23
"""20,000 players and sites with their names and some tags each."""

_FILE = {"version": Field(int, VERSION, VERSION), "tags": Field(dict)}


class TagsFileError(FleetError):
    """The file of tags is none."""


def read_tags(folder: Path) -> Tags:
    """Those of the desk in that folder; none where nobody gave any. Raises `TagsFileError`."""
    path = folder / NAME
    try:
        data = FolderPlace(folder).read(NAME, TAGS_BYTES_MAX)
    except NotThere:
        return NO_TAGS
    except PlaceFailed as error:
        raise TagsFileError(str(error)) from None
    try:
        kept = values_of("file", _FILE, json.loads(data))["tags"]
        if not all(isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in kept.values()):
            raise ValueError
        return tags_of(kept)
    except (ValueError, RecursionError, PlainError, TagError):
        raise TagsFileError(
            f"{path}: expected what amos fleet serve writes there; put a copy back, or move it away and give tags anew"
        ) from None


def tags_of_desk(folder: Path) -> Tags:
    """As `read_tags`, of a folder in which a desk works. Raises `FleetError`, OSError."""
    if not (folder / NAME).exists() and not (folder / "orders").is_dir():
        raise DeskFolderError(f"{folder}: expected the folder of amos fleet serve")
    return read_tags(folder)


def write_tags(folder: Path, tags: Tags) -> None:
    """Durable when this returns. Raises `TagError` for more than the file takes, OSError."""
    data = json.dumps({"version": VERSION, "tags": tags.by_target}, ensure_ascii=False).encode()
    if len(data) > TAGS_BYTES_MAX:
        raise TagError(f"tags: expected at most {TAGS_BYTES_MAX} bytes in all, found {len(data)}")
    write_whole(folder / NAME, data, 0o640)


class TagsSeen:
    """For who asks often: `seen` is what was found last, and waits for nothing: (tags, why they cannot be read); then
    nobody has any."""

    def __init__(self, folder: Path) -> None:
        self.seen: tuple[Tags, str] = (NO_TAGS, "")
        self._folder = folder
        self._stamp: tuple[int, int, int] | None = None
        self._lock = threading.Lock()

    def look(self) -> tuple[Tags, str]:
        """`seen`, once the file was looked at; it is read where it has changed."""
        with self._lock:
            try:
                stat = (self._folder / NAME).stat()
                stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            except OSError:
                stamp = None
            if stamp is None or stamp != self._stamp:
                self.seen = self._read()
            self._stamp = stamp
            return self.seen

    def _read(self) -> tuple[Tags, str]:
        try:
            tags = read_tags(self._folder)
        except TagsFileError as error:
            return NO_TAGS, " ".join(str(error).split())
        _ = tags.names  # found here: no page waits for it
        return tags, ""
