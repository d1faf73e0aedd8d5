"""What a player is doing at this moment: its status says it, and each value changes in one way only."""

from amos.protocol.errors import ProtocolError
from amos.protocol.link import OUTPUT_NONE, STATE_PAUSED, STATE_PLAYING, STATE_STOPPED
from amos.protocol.segment import OUTPUT_KIND_NULL, TIER_RENDERER
from amos.tier_kept import TierKept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from amos.session.session import Session

UNHEARD = "plays into nothing (null output)"


class PlayerState:
    """Read the attributes; change them through the methods.

    state       one of `link.STATE_*`
    text        why, as a sentence, or None
    session     the Session that plays, or None
    pack_id     of the pack at hand, zeros without one
    tier        of the venue's tariff; the operator sets it over the link, and `kept` keeps it
    underruns   of all outputs since the boot
    output_kind, pace   `segment.OUTPUT_KIND_*` and `PACE_*`, given once; None where nobody said
    """

    session: "Session | None"
    text: "str | None"

    def __init__(self, pack_id: bytes, kept: TierKept, output_kind: "int | None" = None, pace: "int | None" = None):
        self.state = STATE_STOPPED
        self.text = None
        self.session = None
        self.pack_id = pack_id
        self._kept = kept
        self.underruns = 0
        self.output_kind = output_kind
        self.pace = pace

    def set_state(self, state: int, text: "str | None") -> None:
        """The player does something else from here on; `text` says why, or is None."""
        self.state = state
        self.text = text

    @property
    def _unheard(self) -> bool:
        """Whether the output is one that makes no sound."""
        return self.output_kind == OUTPUT_KIND_NULL

    @property
    def reported_state(self) -> int:
        """`state`, or `STATE_PAUSED` while an operator has paused the session that plays."""
        session = self.session
        paused = self.state == STATE_PLAYING and session is not None and session.paused
        return STATE_PAUSED if paused else self.state

    @property
    def reported_text(self) -> "str | None":
        """`text`, or the session's sentence about a stem that stays silent, or that nobody hears what plays."""
        if self.text is not None or self.session is None:
            return self.text
        return self.session.refusal or (UNHEARD if self._unheard else None)

    @property
    def output_health(self) -> int:
        """One of `link.OUTPUT_*`: none where nothing plays, or plays into nothing."""
        return OUTPUT_NONE if self.session is None or self._unheard else self.session.output.health

    def choose_pack(self, pack_id: bytes) -> None:
        """This pack is at hand, whether or not it may be played."""
        self.pack_id = pack_id

    def begin_session(self, session, pack_id: bytes) -> None:
        """This session plays from here on."""
        self.session = session
        self.pack_id = pack_id

    def end_session(self) -> None:
        """Nothing plays until another session begins."""
        self.session = None

    @property
    def tier(self) -> int:
        return self._kept.tier

    def set_tier(self, value: int) -> None:
        """It holds for good when this returns; the session notices it with its next block. Raises `ProtocolError`."""
        if not 0 <= value <= 255:
            raise ProtocolError("tier: expected 0 to 255, found %d" % value)
        if (value == TIER_RENDERER) != (self.tier == TIER_RENDERER):
            told = "tier: expected to stay %d, found %d; an enrolment makes a renderer, and no word over the link"
            raise ProtocolError(told % (self.tier, value))
        try:
            self._kept.keep(value)
        except OSError as error:
            raise ProtocolError("tier: expected room to keep it, found %s" % error)

    def add_underruns(self, count: int) -> None:
        """The output ran dry so many times more."""
        self.underruns += count
