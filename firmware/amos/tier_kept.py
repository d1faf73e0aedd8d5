"""The user tier, which outlives the boot when it was told over the link."""

from amos.protocol.errors import ProtocolError
from amos.protocol.record import U8, Record

VERSION = 1
KEPT_BYTES_MAX = 16


class Told(Record):
    """What is kept: the tier that was told, and what the setting was by then."""

    NAME = "tier kept"
    FIELDS = ((1, "version", "uint", U8), (2, "tier", "uint", U8), (3, "setting", "uint", U8))

    version: int
    tier: int
    setting: int


class TierKept:
    """`tier` holds: the one told last, as long as the setting is the same as then. Whoever edits the setting has the
    last word, and so has whoever tells another tier after that.

    `kept` is a `TwoSlotFile` or its twin; `setting` the player's setting `tier`.
    """

    def __init__(self, kept, setting: int):
        self._kept = kept
        self._setting = setting
        told = _decode(kept.read())
        self.tier = told.tier if told is not None and told.setting == setting else setting

    def keep(self, tier: int) -> None:
        """This tier holds when this returns, after a power cut too. Raises OSError; then the one before holds here,
        and either at the next start."""
        if tier == self.tier:
            return
        self._kept.write(Told(version=VERSION, tier=tier, setting=self._setting).encode())
        self.tier = tier


def _decode(content: "bytes | None") -> "Told | None":
    if content is None:
        return None
    try:
        told = Told.decode(content)
    except ProtocolError:
        return None
    return told if told.version == VERSION else None
