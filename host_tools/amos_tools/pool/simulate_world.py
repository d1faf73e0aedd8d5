"""A made-up world to try policies in: stems, who has shares of them, venues, and what they play. Seeded.

Nothing of it is measured. Lengths are log-normal, and popularity falls with the rank as a power law. Every venue has
one player, one licence and one pack; each stem is in one pack at least, popular ones are in many, and a script plays
the stems of a pack more evenly than people would choose them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement.apportion_numpy import Integers, Shares, shares_of

ACCOMPLICE_STEM, ACCOMPLICE, CHEAT = 0, 0, 0
"""The stem that fraud is for, the payee who has all of it, and the player that commits it."""

ACCOMPLICE_STEM_MS = 5_000
"""Short, which plays-based division rewards."""

DAY_MS = 86_400_000
PLAYERS_MAX, STEMS_MAX, DAYS_MAX = 100_000, 100_000, 3660
"""So much takes minutes, and what is added up fits 64 bits."""

BATCH = 256
"""Players that are drawn at a time, so that memory does not grow with their number."""

_LENGTH_MS_MEDIAN, _LENGTH_SPREAD, _LENGTH_MS_MIN, _LENGTH_MS_MAX = 24_000, 0.8, 4_000, 300_000
_POPULARITY_EXPONENT = 0.8
_STEMS_OF_A_PAYEE = 4
_PLAYERS_OF_A_PACK, _POPULAR_IN_A_PACK = 200, 100
_CLOSED_DAYS = 1 / 7
_OPEN_MS_LEAST, _OPEN_MS_MOST = DAY_MS // 6, DAY_MS * 2 // 3
_VOICES_LEAST, _VOICES_MOST = 2, 6
_CUT_SHORT = 0.1
"""Of the placements: they end half-way, at a change of section or when the venue closes."""


@dataclass(frozen=True)
class Play:
    """What was played, by stem: how many placements began, and how long they sounded."""

    plays: Integers
    ms: Integers

    def __add__(self, other: "Play") -> "Play":
        return Play(self.plays + other.plays, self.ms + other.ms)

    def __sub__(self, other: "Play") -> "Play":
        return Play(self.plays - other.plays, self.ms - other.ms)


@dataclass(frozen=True)
class Batch:
    """What some players of one pack played: rows are `players`, columns the stems of pack `pack`."""

    players: Integers
    pack: int
    plays: Integers
    ms: Integers

    def of(self, row: int, world: "World") -> Play:
        """What one of them played, by the stems of the world."""
        found = world.silence()
        stems = world.packs[self.pack]
        found.plays[stems], found.ms[stems] = self.plays[row], self.ms[row]
        return found


@dataclass(frozen=True)
class World:
    """`splits` by payee; `packs` are indexes of stems, ascending; `pack_of` each player. `length_ms` and `popularity`
    are of each stem."""

    players: int
    days: int
    payees: int
    length_ms: Integers
    popularity: npt.NDArray[np.float64]
    splits: Shares
    packs: list[Integers]
    pack_of: Integers
    chance: np.random.Generator = field(repr=False)

    @property
    def stems(self) -> int:
        return len(self.length_ms)

    def silence(self) -> Play:
        """No play of any stem."""
        return Play(np.zeros(self.stems, np.int64), np.zeros(self.stems, np.int64))

    def honest_play(self) -> Iterator[Batch]:
        """All that the venues play in their hours, of each player once. Another call plays other days."""
        for number in range(len(self.packs)):
            players = np.flatnonzero(self.pack_of == number)
            for first in range(0, len(players), BATCH):
                yield self._played(players[first : first + BATCH], number)

    def _played(self, players: Integers, pack: int) -> Batch:
        stems, chance = self.packs[pack], self.chance
        days = (len(players), self.days)
        open_ms = chance.integers(_OPEN_MS_LEAST, _OPEN_MS_MOST, days) * (chance.random(days) >= _CLOSED_DAYS)
        sounding_ms = open_ms.sum(axis=1) * chance.uniform(_VOICES_LEAST, _VOICES_MOST, len(players))
        chosen = np.sqrt(self.popularity[stems])
        likely = chosen / chosen.sum()
        placements = sounding_ms / (likely @ self.length_ms[stems] * (1 - _CUT_SHORT / 2))
        plays = chance.poisson(np.outer(placements, likely))
        cut = chance.binomial(plays, _CUT_SHORT)
        return Batch(players, pack, plays, plays * self.length_ms[stems] - cut * (self.length_ms[stems] // 2))


def make_world(players: int, stems: int, days: int, seed: int) -> World:
    """The world of this seed: the same again, of the same version of NumPy."""
    chance = np.random.default_rng(seed)
    length_ms = np.rint(chance.lognormal(np.log(_LENGTH_MS_MEDIAN), _LENGTH_SPREAD, stems)).astype(np.int64)
    length_ms = length_ms.clip(_LENGTH_MS_MIN, _LENGTH_MS_MAX)
    length_ms[ACCOMPLICE_STEM] = ACCOMPLICE_STEM_MS
    popularity = np.power(chance.permutation(stems) + 1.0, -_POPULARITY_EXPONENT, dtype=np.float64)
    payees = max(2, stems // _STEMS_OF_A_PAYEE)
    packs = _packs(chance, popularity, max(1, min(players // _PLAYERS_OF_A_PACK, stems)))
    return World(
        players=players,
        days=days,
        payees=payees,
        length_ms=length_ms,
        popularity=popularity,
        splits=_splits(chance, stems, payees),
        packs=packs,
        pack_of=chance.integers(0, len(packs), players),
        chance=chance,
    )


def _packs(chance: np.random.Generator, popularity: npt.NDArray[np.float64], count: int) -> list[Integers]:
    """Each stem is in one pack, and popular ones are in others too."""
    stems, home = len(popularity), chance.permutation(len(popularity)) % count
    more = min(_POPULAR_IN_A_PACK, stems)
    return [
        np.union1d(
            np.flatnonzero(home == number),
            chance.choice(stems, more, replace=False, p=popularity / popularity.sum()),
        )
        for number in range(count)
    ]


def _splits(chance: np.random.Generator, stems: int, payees: int) -> Shares:
    """Two payees for most stems: who made it has from half of it to all. The accomplice has one stem, and alone."""
    maker = 1 + chance.integers(0, payees - 1, stems)
    helper = 1 + chance.integers(0, payees - 1, stems)
    of_maker = chance.integers(PPM // 2, PPM + 1, stems)
    maker[ACCOMPLICE_STEM] = ACCOMPLICE
    of_maker[(maker == helper) | (maker == ACCOMPLICE)] = PPM
    stem = np.arange(stems)
    kept = of_maker < PPM
    return shares_of(
        np.concatenate([stem, stem[kept]]),
        np.concatenate([maker, helper[kept]]),
        np.concatenate([of_maker, PPM - of_maker[kept]]),
        payees,
    )
