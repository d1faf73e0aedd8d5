"""Every scenario under every rule: who has what of one pool."""

from collections.abc import Mapping
from dataclasses import dataclass

from amos_ledger.settlement.apportion_numpy import Integers
from amos_tools.pool.simulate_fraud import CLAIMED_TIMES, VOICES, Claimed, claim, looped, one_stem
from amos_tools.pool.simulate_rules import BY_LICENCE, COMMUNAL, STRICT, LicencePools
from amos_tools.pool.simulate_world import ACCOMPLICE, CHEAT, Play, World

HONEST, LOOP, FAKE, CAPPED = "honest", "loop", "fake device, no cap", "fake device, capped"

SAYS = {
    HONEST: "every venue plays its pack in its hours",
    LOOP: f"one venue loops one stem in all {VOICES} voices, day and night",
    FAKE: f"one device claims {CLAIMED_TIMES} days of play a day, and all of it is counted",
    CAPPED: "the same, and the ledger counts no more than real time",
}


@dataclass(frozen=True)
class Outcome:
    """The incomes of all payees, in micro-units, under each rule. `cheat_ms`: play that the cheat had counted."""

    incomes: Mapping[str, Integers]
    cheat_ms: int

    def gain_micro(self, rule: str, honest: "Outcome") -> int:
        """What the accomplice has beyond honest play."""
        return int(self.incomes[rule][ACCOMPLICE] - honest.incomes[rule][ACCOMPLICE])


@dataclass(frozen=True)
class Simulated:
    """`fee_micro` is what the cheat's licence pays into the pool; scenarios in the order of `SAYS`."""

    world: World
    pool_micro: int
    fee_micro: int
    claimed: Claimed
    outcomes: Mapping[str, Outcome]

    def times_fee(self, scenario: str, rule: str) -> float:
        """What the fraud brings, in licence fees of the one who commits it."""
        gained = self.outcomes[scenario].gain_micro(rule, self.outcomes[HONEST])
        return gained / self.fee_micro if self.fee_micro else 0.0


def simulate(world: World, pool_micro: int) -> Simulated:
    """Play the days once, and divide the pool in each scenario; they differ by what the cheat's licence plays."""
    pools = LicencePools(world, pool_micro)
    played, of_cheat = world.silence(), world.silence()
    for batch in world.honest_play():
        stems = world.packs[batch.pack]
        played.plays[stems] += batch.plays.sum(axis=0)
        played.ms[stems] += batch.ms.sum(axis=0)
        pools.add(batch, left_out=CHEAT)
        if CHEAT in batch.players:
            of_cheat = batch.of(batch.players.tolist().index(CHEAT), world)
    claimed = claim(world.days)
    cheats = {
        HONEST: of_cheat,
        LOOP: looped(world),
        FAKE: one_stem(world, claimed.said_ms * VOICES),
        CAPPED: one_stem(world, claimed.counted_ms * VOICES),
    }
    others = played - of_cheat
    outcomes = {name: _outcome(world, pool_micro, pools, others, cheat) for name, cheat in cheats.items()}
    return Simulated(world, pool_micro, pools.fees_micro[CHEAT], claimed, outcomes)


def _outcome(world: World, pool_micro: int, pools: LicencePools, others: Play, cheat: Play) -> Outcome:
    incomes = {name: rule(world, pool_micro, others + cheat) for name, rule in COMMUNAL.items()}
    incomes[BY_LICENCE] = pools.with_licence(CHEAT, cheat)
    ordered = [STRICT, BY_LICENCE, *(name for name in COMMUNAL if name != STRICT)]
    return Outcome({name: incomes[name] for name in ordered}, int(cheat.ms.sum()))
