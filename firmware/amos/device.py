"""The device as the link sees it: identity, status, sealed segments, receipts. The facade of `protocol.link_device`."""

from amos import crypto
from amos.protocol.enrolment import IDENTIFY_CONTEXT
from amos.protocol.errors import ProofError, ProtocolError
from amos.protocol.limits import LIST_ENTRIES_MAX
from amos.protocol.link import STATE_STOPPED, Status
from amos.protocol.receipt import parse_receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from amos.session import Session

FIRMWARE = "0.1.0"


class Device:
    """Identity and journal of one player; `session` (a Session) while it plays, else None; `text` for the status.

    `voices` is the most that the board plays. `packs` (a PackIntake) takes new packs in; `pack_id` is the one at hand.
    """

    session: "Session | None"
    text: "str | None"

    def __init__(self, seed: bytes, journal, config, clock, packs, pack_id: bytes):
        self._seed = seed
        self.public_key = crypto.public_key(seed)
        self.device = crypto.key_id(self.public_key)
        self.firmware = FIRMWARE
        self.board = config.board
        self.voices = config.voices
        self.packs = packs
        self.tier = config.tier
        self.journal = journal
        self.session = None
        self.state = STATE_STOPPED
        self.text = None
        self.trimmed = 0
        self._link = None
        self.pack_id = pack_id
        self._ledger_key = config.ledger_key
        self._clock = clock

    def attach(self, link) -> None:
        """The link whose damage count the status shows."""
        self._link = link

    def sign(self, message: bytes) -> bytes:
        """The device's signature, 64 bytes."""
        return crypto.sign(self._seed, message)

    def sign_identity(self, nonce: bytes) -> bytes:
        return self.sign(IDENTIFY_CONTEXT + nonce)

    def status(self) -> Status:
        session, journal = self.session, self.journal
        unsynced_ms = sum([stored.delivered_ms for stored in journal.segments.values()])
        if session is not None:
            unsynced_ms += session.unsealed_ms()
        return Status(
            device=self.device,
            state=self.state,
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
            underruns=0,
            damaged_frames=self._link.damaged if self._link else 0,
            trimmed=self.trimmed,
            text=self.text,
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

    def set_tier(self, value: int) -> None:
        if not 0 <= value <= 255:
            raise ProtocolError("tier: expected 0 to 255, found %d" % value)
        self.tier = value

    def input(self, kind: int, value: int) -> None:
        if self.session is None:
            raise ProtocolError("input: expected while a session plays")
        self.session.input(kind, value)
