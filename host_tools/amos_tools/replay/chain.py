"""The sessions of one device in their order: each begins with what the score remembered of those before."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from amos.protocol.errors import ProtocolError
from amos.protocol.segment import SEAL_POWER_LOSS, Usage
from amos_tools.replay.continuity import first_break
from amos_tools.replay.piece import Piece
from amos_tools.replay.rows import Replay, Replayed, inputs_of, start_state
from amos_tools.replay.sound import Sound
from amos_tools.replay.unlike import PCM_UNKNOWN, START_STATE, Unlike, first_unlike

SESSIONS_BACK = 3
"""A session that a cut of power ended before it remembered anything leaves what was there before; more than two of
them one after the other are taken for lost memory."""

INPUTS_TOLD = 3


class Why(StrEnum):
    """Why a segment could not be replayed, or its PCM not be rendered."""

    PACK = "its pack is not given"
    SEGMENT = "a segment before it in its session is missing"
    BREAK = "one before it in its session, or it itself, does not belong there"
    MEMORY = "what the score remembered of the sessions before it is not known"
    START = "its session begins from a state that no session can have left"
    INPUT = "an input before it is none"
    SOUND = "a stem of the pack at hand cannot be read"
    POWER = "a cut of power ended it, and no player knows the hash then"


@dataclass(frozen=True)
class Finding:
    """The first difference of a session. `inputs`: (frame, kind, value) of the last ones before it in the session."""

    sequence: int
    unlike: Unlike
    inputs: tuple[tuple[int, int, int], ...] = ()


@dataclass
class Judged:
    """A session, and how many of its segments agree with the replay, differ from it, or could not be replayed. `pcm`:
    of how many the PCM was compared; `no_pcm`: why not, of the others that were replayed. `forgot`: it began with an
    empty memory although others came before."""

    device_id: bytes
    session: int
    pack_id: bytes
    first: int
    last: int
    segments: int
    rows: int
    frames: int = 0
    agree: int = 0
    differ: int = 0
    pcm: int = 0
    unknown: dict[Why, int] = field(default_factory=dict)
    no_pcm: dict[Why, int] = field(default_factory=dict)
    needs: str = ""
    finding: Finding | None = None
    forgot: bool = False


def sessions_of(usages: Sequence[Usage]) -> list[list[Usage]]:
    """A device's segments by session. A number that comes again after a loss of the journal is another session."""
    ordered = sorted(usages, key=lambda usage: usage.sequence)
    return [list(group) for _key, group in groupby(ordered, key=lambda usage: (usage.boot, usage.session))]


