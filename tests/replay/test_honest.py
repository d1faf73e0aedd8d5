"""An honest player's log always agrees: any score, any inputs, any blocks, seals and cuts of power, any lag of the
output."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from score_strategies import LENGTHS, STEMS, score_documents

from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.limits import SEGMENT_BYTES_MAX, SEGMENT_ROWS_MAX
from amos.protocol.segment import SEAL_INTERVAL, SEAL_TIER, Usage
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_BLOCK,
    INPUT_BLOCK_MANY,
    INPUT_CLOCK,
    INPUT_DISLIKE,
    INPUT_LEAVE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SHUFFLE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
    InputRefused,
)
from amos.score.score import decode_score
from amos.sound.meter import PLACEMENTS_MAX
from amos_tools.bench.scene import make_scene
from amos_tools.bench.silent_player import SilentPlayer
from amos_tools.replay.chain import Chain, sessions_of
from amos_tools.replay.piece import Piece

KINDS = [
    *(INPUT_SKIP, INPUT_LIKE, INPUT_DISLIKE, INPUT_SHUFFLE, INPUT_ANNOUNCE, INPUT_BLOCK, INPUT_BLOCK_MANY),
    *(INPUT_SLIDER, INPUT_PAUSE, INPUT_VOLUME, INPUT_CLOCK, INPUT_LEAVE),
]
CELLS_MAX = 40_000
"""Almost a minute a block."""
LAGS = (0, 0, 1, 63, 64, 5000, 96_001)


def a_life(random: Random) -> list[Any]:
    """Sessions of steps (what, number, number), each with how it ends."""
    life = []
    for _session in range(random.randint(2, 3)):
        steps: list[tuple[str, int, int]] = []
        for _round in range(random.randint(2, 8)):
            steps += [("input", random.choice(KINDS), random.randint(0, 7)) for _ in range(random.choice((0, 0, 1, 3)))]
            steps.append(("play", random.randint(1, random.choice((20, 2000, CELLS_MAX))), random.choice(LAGS)))
            if not random.randrange(3):
                steps.append(("seal", random.choice((SEAL_INTERVAL, SEAL_TIER)), 0))
        life.append((steps, random.choice(("finish", "lose_power"))))
    return life


def piece_for(document: bytes, stem_frames: list[int]) -> Piece:
    score = decode_score(document)
    return Piece(
        pack_id=bytes(range(32)),
        name="any",
        rate_hz=score.rate_hz,
        voices=score.voices,
        score_sha256=score.sha256,
        score=document,
        stem_ids=(bytes(16),) * STEMS,
        stem_frames=tuple(stem_frames),
        stem_gains_q15=(20_000,) * STEMS,
    )


def played(piece: Piece, sessions: list[Any]) -> list[Usage]:
    """What a player signs that does all this."""
    player = SilentPlayer(b"h" * 32, 1_772_366_400)
    for steps, end in sessions:
        player.begin(piece)
        for what, first, second in steps:
            if what == "play":
                player.play(64 * first, second)
            elif what == "seal":
                player.seal(first)
            else:
                try:
                    player.input(first, second)
                except InputRefused:
                    continue
        getattr(player, end)()
    return [Usage.decode(parse_typed(part, TYP_USAGE, SEGMENT_BYTES_MAX).payload) for part in player.segments]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(score_documents(), st.lists(LENGTHS, min_size=STEMS, max_size=STEMS), st.integers(0, 2**32))
def test_an_honest_log_always_agrees(score: bytes, lengths: list[int], seed: int) -> None:
    pickups = decode_score(score).pickups or bytes(STEMS)
    piece = piece_for(score, [length + pickup for length, pickup in zip(lengths, pickups, strict=True)])
    usages = played(piece, a_life(Random(seed)))
    chain = Chain({piece.pack_id: piece})
    for session in sessions_of(usages):
        judged = chain.judge(session)
        assert judged.finding is None and judged.agree == judged.segments, judged


def test_a_segment_may_have_more_rows_than_a_meter_holds_at_once() -> None:
    scene = make_scene(12, 24, 0.75, 22_050)
    frames = [stem.frames for stem in scene.stems]
    piece = piece_for(scene.score_bytes, frames)
    piece = replace(piece, stem_ids=(bytes(16),) * len(frames), stem_gains_q15=(20_000,) * len(frames))
    steps = [("play", CELLS_MAX // 4, 0)] * 20
    usages = played(piece, [(steps, "finish")])
    assert PLACEMENTS_MAX < len(usages[0].stems) < SEGMENT_ROWS_MAX
    judged = Chain({piece.pack_id: piece}).judge(usages)
    assert (judged.agree, judged.finding) == (1, None)
