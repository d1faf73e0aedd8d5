"""What share of a pack's play each stem should have: as its score gives, or as the pack's other players have it."""

from collections.abc import Iterator, Mapping

from amos_tools.audit.watched import HOUR_MS, Odd, Suspicion, Watched, in_hours
from amos_tools.replay.piece import Piece
from amos_tools.simulate import SimStem, simulate

TIMES = 3
"""Likes and chance lift a stem; so much is not chance."""
OTHERS_MIN = 3
SIMULATED_H = 24
STEM_MS_MIN = HOUR_MS


def by_score(piece: Piece) -> dict[int, float]:
    """Shares in a day that the score makes without any input."""
    stems = [
        SimStem(frames, gain, "", "", "") for frames, gain in zip(piece.stem_frames, piece.stem_gains_q15, strict=True)
    ]
    frames = simulate(piece.decoded, stems, bytes(32), SIMULATED_H).stem_frames
    return _shares(dict(enumerate(frames)))


def suspicions(watched: Mapping[bytes, Watched], pieces: Mapping[bytes, Piece]) -> Iterator[tuple[bytes, Suspicion]]:
    """(device id, suspicion) of each stem that has far more of a device's play than it should."""
    sums: dict[bytes, dict[int, int]] = {}
    players: dict[bytes, int] = {}
    for device in watched.values():
        for pack, stems in device.stem_ms.items():
            players[pack] = players.get(pack, 0) + 1
            found = sums.setdefault(pack, {})
            for stem, played_ms in stems.items():
                found[stem] = found.get(stem, 0) + played_ms
    expected = {pack: by_score(pieces[pack]) for pack in sums if pack in pieces}
    for device_id, device in watched.items():
        for pack, stems in device.stem_ms.items():
            if pack in expected:
                yield from ((device_id, item) for item in _far_above(stems, expected[pack], "as the score gives"))
            elif players[pack] > OTHERS_MIN:
                others = {stem: played_ms - stems.get(stem, 0) for stem, played_ms in sums[pack].items()}
                told = f"as {players[pack] - 1} other players have it"
                yield from ((device_id, item) for item in _far_above(stems, _shares(others), told))


def _far_above(stems: Mapping[int, int], expected: Mapping[int, float], told: str) -> Iterator[Suspicion]:
    total = sum(stems.values())
    least = 0.5 / max(1, len(expected))
    for stem, played_ms in stems.items():
        due = max(expected.get(stem, 0.0), least) * total
        if played_ms >= STEM_MS_MIN and played_ms > TIMES * due:
            detail = f"stem {stem}: {in_hours(played_ms)}, {played_ms / total:.1%} instead of {due / total:.1%}, {told}"
            yield Suspicion(Odd.STEM, played_ms - int(due), detail)


def _shares(sums: Mapping[int, int]) -> dict[int, float]:
    total = sum(sums.values())
    return {stem: value / total if total else 0.0 for stem, value in sums.items()}
