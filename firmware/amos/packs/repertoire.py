"""Which pack a player plays: the one that waits in its store, the active one there, that of its settings, or none."""

from amos import crypto
from amos.compat import MICROPYTHON
from amos.edges.blob_folder import DiskFolder
from amos.packs.folder import PackError, open_pack
from amos.packs.intake import PackIntake
from amos.packs.kept_state import NONE
from amos.packs.store import PackStore
from amos.protocol.errors import ProtocolError
from amos.protocol.link import BAD_SCORE
from amos.settings import NO_PACK

ANY_BOARD = "any"
RUNTIME_CLASS = "micropython" if MICROPYTHON else "linux"


def board_fault(manifest, config) -> "str | None":
    """Why a pack is not for the board that `config` describes, or None."""
    classes = [ANY_BOARD]
    for name in (RUNTIME_CLASS, config.board_class, config.board):
        if name not in classes:
            classes.append(name)
    if manifest.board_class not in classes:
        return "board class: expected %s, found %s" % (" or ".join(classes), manifest.board_class)
    return excess(manifest, config)


def excess(manifest, config) -> "str | None":
    """What of a pack is more than the board can play, or None."""
    for name, found, most in (
        ("voices", manifest.voices, config.voices),
        ("rate_hz", manifest.rate_hz, config.rate_hz),
    ):
        if found > most:
            return "%s: expected at most %d, found %d" % (name, most, found)
    return None


class Repertoire:
    """`pack` is the open pack, None without one; `intake` is what the courier talks to; `refusal` says why a pack could
    not be played, or is None. `say(line)` is told what an operator should know; `playable` is as in `PackIntake`.

    Construction opens the best pack that can be opened. It raises OSError, and what `open_pack` does when that of the
    settings is the last resort and cannot be opened; but not where the player waits for one over its link.
    """

    def __init__(self, config, say, playable):
        self._config = config
        self._say = say
        folder = DiskFolder(config.directory + "/packs", None if config.pack == NO_PACK else config.pack)
        self._store = PackStore(folder, config.publisher_key, crypto.verify)
        self.intake = PackIntake(self._store, self._fault, playable)
        self.refusal = None
        self._waits = config.linger == "forever" and config.link != "none"
        self._spoilt = False  # the pack of the settings
        self._store.begin_life()
        self._chosen = None  # id of the stored pack that is open, None for that of the settings
        self._open()

    @property
    def pack_id(self) -> bytes:
        """Of the open pack, zeros without one."""
        return self.pack.pack_id if self.pack else NONE

    @property
    def absence(self) -> str:
        """Why there is no pack."""
        return "no pack: " + (self.refusal or "expected one over the link")

    @property
    def waiting(self) -> bool:
        """Whether a pack waits for the section to end."""
        return self._store.pending is not None

    def change(self):
        """The best pack there is, opened, in place of the one before."""
        self.close()
        self._open()

    def _open(self) -> None:
        self.pack = self._take()
        self._store.spoilt = self.pack.spoilt if self.pack else []

    def close(self) -> None:
        """Close the open pack."""
        if self.pack is not None:
            self.pack.close()

    def give_up(self, error) -> bool:
        """The open pack cannot be played; whether there is another to `change` to, or one may come."""
        if self._chosen is not None:
            self._refuse(self._chosen, error)
            return True
        if self._waits:
            self._spoilt = True
            self._note("pack of the settings", error)
        return self._waits

    def pass_over(self, reason: str) -> bool:
        """The open pack may not be played; whether it was only waiting to be, and another one is open in its place."""
        if self._chosen is None or self._chosen != self._store.pending:
            return False
        self._refuse(self._chosen, reason)
        self.change()
        return True

    def commit(self) -> None:
        """The open pack plays."""
        try:
            if self._store.commit(self.pack):
                self.refusal = None
                self.intake.committed()
        except OSError as error:
            self._say("packs: expected to note the change, found %s; the next start does" % error)

    def _take(self):
        for pack_id in self._store.choices():
            try:
                pack = self._playable_here(self._store.open(pack_id))
                self._chosen = pack_id
                return pack
            except (ProtocolError, OSError) as error:
                self._refuse(pack_id, error)
        self._chosen = None
        path = self._config.pack
        if self._waits and (self._spoilt or path == NO_PACK):
            return None
        try:
            if path == NO_PACK:
                raise PackError("pack: expected a folder, or a link over which one comes")
            return self._playable_here(open_pack(path, self._config.publisher_key, crypto.verify))
        except (ProtocolError, OSError) as error:
            if not self._waits:
                raise
            self._note("pack of the settings", error)
        return None

    def _note(self, which: str, error) -> None:
        self.refusal = "%s: %s" % (which, error)
        self._say("refused: " + self.refusal)

    def _refuse(self, pack_id: bytes, error) -> None:
        self._note("pack " + pack_id.hex()[:16], error)
        try:
            self._store.refuse(pack_id, BAD_SCORE, str(error))
        except OSError as failed:
            self._say("packs: expected to note the refusal, found %s" % failed)

    def _playable_here(self, pack):
        """The pack. Raises `PackError`: what came by hand, or under other settings, may be too much for these."""
        fault = excess(pack.manifest, self._config)
        if fault:
            raise PackError(fault)
        return pack

    def _fault(self, manifest) -> "str | None":
        return board_fault(manifest, self._config)
