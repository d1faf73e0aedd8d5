"""What `protocol.link_device.DeviceLink` asks of a player: status, sealed segments, receipts, inputs."""

from amos import crypto
from amos.compat import const
from amos.edges.worker import InlineWorker
from amos.journal.errors import JournalError
from amos.log_ring import LogRing
from amos.protocol.anchor import open_anchor
from amos.protocol.errors import NotNow, ProofError, ProtocolError
from amos.protocol.limits import INPUT_NONCES_MAX, LIST_ENTRIES_MAX, NAMES_MAX
from amos.protocol.link import Status
from amos.protocol.link_name import ANNOUNCEMENTS, SLIDERS, Name
from amos.protocol.printable import sentence
from amos.protocol.receipt import parse_receipt
from amos.session.input_allowance import InputAllowance
from amos.session.seed_root import SeedRoot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from amos.identity import Identity
    from amos.ledger_keys import LedgerKeys
    from amos.player_state import PlayerState
    from amos.rights.rights import Rights

_TIER_AGAIN_MS = const(10_000)
"""So soon after a change of tier there is no other: whoever changes it all the time would fill the journal."""


class Device:
    """The rooms of one player, and the link's questions answered from them. It keeps nothing of its own but `trimmed`.

    identity       who it is
    player_state   what it is doing
    rights         what may sound
    ledger_keys    a LedgerKeys: whose receipts and time anchors count
    packs          a PackIntake, which takes packs in; None where none can come
    worker         (edges/worker.py) writes to the journal while music goes on
    directives     a Directives: what the operator wants; None where none is followed
    seed_root      a SeedRoot, which receipts renew for the next boot; without one nothing is kept
    staff          a Staff: what anybody at the link may do; None: all
    input_allowance   an InputAllowance: how many inputs others may give, whatever session plays
    trimmed        segments that receipts have freed since the boot
    """

    def __init__(
        self,
        identity: "Identity",
        player_state: "PlayerState",
        rights: "Rights",
        journal,
        clock,
        ledger_keys: "LedgerKeys",
        packs=None,
        worker=None,
        log_ring=None,
        seed_root=None,
        directives=None,
        staff=None,
    ):
        self.identity = identity
        self.player_state = player_state
        self.rights = rights
        self._journal = journal
        self._clock = clock
        self._ledger_keys = ledger_keys
        self.packs = packs
        self.worker = worker or InlineWorker()
        self._log_ring = log_ring or LogRing(clock)
        self.seed_root = seed_root or SeedRoot()
        self.directives = directives
        self._staff = staff
        self.trimmed = 0
        self._link = None
        self.input_allowance = InputAllowance()
        self._inputs_taken: list = []
        self._tier_ms: int | None = None

    @property
    def journal(self):
        """The journal. While the worker writes to it nobody else may, so this waits. Raises `JournalError`."""
        self.worker.settle()
        return self._journal

    def change_journal(self, journal) -> None:
        """Go on with this one, in place of one whose storage failed."""
        self._journal = journal

    def attach(self, link) -> None:
        """The link whose damage count the status shows."""
        self._link = link

    def status(self) -> Status:
        identity, player, journal = self.identity, self.player_state, self.journal
        session = player.session
        unsynced_ms = sum([stored.delivered_ms for stored in journal.segments.values()])
        if session is not None:
            unsynced_ms += session.unsealed_ms()
        text = player.reported_text
        opt_outs = self.rights.opt_outs.current
        directives = self.directives
        refused = directives.refused if directives is not None else None
        return Status(
            device_id=identity.device_id,
            state=player.reported_state,
            firmware=identity.firmware,
            boot=journal.boot,
            session=journal.session,
            frame=session.frame if session else 0,
            rate_hz=session.rate_hz if session else 0,
            uptime_ms=self._clock.now_ms(),
            next_sequence=journal.last_sequence + 1,
            last_receipted=journal.receipted,
            unsynced_ms=unsynced_ms,
            clock=self._clock.status(),
            pack=player.pack_id,
            tier=player.tier,
            underruns=player.underruns,
            damaged_frames=self._link.damaged if self._link else 0,
            trimmed=self.trimmed,
            text=sentence(text) if text else None,
            output=player.output_health,
            spare_segments=journal.spare_segments,
            failed_writes=journal.failed_writes,
            lease_seconds_left=self.rights.lease_seconds_left(),
            opt_outs_serial=opt_outs.serial if opt_outs else None,
            spoilt_blobs=self.packs.spoilt if self.packs else 0,
            output_kind=player.output_kind,
            pace=player.pace,
            directive_serial=directives.serial if directives is not None else None,
            directive_refused=sentence(refused) if refused else None,
        )

    def list_segments(self, first: int) -> list:
        segments = self.journal.segments
        numbers = sorted([number for number in segments if number >= first])[:LIST_ENTRIES_MAX]
        return [(number, segments[number].size, segments[number].sha256) for number in numbers]

    def segment_size(self, sequence: int):
        stored = self.journal.segments.get(sequence)
        return stored.size if stored else None

    def read_segment(self, sequence: int, offset: int, length: int):
        return _unless_storage_fails(self.journal.read, sequence, offset, length)

    def take_receipt(self, sequence: int, data: bytes) -> None:
        """Trim what the ledger vouches for: this segment and, by the chain, all before it. Idempotent."""
        if sequence <= self.journal.receipted:
            return
        size = self.segment_size(sequence)
        if size is None:
            raise ProofError("receipt: expected one for a segment stored here, found %d" % sequence)
        receipt = parse_receipt(data)
        root = receipt.check(self.read_segment(sequence, 0, size), self._ledger_keys.key, crypto.verify)
        self.trimmed += _unless_storage_fails(self.journal.trim, sequence)
        self.worker.settle()
        self.worker.submit(lambda: self.seed_root.keep(root))

    def take_opt_outs(self, data: bytes) -> None:
        """The session places these stems no more, and fades out those that sound. Raises `ProtocolError`."""
        self.rights.take_opt_outs(data)

    def take_rotation(self, data: bytes) -> None:
        """The ledger's or the operator's key gave way to another, which counts from here on. Who follows no operator
        leaves the operator's alone. Raises `ProtocolError`."""
        if not self._ledger_keys.take(data, crypto.verify) and self.directives is not None:
            self.directives.operator.take(data, crypto.verify)

    def take_directive(self, data: bytes) -> None:
        """The operator wants something else from here on. Raises `ProtocolError`."""
        if self.directives is None:
            raise ProtocolError("directive: expected the operator's key in the setting operator_key, found none")
        self.worker.settle()  # which may be noting what the directive before has done
        self.directives.take(data, self.player_state.set_tier)

    def challenge(self) -> bytes:
        return self._clock.challenge()

    def take_anchor(self, data: bytes) -> None:
        """Set the clocks to what the ledger says. Raises `ProtocolError`."""
        anchor = open_anchor(data, self._ledger_keys.key, crypto.verify)
        late = self._clock.take(anchor, self.identity.device_id)
        if late is not None:
            self.rights.lease_clock.bound(*late)
            return
        self.rights.lease_clock.set(self._clock.unix_ms())
        if self.player_state.session is not None:
            self.player_state.session.anchored()

    def read_logs(self, offset: int, length: int) -> tuple:
        first, data = self._log_ring.read(offset, length)
        return first, data, self._log_ring.end

    def names(self, kind: int, first: int) -> tuple:
        """(pack, how many names of that kind its score has, some of them from `first` on). Raises `ProtocolError`."""
        session = self.player_state.session
        if session is None:
            raise ProtocolError("names: expected while a session plays")
        score = session.score
        if kind == SLIDERS:
            count = len(score.sliders)
            names = [Name(name=row.name, lo_q15=row.lo_q15, hi_q15=row.hi_q15) for row in _page(score.sliders, first)]
        elif kind == ANNOUNCEMENTS:
            spoken = score.announcements or ()
            count = len(spoken)
            names = [Name(name=row.name) for row in _page(spoken, first)]
        else:
            raise ProtocolError("names: expected kind 1 or 2, found %d" % kind)
        return self.player_state.pack_id, count, names

    def sounding(self) -> bytes:
        """The bytes of a `Sounding`. Raises `ProtocolError`."""
        session = self.player_state.session
        if session is None:
            raise ProtocolError("sounding: expected while a session plays")
        from amos.session.sounding import told  # a board that is not asked does without

        return told(session, self._staff)

    def set_tier(self, value: int) -> None:
        """Each change seals a segment, so there are not many in a short time. Raises `ProtocolError`."""
        now_ms, before = self._clock.now_ms(), self.player_state.tier
        if value != before and self._staff is not None:
            self._staff.check_tier()
        if value != before and self._tier_ms is not None and now_ms - self._tier_ms < _TIER_AGAIN_MS:
            raise ProtocolError("tier: expected one change within %d s" % (_TIER_AGAIN_MS // 1000))
        self.player_state.set_tier(value)
        if value != before:
            self._tier_ms = now_ms

    def input(self, nonce: bytes, kind: int, value: int) -> None:
        """Take an input, once for each nonce: a courier that has not heard the answer asks again."""
        if nonce in self._inputs_taken:
            return
        if self._staff is not None:
            self._staff.check_input(kind, value)
        session = self.player_state.session
        if session is None:
            raise ProtocolError("input: expected while a session plays")
        session.input(kind, value)
        self._inputs_taken = self._inputs_taken[1 - INPUT_NONCES_MAX :]
        self._inputs_taken.append(nonce)


def _page(rows, first: int):
    """Rows from `first` on that fit into one answer. No slice has bounds from outside: a board's are small integers."""
    return rows[first : first + NAMES_MAX] if first < len(rows) else ()


def _unless_storage_fails(act, *arguments):
    """What `act` gives. Raises `NotNow` when storage fails: the courier may ask again later."""
    try:
        return act(*arguments)
    except JournalError as error:
        raise NotNow(str(error))
