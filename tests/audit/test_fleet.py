"""A sample of a fleet: what is kept in memory does not grow with the fleet."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from amos.crypto import key_id, public_key, sign
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.link import IDENTIFY_CONTEXT
from amos_batches.runner import InProcess
from amos_tools.audit.plausibility import look
from amos_tools.audit.run import Asked, audit
from amos_tools.bench.audit import signed
from amos_tools.bench.scene import make_scene
from amos_tools.bench.silent_player import SilentPlayer
from amos_tools.replay.piece import Piece
from amos_tools.verify import opened

OPERATOR = b"o" * 32
SEGMENTS = 6
MONTH = "2026-03"


def piece() -> Piece:
    scene = make_scene(4, 8, 2.0, 22_050)
    return Piece(
        **{"pack_id": hashlib.sha256(scene.score_bytes).digest(), "name": "fleet", "rate_hz": 22_050},
        **{"voices": scene.score.voices, "score_sha256": scene.score.sha256, "score": scene.score_bytes},
        stem_ids=(bytes(16),) * len(scene.stems),
        stem_frames=tuple(stem.frames for stem in scene.stems),
        stem_gains_q15=tuple(stem.gain_q15 for stem in scene.stems),
    )


def enrolment(player: SilentPlayer, seed: bytes) -> bytes:
    facts = {"version": 1, "device_id": player.device_id, "public_key": player.public_key, "site": "bar", "tier": 0}
    facts |= {"name": seed[:4].hex(), "board": "linux", "voices": 32, "nonce": bytes(16), "unix_s": 1}
    facts |= {"possession": sign(seed, IDENTIFY_CONTEXT + bytes(16))}
    return sign_enrolment(Enrolment(**facts), key_id(public_key(OPERATOR)), lambda told: sign(OPERATOR, told))


class Log:
    """Stands in for a published log that was verified: as many players as are asked for, each played an hour."""

    checked = ()

    def __init__(self, what: Piece, players: int) -> None:
        self.lines = type("Lines", (), {"operator": self})
        self._entries: list[bytes] = []
        for number in range(players):
            seed = number.to_bytes(4, "big") * 8
            player = signed(what, SEGMENTS / 6, seed)
            self._entries += [enrolment(player, seed), *player.segments]

    def open_at(self, _index: int, entry: bytes, opened: Any, verify: Any) -> Any:
        return opened(entry, public_key(OPERATOR), verify)

    def entries(self) -> Iterator[bytes]:
        yield from self._entries


def peak(work: Any) -> tuple[Any, int]:
    """(what it gives, the most bytes that it held)."""
    tracemalloc.start()
    try:
        found = work()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "TILE_WIDTH", 16)  # so that a small log has many bundles
    what = piece()
    asked = Asked(MONTH, sample=2, seed="s")
    small, large = Log(what, 8), Log(what, 24)
    sizes = []
    for log, players in ((small, 8), (large, 24)):
        audit(log, {what.pack_id: what}, asked, InProcess())  # type: ignore[arg-type]
        found, held = peak(lambda log=log: audit(log, {what.pack_id: what}, asked, InProcess()))
        assert [judged.agree for judged in found.sessions] == [SEGMENTS] * 2
        assert len(found.devices) == 2 and found.wanted == 2 * SEGMENTS
        looked, watched = peak(lambda log=log: look(log, MONTH, {}, InProcess()))
        assert (looked.devices, looked.segments) == (players, players * SEGMENTS)
        sizes.append((held, watched))
    assert sizes[1][0] < 1.3 * sizes[0][0], sizes
    assert sizes[1][1] - sizes[0][1] < 16 * 4096, "a few numbers of each device more"
