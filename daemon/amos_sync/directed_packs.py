"""Which pack each player should have: the one that its directive names, or the one that the courier has for all.

A pack that a directive names is fetched from where the directive says, over the web only and only for an operator whose
key the courier knows: a player may be told another one, and its directives could have the courier ask any server for
anything.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from amos.protocol.directive import Directive
from amos_sync.addresses import pack_url
from amos_sync.directives import Directives
from amos_sync.errors import SettingError
from amos_sync.limits import DIRECTED_PACKS_MAX
from amos_sync.notes import Notes
from amos_sync.pack_cache import CachedPack, PackCache
from amos_sync.pack_source import WebSource


class DirectedPacks:
    """`common` is the cache of the pack for all players, or None; others are kept below `folder`.

    `follows_places`: whether directives are verified here. `changed()` is called on a cache's own thread.

    Construction starts to look at the pack for all.
    """

    def __init__(
        self,
        common: PackCache | None,
        directives: Directives,
        folder: Path,
        publisher_key: bytes | None,
        follows_places: bool,
        changed: Callable[[], None],
    ) -> None:
        self._common = common
        self._directives = directives
        self._folder = folder
        self._publisher_key = publisher_key
        self._follows_places = follows_places
        self._changed = changed
        self._caches: dict[str, PackCache] = {}
        self._lacking: dict[bytes, str] = {}  # device -> why it does not get the pack that its directive names
        self._lacked: set[str] = set()
        if common is not None:
            common.start()

    @property
    def common(self) -> CachedPack | None:
        """The pack for all players, as far as it is here."""
        return self._common.current if self._common is not None else None

    def of(self, device_id: bytes, plays: bytes | None = None) -> CachedPack | None:
        """What to send at this moment to the player, which plays the pack of that id; None: nothing."""
        self._lacking.pop(device_id, None)
        common = self.common
        wanted = self._directives.wanted(device_id)
        if wanted is None or wanted.pack is None:
            return common
        if wanted.pack_from_unix_s is not None and time.time() < wanted.pack_from_unix_s:
            return None
        for found in (common, self._fetched(wanted)):
            if found is not None and found.pack.pack_id == wanted.pack:
                return found
        if plays != wanted.pack and (self._common is None or self._common.looked):
            self._lacking[device_id] = self._why_not(wanted)
        return None

    def waits(self, device_id: bytes) -> bool:
        """Whether a pack that the player should have now is still to be fetched."""
        wanted = self._directives.wanted(device_id)
        if wanted is None or wanted.pack is None:
            return self._common is not None and not self._common.looked
        cache = self._caches.get(wanted.pack_place or "")
        return cache is not None and not cache.looked

    def tell(self, notes: Notes, now_ms: int) -> None:
        """Say what is wrong with a place, and that it is over."""
        for cache in (self._common, *self._caches.values()):
            if cache is None or not cache.looked:
                continue
            subject = "packs" if cache is self._common else f"packs {cache.name}"
            if cache.problem:
                notes.wrong(subject, f"packs: {cache.problem}; looking again later", now_ms)
            else:
                notes.over(subject, f"packs: {cache.name} can be had again", now_ms)
        lacking: dict[str, list[str]] = {}
        for device_id, why in self._lacking.items():
            if why:
                lacking.setdefault(why, []).append(device_id.hex()[:8])
        for why, names in lacking.items():
            who = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
            notes.wrong(f"directed {why}", f"packs: {who}: {why}", now_ms)
        for why in self._lacked - lacking.keys():
            notes.over(f"directed {why}", "packs: nobody lacks a pack for that reason any more", now_ms)
        self._lacked = set(lacking)

    def stop(self) -> None:
        """Look no more."""
        for cache in (self._common, *self._caches.values()):
            if cache is not None:
                cache.stop()

    def _why_not(self, wanted: Directive) -> str:
        """Empty while it is being fetched: its cache says what is wrong."""
        pack = (wanted.pack or b"").hex()[:16]
        here = f"its directive names pack {pack}, which is not the one of --packs"
        if wanted.pack_place is None:
            return f"{here}, and no place; put it there, bring it by stick, or direct another"
        if not self._follows_places:
            return (
                f"{here}, and it is not fetched from where the directive says, since this courier is not told the"
                " operator's key; start it with --operator-key, or put the pack at --packs"
            )
        if _url_of(wanted.pack_place) is None:
            return f"{here}, and the place that the directive names is no address on the web; direct another"
        return ""

    def _fetched(self, wanted: Directive) -> CachedPack | None:
        place = wanted.pack_place
        if place is None or not self._follows_places:
            return None
        if place not in self._caches:
            url = _url_of(place)
            if url is None:
                return None
            self._make_room()
            source = WebSource(url, self._folder / (wanted.pack or b"").hex()[:16])
            self._caches[place] = PackCache(source, self._publisher_key, self._changed)
            self._caches[place].start()
        return self._caches[place].current

    def _make_room(self) -> None:
        while len(self._caches) >= DIRECTED_PACKS_MAX:
            self._caches.pop(next(iter(self._caches))).stop()


def _url_of(place: str) -> str | None:
    """None for what is no web address."""
    with suppress(SettingError):
        return pack_url(place)
    return None
