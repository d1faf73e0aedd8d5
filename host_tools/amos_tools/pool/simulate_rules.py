"""Ways to divide a pool among payees: ours, with the ledger's own code, and others to hold against it.

Each takes what was played and gives whole micro-units that sum to the pool, by the same largest remainders.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import isqrt

import numpy as np

from amos_ledger.settlement.apportion_numpy import Integers, Shares, apportion_shares, divide
from amos_ledger.settlement.apportionment import apportion, settle, tie_key
from amos_tools.pool.simulate_world import Batch, Play, World

PERIOD = "simulated"
MS_HZ = 1000
"""Milliseconds are frames at this rate, so the ledger's code takes them as they are."""

TIER = 1

STRICT, BY_LICENCE, PLAYS, POPULARITY = "strict time", "strict time, a pool per licence", "plays", "plays × popularity"

Rule = Callable[[World, int, Play], Integers]


def payee_name(payee: int) -> str:
    """As a catalogue would name it."""
    return f"payee-{payee:05}"


def stem_id(stem: int) -> bytes:
    """32 bytes, as of a stem's content."""
    return stem.to_bytes(32, "big")


def strict_time(world: World, pool_micro: int, play: Play) -> Integers:
    """By the milliseconds of each stem and the splits: `apportionment.settle`, by which the ledger pays."""
    rollup = {(stem_id(stem), TIER, MS_HZ): ms for stem, ms in enumerate(play.ms.tolist())}
    splits: dict[bytes, list[tuple[str, int]]] = {stem_id(stem): [] for stem in range(world.stems)}
    for payee, stem, ppm in share_rows(world.splits):
        splits[stem_id(stem)].append((payee_name(payee), ppm))
    settled = settle(PERIOD, pool_micro, rollup, splits)
    by_name = {payout.payee: payout.amount_micro for payout in settled.payouts}
    return np.array([by_name.get(payee_name(payee), 0) for payee in range(world.payees)], np.int64)


def by_plays(world: World, pool_micro: int, play: Play) -> Integers:
    """A placement is a placement, however long it sounds."""
    return _by_weight(world, pool_micro, play.plays.tolist())


def by_popularity(world: World, pool_micro: int, play: Play) -> Integers:
    """Each play counts more, the more the stem is played: times the square root of its plays, so that a stem weighs its
    plays to the power of 3/2."""
    return _by_weight(world, pool_micro, [isqrt(plays**3) for plays in play.plays.tolist()])


COMMUNAL: dict[str, Rule] = {STRICT: strict_time, PLAYS: by_plays, POPULARITY: by_popularity}
"""Rules for one pool of all licences."""


class LicencePools:
    """Each licence's fee is divided by what was played under it, strictly by time. The fee of one that played nothing
    is carried into the next period."""

    def __init__(self, world: World, pool_micro: int) -> None:
        self._world = world
        self._keys = [tie_key(PERIOD, payee_name(payee)) for payee in range(world.payees)]
        players = [f"player-{player}" for player in range(world.players)]
        self.fees_micro = apportion(pool_micro, [1] * world.players, [tie_key(PERIOD, name) for name in players])
        self._of_pack = [_chosen(world.splits, stems, world.stems) for stems in world.packs]
        self.amounts = np.zeros(world.payees, np.int64)

    def add(self, batch: Batch, left_out: int) -> None:
        """Pay out the pools of these players, but that of `left_out`."""
        shares = self._of_pack[batch.pack]
        some = np.flatnonzero(np.diff(shares.starts))
        for player, ms in zip(batch.players.tolist(), batch.ms, strict=True):
            # What one venue plays in ten years, in millionths of milliseconds, fits 64 bits.
            weights = np.add.reduceat(ms[shares.stems] * shares.ppm, shares.starts[some])
            if player != left_out and weights.any():
                key_of = partial(_key_at, self._keys, some)
                self.amounts[some] += divide(self.fees_micro[player], weights.tolist(), key_of)

    def with_licence(self, player: int, play: Play) -> Integers:
        """What payees have with the pool of this player, who played that, beside all that were added."""
        return self.amounts + _by_weight(self._world, self.fees_micro[player], play.ms.tolist())


def share_rows(shares: Shares) -> Iterator[tuple[int, int, int]]:
    """(payee, stem, ppm) of each share."""
    payees = np.repeat(np.arange(len(shares.starts) - 1), np.diff(shares.starts))
    return zip(payees.tolist(), shares.stems.tolist(), shares.ppm.tolist(), strict=True)


def _key_at(keys: list[bytes], places: Integers, index: int) -> bytes:
    return keys[int(places[index])]


def _chosen(shares: Shares, stems: Integers, count: int) -> Shares:
    """The shares of these stems of `count`, each by its place among them."""
    place = np.full(count, -1)
    place[stems] = np.arange(len(stems))
    kept = place[shares.stems] >= 0
    starts = np.concatenate([[0], kept.cumsum()])[shares.starts]
    return Shares(starts, place[shares.stems[kept]], shares.ppm[kept])


def _by_weight(world: World, pool_micro: int, weights: list[int]) -> Integers:
    def key(payee: int, stem: int | None = None) -> bytes:
        return tie_key(PERIOD, payee_name(payee), b"" if stem is None else stem_id(stem))

    return apportion_shares(pool_micro, weights, world.splits, key, key).payees
