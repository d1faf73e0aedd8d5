"""The place that an operator names: a folder, or a URL."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from amos_places.errors import PlaceUnusable
from amos_places.folder import FolderPlace
from amos_places.place import Place, Source, without_password
from amos_places.remote import RemotePlace
from amos_places.web import WebPlace


def source_at(text: str) -> Source:
    """A place to read from."""
    if text.startswith(("http://", "https://")):
        return WebPlace(text)
    return place_at(text, Path())


def place_at(text: str, base: Path) -> Place:
    """A place to write to; a folder is named from `base`. Raises `PlaceUnusable` for an address of the web."""
    if text.startswith(("http://", "https://")):
        raise PlaceUnusable(f"{without_password(text)}: expected a place to write to, found an address of the web")
    if text.startswith("file://"):
        return FolderPlace(Path(unquote(urlsplit(text).path)))  # durable here, and fsspec's is not
    if "://" in text:
        return RemotePlace(text)
    return FolderPlace(base / text)
