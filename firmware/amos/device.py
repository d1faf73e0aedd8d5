"""The device as the link sees it: identity, status, sealed segments, receipts. The facade of `protocol.link_device`."""

from amos import __version__, crypto
from amos.edges.worker import InlineWorker
from amos.log_ring import LogRing
from amos.protocol.anchor import open_anchor
from amos.protocol.errors import ProofError, ProtocolError
from amos.protocol.limits import INPUT_NONCES_MAX, LIST_ENTRIES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT, OUTPUT_NONE, STATE_PAUSED, STATE_PLAYING, STATE_STOPPED, Status
from amos.protocol.receipt import parse_receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from amos.rights.rights import Rights
    from amos.session.session import Session

UNHEARD = "plays into nothing (null output)"


def device_id_of(seed: bytes) -> bytes:
    """The device id of a seed."""
    return crypto.key_id(crypto.public_key(seed))


class Device:
    """Identity and journal of one player; `session` (a Session) while it plays, else None; `text` for the status.

    `voices` is the most that the board plays. `packs` (a PackIntake) takes new packs in; `pack_id` is the one at hand.
    `worker` (edges/worker.py) writes to the journal while music goes on. `underruns` of the outputs since boot.
    `rights` (Rights) says what may sound, and is there before a session begins.
    """

    session: "Session | None"
    text: "str | None"
    rights: "Rights"

    def __init__(self, seed: bytes, journal, config, clock, packs, pack_id: bytes, worker=None, log_ring=None):
        self._seed = seed
        self.public_key = crypto.public_key(seed)
        self.device_id = crypto.key_id(self.public_key)
        self.firmware = __version__
        self.board = config.board
        self.voices = config.voices
        self.packs = packs
        self.tier = config.tier
        self._journal = journal
        self.worker = worker or InlineWorker()
        self.session = None
        self.state = STATE_STOPPED
        self.text = None
        self.trimmed = 0
        self.underruns = 0
        self._link = None
        self._inputs_taken: list = []
        self.pack_id = pack_id
        self._ledger_key = config.ledger_key
        self._clock = clock
        self._unheard = config.out == "null"
        self._log_ring = log_ring or LogRing(clock)

    @property
    def journal(self):
        """The journal; while the worker writes to it it is nobody else's, so this waits. Raises `JournalError`."""
        self.worker.settle()
        return self._journal

    def lease_seconds_left(self) -> "int | None":
        """Seconds until the pack's lease ends, 0 when it has; None before the first session."""
        return self.rights.lease_seconds_left()

    def attach(self, link) -> None:
        """The link whose damage count the status shows."""
        self._link = link

    def sign(self, message: bytes) -> bytes:
        """The device's signature, 64 bytes."""
        return crypto.sign(self._seed, message)

    def sign_pieces(self, message) -> bytes:
        """The signature of a `Pieces`."""
        return crypto.sign(self._seed, *message.parts)

    def sign_identity(self, nonce: bytes) -> bytes:
        return self.sign(IDENTIFY_CONTEXT + nonce)

    def status(self) -> Status:
        session, journal = self.session, self.journal
        unsynced_ms = sum([stored.delivered_ms for stored in journal.segments.values()])
        if session is not None:
            unsynced_ms += session.unsealed_ms()
        text = self.text or (session.refusal if session else None) or (UNHEARD if session and self._unheard else None)
        opt_outs = self.rights.opt_outs.current
        return Status(
            device_id=self.device_id,
            state=STATE_PAUSED if self.state == STATE_PLAYING and session and session.paused else self.state,
            firmware=self.firmware,
            boot=journal.boot,
            session=journal.session,
            frame=session.frame if session else 0,
            rate_hz=session.rate_hz if session else 0,
            uptime_ms=self._clock.now_ms(),
            next_sequence=journal.last_sequence + 1,
            last_receipted=journal.receipted,
            unsynced_ms=unsynced_ms,
            clock=self._clock.status(),
            pack=self.pack_id,
            tier=self.tier,
            underruns=self.underruns,
            damaged_frames=self._link.damaged if self._link else 0,
            trimmed=self.trimmed,
            text=_short(text) if text else None,
            output=session.output.health if session and not self._unheard else OUTPUT_NONE,
            spare_segments=journal.spare_segments,
            failed_writes=journal.failed_writes,
            lease_seconds_left=self.lease_seconds_left(),
            opt_outs_serial=opt_outs.serial if opt_outs else None,
            spoilt_blobs=self.packs.spoilt if self.packs else 0,
        )

    def list_segments(self, first: int) -> list:
        segments = self.journal.segments
        numbers = sorted([number for number in segments if number >= first])[:LIST_ENTRIES_MAX]
        return [(number, segments[number].size, segments[number].sha256) for number in numbers]

    def segment_size(self, sequence: int):
        stored = self.journal.segments.get(sequence)
        return stored.size if stored else None

    def read_segment(self, sequence: int, offset: int, length: int):
        return self.journal.read(sequence, offset, length)

    def take_receipt(self, sequence: int, data: bytes) -> None:
        """Trim what the ledger vouches for: this segment and, by the chain, all before it. Idempotent."""
        if sequence <= self.journal.receipted:
            return
        size = self.segment_size(sequence)
        if size is None:
            raise ProofError("receipt: expected one for a segment stored here, found %d" % sequence)
        receipt = parse_receipt(data)
        receipt.check(self.journal.read(sequence, 0, size), self._ledger_key, crypto.verify)
        self.trimmed += self.journal.trim(sequence)

    def take_opt_outs(self, data: bytes) -> None:
        """From here on these stems are not placed, and fade where they sound. Raises `ProtocolError`."""
        self.rights.take_opt_outs(data)

    def challenge(self) -> bytes:
        return self._clock.challenge()

    def take_anchor(self, data: bytes) -> None:
        """It is as late as the ledger says. Raises `ProtocolError`."""
        self._clock.take(open_anchor(data, self._ledger_key, crypto.verify), self.device_id)
        self.rights.lease_clock.set(self._clock.unix_ms())
        self.rights.lease_clock.save()
        if self.session is not None:
            self.session.anchored()

    def read_logs(self, offset: int, length: int) -> tuple:
        first, data = self._log_ring.read(offset, length)
        return first, data, self._log_ring.end

    def set_tier(self, value: int) -> None:
        if not 0 <= value <= 255:
            raise ProtocolError("tier: expected 0 to 255, found %d" % value)
        self.tier = value

    def input(self, nonce: bytes, kind: int, value: int) -> None:
        """Take an input, once for each nonce: a courier that has not heard the answer asks again."""
        if nonce in self._inputs_taken:
            return
        if self.session is None:
            raise ProtocolError("input: expected while a session plays")
        self.session.input(kind, value)
        self._inputs_taken = self._inputs_taken[1 - INPUT_NONCES_MAX :]
        self._inputs_taken.append(nonce)


def _short(text: str) -> str:
    # Printable ASCII only, so that 160 letters are 160 bytes whatever the sentence quotes.
    return "".join([letter if " " <= letter <= "~" else "?" for letter in text[:160]])
