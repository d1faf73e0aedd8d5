"""The pages' side of the desk, on their event loop: titles of packs, the status as it is shown, who listens."""

import asyncio
import json
from datetime import datetime
from typing import Any

from amos_sync.pack_cache import CachedPack
from amos_sync.pairing import ANSWER_MS, Outcome, local
from amos_sync.venue.desk import Desk
from amos_sync.venue.pack_facts import PackFacts, pack_facts
from amos_sync.venue.requests import Wish
from amos_sync.venue.seen import Seen, SeenPlayer
from amos_sync.venue.values import status_json
from amos_web.errors import WebRefusal
from amos_web.streams import Streams, event

ANSWER_S = 8.0
"""A player on a slow line, in the middle of a segment, takes some seconds to come to an input."""

PAIR_S = ANSWER_MS / 1000 + 2
"""The courier's loop ends an attempt before; one that stands still does not."""

PACKS_MAX = 16
PACK_AGAIN_S = 600
"""A catalogue may come later than its pack."""

STATUS_OF = {"PairingLocked": 429, "PairingBusy": 429, "DeskSilent": 504}
STALE_LOOK_S = 2.0


class PairingRefusal(WebRefusal):
    """A code that pairs nobody, and why. `outcome` has the particulars."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(STATUS_OF.get(outcome.name, 409), outcome.name, outcome.sentence)
        self.outcome = outcome


class Room:
    """One for each server. Construct on any thread; `begin` on the event loop before anything else."""

    def __init__(self, desk: Desk, publisher_key: bytes | None):
        self.desk = desk
        self.streams = Streams()
        self._publisher_key = publisher_key
        self._loop: asyncio.AbstractEventLoop | None = None
        self._packs: dict[bytes, PackFacts] = {}
        self._loading: set[bytes] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._told_stale = False
        self.listeners: list[Any] = []

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the loop."""
        self._loop = loop
        self._later(self._look_for_stale())
        self._changed(self.desk.seen)

    def end(self) -> None:
        """On the loop: everybody is sent away."""
        self.streams.close()
        for task in self._tasks:
            task.cancel()

    def told(self, seen: Seen) -> None:
        """On the courier's thread: something has changed. Does not wait."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._changed, seen)

    def status(self) -> dict[str, Any]:
        """At this moment."""
        return status_json(self.desk.seen, self._packs, self.desk.is_stale, datetime.now())

    def status_event(self) -> bytes:
        """The same for a stream."""
        return event("status", json.dumps(self.status()))

    def player(self, device_id: str) -> SeenPlayer:
        """The player of that id. Raises `WebRefusal`."""
        for player in self.desk.seen.players:
            if player.device_id == device_id:
                return player
        raise WebRefusal(404, "PlayerUnknown", "no player of this id is here", "the status names those that are")

    async def give(self, device_id: str, wish: Wish) -> None:
        """Have the player take an input. Raises `WebRefusal` with the sentence of who refuses it."""
        done = asyncio.wrap_future(self.desk.act(device_id, wish.kind, wish.value, wish.minutes))
        try:
            refused = await asyncio.wait_for(done, ANSWER_S)
        except TimeoutError:
            hint = "it may have taken it all the same; look before you try again"
            raise WebRefusal(504, "NoAnswer", f"the player has not answered within {ANSWER_S:.0f} s", hint) from None
        if refused is not None:
            raise WebRefusal(409, "Refused", refused)

    async def pair(self, device_id: str, code: str) -> str:
        """What the player is called from now on. Raises `PairingRefusal`."""
        asked = asyncio.wrap_future(self.desk.pair(device_id, code))
        try:
            outcome = await asyncio.wait_for(asked, PAIR_S)
        except TimeoutError:
            raise PairingRefusal(local("DeskSilent")) from None
        if outcome.called is None:
            raise PairingRefusal(outcome)
        return outcome.called

    def _changed(self, seen: Seen) -> None:
        for pack_id, cached in seen.packs.items():
            if pack_id not in self._packs and pack_id not in self._loading:
                self._loading.add(pack_id)
                self._later(self._load(pack_id, cached))
        if "status" in self.streams.kinds():
            self.streams.tell("status", self.status_event())
        for listener in self.listeners:
            listener()

    async def _load(self, pack_id: bytes, cached: CachedPack) -> None:
        facts = await asyncio.to_thread(pack_facts, cached, self._publisher_key)
        while len(self._packs) >= PACKS_MAX:
            del self._packs[next(iter(self._packs))]
        self._packs[pack_id] = facts
        self._changed(self.desk.seen)
        if not any(stem.title for stem in facts.stems):
            await asyncio.sleep(PACK_AGAIN_S)
            self._packs.pop(pack_id, None)
        self._loading.discard(pack_id)

    async def _look_for_stale(self) -> None:
        while True:
            if self.desk.is_stale != self._told_stale:
                self._told_stale = self.desk.is_stale
                self._changed(self.desk.seen)
            await asyncio.sleep(STALE_LOOK_S)

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
