"""What the operator wants of this player: the directive in force, verified, durable, and never an older one again.

What is kept was verified when it came, and is verified again: a card can be written elsewhere. It stays in force when
the operator's key gives way to another, so the key that signed it is kept beside it, and the key in the settings,
without which the other means nothing.

    version u8 | restart, sync and volume that were done, as the serial of the directive that asked: 3 × u64 |
    key in the settings 32 | key that signed 32 | directive

Integers are big-endian. Version 1 had neither key: the one in the settings had signed.
"""

from amos import crypto
from amos.compat import const
from amos.directed_inputs import DirectedInputs
from amos.edges.two_slot_file import TwoSlotFile
from amos.ledger_keys import KEPT_BYTES_MAX as KEYS_BYTES_MAX
from amos.operator_keys import OperatorKeys
from amos.protocol.directive import Directive, open_directive
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import DIRECTIVE_BYTES_MAX
from amos.protocol.link import NOT_NOW
from amos.protocol.link_pack_device import PackRefused

_VERSION = const(2)
_DONE_BYTES = const(25)  # all of the head in version 1
_HEAD_BYTES = const(89)
KEPT_BYTES_MAX = 89 + DIRECTIVE_BYTES_MAX


class DirectiveRefused(ProtocolError):
    """A directive that is for another player, that would take this one back, or that it cannot keep."""


