"""The stems that someone means by the first digits of their ids, or by an artist's name."""

from amos_cli.names import nearest, nfc, same_name
from amos_tools.stems import StemFacts
from amos_tools.vault.errors import NoSuchStem
from amos_tools.vault.vault import Vault


def named(vault: Vault, names: list[str], artist: str | None) -> list[StemFacts]:
    """The stems that the names and the artist mean. Raises `NoSuchStem`."""
    held = vault.stems()
    found = [stem for stem in held if artist is not None and same_name(stem.artist, artist)]
    if artist is not None and not found:
        close = nearest(artist, {stem.artist for stem in held})
        expected = "one of the vault's" if close is None else f"one of the vault's, such as {close}"
        raise NoSuchStem(vault.path, "artist", expected, nfc(artist))
    for name in names:
        meant = [stem for stem in held if len(name) >= 8 and stem.stem_id.hex().startswith(name.lower())]
        if len(meant) != 1:
            raise NoSuchStem(vault.path, "stem", "8 digits or more that one id begins with", name)
        found += meant
    if not found:
        raise NoSuchStem(vault.path, "stems", "ids or --artist", "none")
    return found
