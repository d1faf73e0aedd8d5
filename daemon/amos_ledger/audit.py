"""The audit folder: the whole log, for auditors and mirrors. It is complete by itself.

Entry bundles have raw segments and enrolments, and with them what each site played; so they lie apart from what anybody
may see. Whatever reads the log reads it here: `amos verify`, `amos ledger recover`, `amos replay`.

Contract: it shows the head that the public folder shows, some time later. Files come in this order: documents and
closings, bundles, tiles, checkpoint; so everything that a checkpoint commits to is there before it, and after a crash,
writing what is missing is recovery enough. Nothing is signed for it, and no receipt waits for it, so it may lie
anywhere (`amos_places`). Raises `OSError` when the place refuses; the next attempt goes on. One process at a time calls
`follow` (`Folder.auditing`).
"""

import shutil
import threading
import time
from collections.abc import Callable

from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.key_line_host import KeyLine
from amos.protocol.limits import APPOINTMENT_BYTES_MAX
from amos.protocol.rotation import LEDGER
from amos_ledger.errors import RolledBack
from amos_ledger.folder import LEDGER_ROTATIONS, ROTATIONS, Folder
from amos_ledger.log import tree
from amos_ledger.log.tiles import TILE_WIDTH, tiles_between
from amos_ledger.public import CHECKPOINT, Public, last_head
from amos_ledger.store.store import Store
from amos_ledger.tile_files import TILES, TileFiles, publish_documents
from amos_places.folder import FolderPlace

FOLLOWS_S = 60.0
"""The longest that an entry waits for the audit folder while the ledger serves. A partial bundle is written with every
entry that it has, so writing it with each segment would cost a hundred times the segment."""


LOOKS_S = 1.0
"""How soon a full bundle is noticed."""

ENDS_S = 20.0
"""For what is left to write when the service ends."""


class Audit:
    """The audit folder of one ledger; `now_s` tells monotonic seconds."""

    def __init__(self, folder: Folder, now_s: Callable[[], float]) -> None:
        self._folder = folder
        self._now_s = now_s
        self._tiles: TileFiles | None = None
        self._size = 0
        self._tried_s: float | None = None

    def is_due(self, size: int) -> bool:
        """Whether it is time to follow a public checkpoint over `size` entries: at once when that fills a bundle, else
        after a minute. After a failure, after a minute too."""
        if self._tried_s is None:
            return True
        if self._tiles is not None and size // TILE_WIDTH > self._size // TILE_WIDTH:
            return True
        return size != self._size and self._now_s() - self._tried_s >= FOLLOWS_S

    def follow(self, store: Store) -> Checkpoint | None:
        """Write what the public checkpoint covers, and that checkpoint; None when nothing is published. Raises
        `RolledBack`, `EntryDamaged`, `OSError`."""
        self._tried_s = self._now_s()
        tiles, self._tiles = self._tiles, None  # after a failure all that is there is looked at again
        with self._folder.auditing():
            line = store.rotations.line(LEDGER, store.public_key)
            public = last_head(FolderPlace(self._folder.public), line)
            if public is None:
                return None
            tiles = tiles or TileFiles(self._folder.audit)
            self._write(store, tiles, line, *public)
            _remove_older_bundles(self._folder)
        self._tiles, self._size = tiles, public[0].size
        return public[0]

    def _write(self, store: Store, tiles: TileFiles, line: KeyLine, head: Checkpoint, note: bytes) -> None:
        place = tiles.place
        found = last_head(place, line)
        old = found[0] if found else None
        begun = tiles.begun(old.size if old else 0)
        read = store.log.cached(begun // TILE_WIDTH * TILE_WIDTH, head.size)
        for known in (head, *([old] if old else [])):
            if known.size > store.size() or tree.root(known.size, read) != known.root:
                raise RolledBack(
                    f"{place.name}/{CHECKPOINT}: expected one over a part of the store's {store.size()} entries, found"
                    f" one over {known.size} that the store does not have; put the newer store back"
                )
        if old is not None and old.size > head.size:
            return  # another process was here with a later one
        publish_documents(store, place)
        for closing in store.closings():
            name = f"closings/{closing.title}.cose"
            if not place.has(name):
                place.write(name, closing.entry)
        appointed = FolderPlace(self._folder.public)
        for name in sorted(appointed.names(ROTATIONS)):
            # The operator's are made anew from the log, and again after each change of the ledger's key.
            if name.startswith(LEDGER_ROTATIONS) and not place.has(name):
                place.write(name, appointed.read(name, APPOINTMENT_BYTES_MAX))
        tiles.publish(store, tiles_between(begun, head.size), read)
        if old != head:
            place.write(CHECKPOINT, note)


class Following(threading.Thread):
    """Brings the audit folder up to the public one while the ledger serves, and once more at the end. It may lie far
    away, so intake never waits for it."""

    def __init__(self, folder: Folder, report: Callable[[str], None], stop: threading.Event) -> None:
        super().__init__(name="audit", daemon=True)
        self._folder = folder
        self._report = report
        self._stop_event = stop
        self._audit = Audit(folder, time.monotonic)
        self._said = ""

    def run(self) -> None:
        """Until told to stop; whatever goes wrong is said once, and tried again."""
        while not self._stop_event.wait(LOOKS_S):
            self._step()

    def finish(self) -> None:
        """Once the ledger has ended: what came since. A place that does not answer is not waited for."""
        self.join(ENDS_S)
        if self.is_alive():
            return self._say(f"the audit folder lacks what came last: no answer in {ENDS_S:g} s")
        last = threading.Thread(target=self._step, args=(True,), daemon=True)
        last.start()
        last.join(ENDS_S)
        if last.is_alive():
            self._say(f"the audit folder lacks what came last: no answer in {ENDS_S:g} s")

    def _step(self, last: bool = False) -> None:
        try:
            head = Public(self._folder).last()
            if head is not None and (last or self._audit.is_due(head.size)):
                with self._folder.open_store() as store:
                    self._audit.follow(store)
                self._say("")
        except Exception as error:  # a thread that ends would end it for good
            self._say(f"cannot write the audit folder: {' '.join(str(error).split())}")

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            self._report(sentence or "writes the audit folder again")
        self._said = sentence


def follow_now(folder: Folder, store: Store) -> None:
    """Bring the audit folder up to the public one, whatever the time."""
    Audit(folder, lambda: 0.0).follow(store)


def _remove_older_bundles(folder: Folder) -> None:
    """Bundles lay in the public folder in version 0.1; the audit folder has them all by then."""
    shutil.rmtree(folder.public / TILES / "entries", ignore_errors=True)