class Chain:
    """Replays a device's sessions one after the other. `sound_of` gives what renders a pack's PCM, None for none."""

    def __init__(self, pieces: Mapping[bytes, Piece], sound_of: Callable[[Piece], Sound] | None = None) -> None:
        self._pieces = pieces
        self._sound_of = sound_of
        self._before: Usage | None = None
        self._left: list[Replay] = []
        self._sure = True
        self._follows = self._known = True

    def judge(self, session: Sequence[Usage]) -> Judged:
        """The next session of the device."""
        first, last = session[0], session[-1]
        rows = sum(len(usage.stems) for usage in session)
        judged = Judged(first.device_id, first.session, first.pack, first.sequence, last.sequence, len(session), rows)
        reached = self._before.sequence if self._before else 0
        self._follows = first.sequence == reached + 1 and first.lost_first is None
        # Of another score nothing is remembered.
        self._known = self._follows and (self._sure or self._other_score(first))
        left = self._judge(judged, session)
        remembered = len(session) > 1 or last.reason != SEAL_POWER_LOSS
        self._left = [*left, *self._left][:SESSIONS_BACK]
        # After a session whose log is false, another start is no second finding.
        self._sure = bool(left) and judged.finding is None and (remembered or self._known)
        self._before = last
        return judged

    def _other_score(self, first: Usage) -> bool:
        return self._before is None or self._before.score != first.score

    def _judge(self, judged: Judged, session: Sequence[Usage]) -> list[Replay]:
        first = session[0]
        piece = self._pieces.get(first.pack)
        if piece is None:
            return _none(judged, session, Why.PACK, f"needs pack {first.pack.hex()}; name it with --pack")
        whole, unlike = first_break(session, piece, self._follows)
        if whole < len(session):
            judged.unknown[Why.BREAK if unlike else Why.SEGMENT] = len(session) - whole
            if unlike is None:
                missing = session[whole - 1].sequence + 1 if whole else first.sequence - 1
                judged.needs = f"needs all its segments; {missing} is not here"
        replay = self._begin(judged, piece, session[:whole]) if whole else None
        if unlike is not None and judged.finding is None:
            judged.finding = Finding(session[whole].sequence, unlike)
        return [replay] if replay is not None and whole == len(session) else []

    def _begin(self, judged: Judged, piece: Piece, session: Sequence[Usage]) -> Replay | None:
        found, memory = self._begun(judged, piece, session[0])
        if found:
            return self._replay(judged, piece, session, memory)
        _none(judged, session, Why.START if judged.finding else Why.MEMORY, judged.needs)
        return None

    def _begun(self, judged: Judged, piece: Piece, first: Usage) -> tuple[bool, bytes | None]:
        """(whether it is known, the memory that the session began with)."""
        other_score = self._other_score(first)
        for memory in self._candidates(other_score):
            if start_state(piece, memory) == first.start_state:
                judged.forgot = memory is None and self._known and not other_score
                return True, memory
        if self._known:
            blank = (start_state(piece, None) or b"").hex()
            expected = blank if other_score else "what a session before it left"
            unlike = Unlike("start_state", None, 0, expected, first.start_state.hex(), START_STATE)
            judged.finding = Finding(first.sequence, unlike)
        else:
            judged.needs = "needs the sessions before it: what the score remembered of them is not known"
        return False, None

    def _candidates(self, blank_only: bool) -> Iterator[bytes | None]:
        if not blank_only:
            for replay in self._left:
                yield from replay.memories()
        yield None

    def _replay(self, judged: Judged, piece: Piece, session: Sequence[Usage], memory: bytes | None) -> Replay | None:
        sound = None
        try:
            sound = self._sound_of(piece) if self._sound_of else None
        except (ProtocolError, OSError) as error:
            judged.needs = str(error)
            judged.no_pcm[Why.SOUND] = len(session)
        replay = Replay(piece, session, memory, sound)
        for number, replayed in enumerate(replay.segments()):
            if sound is not None and replay.unplayable is not None:
                judged.needs = replay.unplayable
            _compare(judged, session, number, replayed, replay.unplayable is None)
            if replayed.refused is not None:
                if number + 1 < len(session):
                    judged.unknown[Why.INPUT] = len(session) - number - 1
                return None
        return replay


def _compare(judged: Judged, session: Sequence[Usage], number: int, replayed: Replayed, sounds: bool) -> None:
    """Hold one segment against what was signed."""
    usage = replayed.usage
    later = inputs_of(session[number + 1]) if number + 1 < len(session) else None
    if not sounds and replayed.pcm_sha256 is not None:
        replayed = Replayed(usage, replayed.rows, replayed.silent_frames, None, replayed.refused)
        judged.no_pcm[Why.SOUND] = judged.no_pcm.get(Why.SOUND, 0) + 1
    elif replayed.pcm_sha256 is not None and usage.pcm_sha256 == PCM_UNKNOWN:
        judged.no_pcm[Why.POWER] = judged.no_pcm.get(Why.POWER, 0) + 1
    elif replayed.pcm_sha256 is not None:
        judged.pcm += 1
    judged.frames += usage.end_frame - usage.first_frame
    unlike = first_unlike(replayed, later)
    if unlike is None:
        judged.agree += 1
        return
    judged.differ += 1
    if judged.finding is None:
        before = [item for part in session[: number + 1] for item in inputs_of(part) if item[0] <= unlike.at_frame]
        judged.finding = Finding(usage.sequence, unlike, tuple(before[-INPUTS_TOLD:]))


def _none(judged: Judged, session: Sequence[Usage], why: Why, needs: str) -> list[Replay]:
    judged.unknown[why] = judged.unknown.get(why, 0) + len(session)
    judged.needs = judged.needs or needs
    return []
