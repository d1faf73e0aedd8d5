"""Tags of players and sites. They are signed by nobody: nothing that is counted or paid rests on them. Pure."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from amos_tools.fleet.errors import FleetError

TAG_LETTERS_MAX = 32
TAGS_EACH_MAX = 16
"""Of a player, and of a site."""

TAGS_MAX = 64
"""Different ones: the page of the fleet lists them all."""

TAGGED_MAX = 20_000
"""Players and sites: so many does an order name."""

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, for Unicode, of which nobody sees anything."""

_SIGNS = ",#%"
"""Of lists of tags, and of rings in a form."""

SITE_ITSELF = ""

_TARGET = re.compile("[a-z0-9_-]{1,64}(?:/[0-9a-f]{32})?")


class TagError(FleetError):
    """What is no tag, who is no player, or more than there may be."""


def tag_of(text: str) -> str:
    """The tag as it is kept, in small letters, without `#` before it, one space between words. Raises `TagError`."""
    tag = unicodedata.normalize("NFC", re.sub(" +", " ", text.strip().lstrip("#").strip().lower()))
    if not 1 <= len(tag) <= TAG_LETTERS_MAX:
        raise TagError(f"tag: expected 1 to {TAG_LETTERS_MAX} letters, found {len(tag)}")
    for letter in tag:
        if not letter.isprintable():
            raise TagError(f"tag: expected no control character, found U+{ord(letter):04X}")
        if letter in _UNSEEN:
            raise TagError(f"tag: expected letters that people see, found U+{ord(letter):04X}")
        if letter in _SIGNS:
            raise TagError(f"tag: expected no {letter} in it, found {tag!r}")
    if all(unicodedata.category(letter).startswith("M") for letter in tag):
        raise TagError(f"tag: expected a letter that people see, found marks alone, U+{ord(tag[0]):04X}")
    return tag


@dataclass(frozen=True)
class Tags:
    """`by_target`: those of each `SITE` or `SITE/DEVICE`. Players of a site have the site's too."""

    by_target: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    _holders: dict[str, dict[str, set[str]]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All that somebody has."""
        return tuple(sorted({tag for tags in self.by_target.values() for tag in tags}))

    def holders(self, tag: str) -> Mapping[str, Collection[str]]:
        """By site: the devices there that have it themselves; `SITE_ITSELF` among them where the site has it."""
        if tag not in self.names:
            return {}
        if tag not in self._holders:
            found: dict[str, set[str]] = {}
            for target, tags in self.by_target.items():
                if tag in tags:
                    site, _slash, device_id = target.partition("/")
                    found.setdefault(site, set()).add(device_id)
            self._holders[tag] = found
        return self._holders[tag]

    def of(self, site: str, device_id: str) -> tuple[str, ...]:
        """The player's, and those of its site."""
        return tuple(sorted({*self.by_target.get(f"{site}/{device_id}", ()), *self.by_target.get(site, ())}))

    def has(self, tag: str, site: str, device_id: str) -> bool:
        """Whether it is one of these."""
        holders = self.holders(tag).get(site, ())
        return device_id in holders or SITE_ITSELF in holders

    def known(self, tag: str) -> str:
        """The tag as it is kept, which somebody has. Raises `TagError`."""
        wanted = tag_of(tag)
        if wanted not in self.names:
            there_are = f"one of {', '.join(self.names)}" if self.names else "one that amos fleet tag gave somebody"
            raise TagError(f"tag: expected {there_are}, found {wanted!r}")
        return wanted

    def changed(self, targets: Iterable[str], add: Iterable[str], remove: Iterable[str]) -> "Tags":
        """With these at each of the targets, and without those. Raises `TagError`."""
        added, removed = {tag_of(tag) for tag in add}, {tag_of(tag) for tag in remove}
        if added & removed or not added | removed:
            raise TagError("tags: expected some to give or to take away, and none of them in both")
        made: dict[str, Collection[str]] = dict(self.by_target)
        for target in targets:
            check_target(target)
            made[target] = {*self.by_target.get(target, ()), *added} - removed
        return tags_of(made)


NO_TAGS = Tags()
"""Of a fleet in which nobody has any."""


def tags_of(by_target: Mapping[str, Collection[str]]) -> Tags:
    """Those of each; who has none is left out. Raises `TagError`."""
    given = {target: tags for target, tags in by_target.items() if tags}
    if len(given) > TAGGED_MAX:
        raise TagError(f"tags: expected at most {TAGGED_MAX} players and sites that have some, found {len(given)}")
    texts = {text for tags in given.values() for text in tags}
    if len(texts) > TAGS_MAX:
        raise TagError(f"tags: expected at most {TAGS_MAX} different ones, found {len(texts)}")
    kept = {text: tag_of(text) for text in texts}
    made = {target: tuple(sorted({kept[text] for text in tags})) for target, tags in given.items()}
    for target, tags in made.items():
        if len(tags) > TAGS_EACH_MAX:
            raise TagError(f"{target[:80]}: expected at most {TAGS_EACH_MAX} tags, found {len(tags)}")
        check_target(target)
    return Tags(made)


def check_target(target: str) -> None:
    """Raises `TagError` for what names no site and no player."""
    if not _TARGET.fullmatch(target):
        raise TagError(f"expected SITE, or SITE/DEVICE with its 32 digits, found {target[:80]!r}")


def told(before: Tags, after: Tags, targets: Iterable[str], remove: Iterable[str]) -> str:
    """What came of a change, for people."""
    named = list(dict.fromkeys(targets))
    changed = sum(before.by_target.get(each) != after.by_target.get(each) for each in named)
    removed = {tag_of(tag) for tag in remove}
    by_site = sum("/" in each and bool(removed & {*after.by_target.get(each.partition("/")[0], ())}) for each in named)
    sentence = f"{changed} of {len(named)} changed"
    return f"{sentence}; {by_site} keep it by their site's tags" if by_site else sentence