class Directives:
    """The directive that `kept` (a `TwoSlotFile` or its twin; None: nothing is kept) holds, and those that come.

    operator  an OperatorKeys, whose `key` is the operator's
    current   Directive in force, or None
    refused   why the last one that came was refused, None once another is taken
    fault     a sentence when what was kept is no directive of this operator's, else None
    volume    serial of the directive whose volume the journal remembers; what was set after it stays
    """

    def __init__(self, operator, device_id: bytes, verify, kept=None):
        self.operator = operator
        self._signer = b""  # of `current`
        self._device_id = device_id
        self._verify = verify
        self._kept = kept
        self._restarted = self._synced = self.volume = 0
        self._unnoted = False
        self._data = b""
        self.current: Directive | None = None
        self.refused: str | None = None
        self.fault: str | None = None
        content = None if kept is None else kept.read()
        if content is not None:
            self._recall(content)
        elif kept is not None and kept.damaged:
            self.fault = "directive: expected a whole one, found damage"

    def _recall(self, content: bytes) -> None:
        operator, version = self.operator, content[0] if content else 0
        head, pinned, signer = _DONE_BYTES, operator.pinned, operator.pinned
        if version == _VERSION:
            head, pinned, signer = _HEAD_BYTES, content[_DONE_BYTES:57], content[57:_HEAD_BYTES]
        elif version != 1:
            head = len(content)
        if len(content) <= head:
            self.fault = "directive: expected a kept one of version %d, found another" % _VERSION
            return
        if pinned != operator.pinned:
            signer = operator.key
        done = [int.from_bytes(content[at : at + 8], "big") for at in (1, 9, 17)]
        try:
            self.current = open_directive(content[head:], signer, self._verify)
        except ProtocolError as error:
            self.fault = "directive: kept one refused: %s" % error
            return
        self._signer = signer
        self._restarted, self._synced, self.volume = done
        self._data = content[head:]

    @property
    def serial(self) -> "int | None":
        """Of the directive in force, None without one."""
        return None if self.current is None else self.current.serial

    def take(self, data: bytes, set_tier) -> None:
        """Take one that came; it is in force and durable when this returns. `set_tier(tier)` raises a `ProtocolError`
        when that cannot be. Raises `ProtocolError`; nothing of a refused one holds."""
        if data == self._data:
            self.refused = None
            return
        try:
            self._take(data, set_tier)
        except ProtocolError as error:
            self.refused = str(error)
            raise
        self.refused = None

    def _take(self, data: bytes, set_tier) -> None:
        directive = open_directive(data, self.operator.key, self._verify)
        if directive.device_id != self._device_id:
            told = (self._device_id.hex(), directive.device_id.hex())
            raise DirectiveRefused("directive.device_id: expected %s, found %s" % told)
        current = self.current
        if current is not None and directive.serial <= current.serial:
            if directive.serial < current.serial:
                told = (current.serial, directive.serial)
                raise DirectiveRefused("directive.serial: expected %d or more, found %d" % told)
            if directive.to_map() != current.to_map():
                raise DirectiveRefused("directive.serial: expected above %d for other content" % current.serial)
        # Before it is kept: after a cut in between, the courier brings it again.
        if directive.tier is not None:
            set_tier(directive.tier)
        self._store(data, self.operator.key)
        self.current = directive

    def _store(self, data: bytes, signer: bytes) -> None:
        """Raises `DirectiveRefused`."""
        done = b"".join([serial.to_bytes(8, "big") for serial in (self._restarted, self._synced, self.volume)])
        if self._kept is not None:
            try:
                self._kept.write(bytes((_VERSION,)) + done + self.operator.pinned + signer + data)
            except OSError as error:
                raise DirectiveRefused("directive: expected to be stored, found %s" % error)
        self._data, self._signer = data, signer

    @property
    def asks_for_restart(self) -> bool:
        """Whether the player is to start anew."""
        return self._asked("restart") > self._restarted

    @property
    def asks_for_seal(self) -> bool:
        """Whether what was played is to be sealed at once."""
        return self._asked("sync") > self._synced

    def _asked(self, name: str) -> int:
        return (getattr(self.current, name) or 0) if self.current is not None else 0

    def restarts(self, worker, say) -> bool:
        """Whether the player is to start anew now. It is noted first: one that cannot be noted would never end.

        `worker` may be writing here; `say(line)` is told what an operator should know."""
        if not self.asks_for_restart:
            return False
        worker.settle()
        before, self._restarted = self._restarted, self._asked("restart")
        if not self._noted():
            self._restarted = before
            return False
        say("starting anew, as the operator directs")
        return True

    def sealed(self) -> None:
        """What was played is sealed, or there was nothing. `note` keeps that: to seal twice is no harm."""
        self._synced = self._asked("sync")
        self._unnoted = True

    def remembered(self, serial: int) -> None:
        """The journal remembers the volume of that directive; `note` keeps that."""
        if serial > self.volume:
            self.volume = serial
            self._unnoted = True

    def note(self) -> None:
        """Keep what was done, if there is anything new. What fails is tried at the next occasion."""
        if self._unnoted:
            self._unnoted = not self._noted()

    def _noted(self) -> bool:
        try:
            self._store(self._data, self._signer)
        except DirectiveRefused:
            return False
        return True

    def inputs_of(self, worker, score) -> DirectedInputs:
        """What a session with that score is told; `worker` writes while music goes on."""
        return DirectedInputs(self, worker, score)

    def idle(self) -> None:
        """Nothing plays, so there is nothing to seal."""
        if self.asks_for_seal:
            self.sealed()
            self.note()

    def check_pack(self, pack_id: bytes, unix_ms: "int | None") -> None:
        """Raise `PackRefused` unless the operator lets this pack be activated at that moment (None: unknown)."""
        directive = self.current
        if directive is None or directive.pack is None:
            return
        if pack_id != directive.pack:
            told = (directive.pack.hex()[:16], pack_id.hex()[:16])
            raise PackRefused(NOT_NOW, "pack: expected %s, as the operator directs, found %s" % told)
        from_s = directive.pack_from_unix_s
        if from_s is not None and (unix_ms is None or unix_ms < from_s * 1000):
            raise PackRefused(NOT_NOW, "pack: expected from %d on, as the operator directs" % from_s)


def open_directives(config, device_id: bytes, ledger_keys, say) -> Directives:
    """What the player keeps in its directory; `say(line)` is told what an operator should know."""
    kept = TwoSlotFile(config.directory + "/directive", KEPT_BYTES_MAX)
    operator_key = TwoSlotFile(config.directory + "/operator-key", KEYS_BYTES_MAX)
    operator = OperatorKeys(config.operator_key, ledger_keys, operator_key)
    directives = Directives(operator, device_id, crypto.verify, kept)
    if directives.fault:
        say(directives.fault)
    return directives
