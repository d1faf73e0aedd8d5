"""Whom tags name, out of those of whom the broker has something. Pure."""

from collections.abc import Iterable

from amos_tools.fleet.members import Member
from amos_tools.fleet.tags.tags import TagError, Tags


def tagged(members: Iterable[Member], tags: Tags, names: Iterable[str]) -> list[Member]:
    """Those with one of these tags. Raises `TagError` for a tag that nobody has, and where it is none of them."""
    wanted = [tags.known(name) for name in names]
    found = [each for each in members if any(tags.has(tag, each.site, each.device_id.hex()) for tag in wanted)]
    if not found:
        raise TagError(f"tag: expected one of a player that the broker knows, found {', '.join(wanted)}")
    return found
