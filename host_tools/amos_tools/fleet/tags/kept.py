"""The desk's file of tags (`tags.json`): the desk alone writes it; pages and commands read it."""

import json
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.rollout.plain import Field, PlainError, values_of
from amos_tools.fleet.tags.tags import TagError, Tags, tags_of

NAME = "tags.json"
VERSION = 1
TAGS_BYTES_MAX = 1 << 23
"""20,000 players and sites with their names and some tags each."""

_FILE = {"version": Field(int, VERSION, VERSION), "tags": Field(dict)}


class TagsFileError(FleetError):
    """The file of tags is none."""


def read_tags(folder: Path) -> Tags:
    """Those of the desk in that folder; none where nobody gave any. Raises `TagsFileError`, OSError."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            data = file.read(TAGS_BYTES_MAX + 1)
    except FileNotFoundError:
        return Tags()
    try:
        if len(data) > TAGS_BYTES_MAX:
            raise ValueError
        kept = values_of("file", _FILE, json.loads(data))["tags"]
        if not all(isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in kept.values()):
            raise ValueError
        return tags_of(kept)
    except (ValueError, RecursionError, PlainError, TagError):
        raise TagsFileError(
            f"{path}: expected what amos fleet serve writes there; put a copy back, or move it away and give tags anew"
        ) from None


def write_tags(folder: Path, tags: Tags) -> None:
    """Durable when this returns. Raises `TagError` for more than the file takes, OSError."""
    data = json.dumps({"version": VERSION, "tags": tags.by_target}, ensure_ascii=False).encode()
    if len(data) > TAGS_BYTES_MAX:
        raise TagError(f"tags: expected at most {TAGS_BYTES_MAX} bytes in all, found {len(data)}")
    write_whole(folder / NAME, data, 0o640)


class TagsSeen:
    """For who asks often: the file is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: tuple[int, int, int] | None = None
        self._tags: Tags | TagsFileError = Tags()

    def now(self) -> Tags:
        """Raises `TagsFileError`, OSError."""
        try:
            stat = (self._folder / NAME).stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError:
            stamp = None
        if stamp is None or stamp != self._stamp:
            try:
                self._tags = read_tags(self._folder)
            except TagsFileError as error:
                self._tags = error
            self._stamp = stamp
        if isinstance(self._tags, TagsFileError):
            raise TagsFileError(str(self._tags))
        return self._tags
