"""What a roll-out does next: its state, what is seen of players and the time that went by make decisions. No I/O.

A ring is begun once the one before is passed. It is passed when enough of its players that were heard of played the
pack for its soak. Every ring that was begun is watched until the end: the first in which too many refuse, are silent or
have vanished stops the roll-out, and a stopped one sends nothing. A player whose directive an earlier key of the
operator's signed, which may be a thief's, is sent nothing and counts as one that refuses.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from amos_cli.durations import in_words
from amos_sync.limits import STATUS_MS
from amos_tools.fleet.members import BY_EARLIER_KEY
from amos_tools.fleet.rollout.seen import Seen
from amos_tools.fleet.rollout.state import Device, Health, Limits, Phase, Ring, Rollout

STEP_MS_MAX = 10_000
"""A step that comes later than this was held up, and so was what it heard: the time beyond it counts for nothing."""

UNHEARD_MS = 3 * STATUS_MS
"""A status is published every `STATUS_MS`: one that is older says nothing of the present, and is no soak."""

COUNT_FOR_NOTHING = (Health.NOT_SENT, Health.ABSENT, Health.ELSEWHERE, Health.FORGIVEN)
REASONS_SHOWN_MAX = 3
REASON_LETTERS_MAX = 160

Key = tuple[str, str]
_NOBODY = Seen()


@dataclass
class Step:
    """`sends`: players whose directive is to be signed, where it names another pack than the target, and sent.
    `told`: what happened, for people."""

    sends: list[Device] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def step(rollout: Rollout, seen: Mapping[Key, Seen], elapsed_ms: int) -> Step:
    """Change `rollout` to how it stands so long after the step before, and say what is to be done."""
    elapsed_ms = min(max(elapsed_ms, 0), STEP_MS_MAX)
    done = Step()
    if not rollout.under_way:
        return done
    for ring in rollout.begun:
        for device in ring.devices:
            look(device, seen.get(device.key, _NOBODY), rollout, ring.limits, elapsed_ms)
    if rollout.phase is Phase.RETURNING:
        return _return(rollout, seen, done)
    for ring in rollout.begun:
        why = why_to_stop(ring)
        if why is not None:
            stop(rollout, f"ring {ring.name} stopped the roll-out of pack {rollout.pack.serial}: {why}")
            done.told.append(rollout.why or "")
            return done
    _soak(rollout, elapsed_ms, done)
    if rollout.phase is Phase.ROLLING:
        done.sends = _unsent(rollout, seen, (device for ring in rollout.begun for device in ring.devices))
    return done


def stop(rollout: Rollout, why: str) -> None:
    """Send nothing more."""
    advice = "what was sent stays: rollout back takes the players back, rollout continue --anyway goes on without those"
    rollout.phase, rollout.why = Phase.STOPPED, f"{why}; {advice}"


def go_on(rollout: Rollout) -> None:
    """Go on after a stop, without those that caused it."""
    for ring in rollout.begun:
        for device in ring.devices:
            if device.health in (Health.REFUSES, Health.SILENT, Health.VANISHED, Health.ELSEWHERE):
                device.forgiven, device.health = True, Health.FORGIVEN
    rollout.phase = Phase.ROLLING if rollout.back is None else Phase.RETURNING
    rollout.why = None


def look(device: Device, seen: Seen, rollout: Rollout, limits: Limits, elapsed_ms: int) -> None:
    """Note how the player bears the pack."""
    pack = rollout.target.pack_id
    if device.pack is not None or seen.by_earlier_key:
        device.met = device.met or seen.connected
    if device.pack is not None:
        plays = seen.connected and _follows(device, seen) and seen.pack == pack
        device.waited_ms = 0 if plays else device.waited_ms + (elapsed_ms if seen.connected else 0)
    device.health, reason = judge(device, seen, pack, limits)
    device.reason = None if reason is None else reason[:REASON_LETTERS_MAX]


def judge(device: Device, seen: Seen, pack: str, limits: Limits) -> tuple[Health, str | None]:
    """How the player bears the pack, and why it is said so."""
    if device.forgiven:
        return Health.FORGIVEN, None
    if device.pack != pack and not seen.by_earlier_key:
        return Health.NOT_SENT, None
    if is_elsewhere(device, seen, pack):
        return Health.ELSEWHERE, "the operator directed it to another pack"
    if device.met and seen.unheard_ms >= limits.vanish_after_s * 1000:
        return Health.VANISHED, f"nothing heard of it for {in_words(seen.unheard_ms // 1000)}"
    if not seen.connected or seen.unheard_ms >= UNHEARD_MS:
        return (Health.AWAY if device.met else Health.ABSENT), (BY_EARLIER_KEY if seen.by_earlier_key else None)
    if device.pack == pack and _follows(device, seen) and seen.pack == pack:
        if seen.silent is not None and seen.silent_ms >= limits.silent_for_s * 1000:
            return Health.SILENT, f"{seen.silent} for {in_words(seen.silent_ms // 1000)}"
        return (Health.PLAYS if seen.silent is None else Health.FALTERS), seen.silent
    refusal = BY_EARLIER_KEY if seen.by_earlier_key else _refusal(device, seen, pack)
    if refusal is None and device.waited_ms >= limits.take_s * 1000:
        refusal = f"{'has' if _follows(device, seen) else 'does not follow'} the directive"
        refusal += f", and does not play the pack after {in_words(limits.take_s)}: amos courier status there says why"
    return (Health.TAKING, None) if refusal is None else (Health.REFUSES, refusal)


def is_elsewhere(device: Device, seen: Seen, pack: str) -> bool:
    """Whether the operator has signed a later directive for it that does not name this pack."""
    return device.pack is not None and (seen.wanted_serial or 0) > device.serial and seen.wanted_pack != pack


def why_to_stop(ring: Ring) -> str | None:
    """What is wrong in the ring, in one clause; None: it may go on, or some of it have yet to be sent the pack."""
    if any(device.health is Health.NOT_SENT for device in ring.devices):
        return None
    if all(device.health is Health.ELSEWHERE for device in ring.devices):
        return "the operator directed every player of the ring to another pack"
    counted = [device for device in ring.devices if device.health not in COUNT_FOR_NOTHING]
    limits = ring.limits
    for health, percent, said in (
        (Health.REFUSES, limits.refuse_percent, "refuse it"),
        (Health.SILENT, limits.silent_percent, "are silent with it"),
        (Health.VANISHED, limits.vanish_percent, "have vanished"),
    ):
        those = [device for device in counted if device.health is health]
        if those and len(those) * 100 >= percent * len(counted):
            shown = [f"{device.name}: {device.reason}" for device in those[:REASONS_SHOWN_MAX]]
            more = ["others"] if len(those) > REASONS_SHOWN_MAX else []
            share = f"{len(those)} of {len(counted)} players that were heard of {said}, {percent} % is too many"
            return f"{share} ({'; '.join(shown + more)})"
    return None


def has_enough(ring: Ring) -> bool:
    """Whether enough of its players play the pack. Where the operator went on without all of them, none is enough."""
    counts = Counter(device.health for device in ring.devices)
    counted = sum(counts.values()) - sum(counts[health] for health in COUNT_FOR_NOTHING)
    if not counted:
        return counts[Health.FORGIVEN] + counts[Health.ELSEWHERE] == len(ring.devices) and counts[Health.FORGIVEN] > 0
    return counts[Health.PLAYS] > 0 and counts[Health.PLAYS] * 100 >= ring.limits.enough_percent * counted


def _soak(rollout: Rollout, elapsed_ms: int, done: Step) -> None:
    ring = rollout.rings[rollout.ring]
    if not has_enough(ring):
        return
    ring.soaked_ms += elapsed_ms
    if ring.soaked_ms < ring.limits.soak_s * 1000:
        return
    done.told.append(f"ring {ring.name} is passed")
    if rollout.ring + 1 == len(rollout.rings):
        rollout.phase = Phase.DONE
        done.told.append(f"pack {rollout.pack.serial} is rolled out")
        return
    rollout.ring += 1
    following = rollout.rings[rollout.ring]
    done.told.append(f"ring {following.name} begins: {len(following.devices)} players")


def _return(rollout: Rollout, seen: Mapping[Key, Seen], done: Step) -> Step:
    got = [device for ring in rollout.begun for device in ring.devices if device.pack is not None]
    left = [device for device in got if not is_elsewhere(device, seen.get(device.key, _NOBODY), rollout.pack.pack_id)]
    done.sends = _unsent(rollout, seen, left)
    if not done.sends and all(map(_is_at_ease, left)):
        rollout.phase = Phase.RETURNED
        done.told.append(f"every player that was heard of is back, with pack {rollout.target.serial}")
    return done


def _unsent(rollout: Rollout, seen: Mapping[Key, Seen], devices: Iterable[Device]) -> list[Device]:
    """Those to whom the target was not sent, or of which the broker does not have what was sent."""
    pack = rollout.target.pack_id
    return [
        device
        for device in devices
        if (device.pack != pack or (seen.get(device.key, _NOBODY).wanted_serial or 0) < device.serial)
        and not seen.get(device.key, _NOBODY).by_earlier_key
    ]


def _is_at_ease(device: Device) -> bool:
    """Whether nothing more is to be done about it: the directive waits for one that is absent, unless none was sent."""
    waits = device.health is Health.ABSENT and device.reason is None
    return waits or device.health in (Health.PLAYS, Health.ELSEWHERE)


def _follows(device: Device, seen: Seen) -> bool:
    """Whether its status is later than the directive: what it said before counts for nothing."""
    return seen.serial is not None and seen.serial >= device.serial


def _refusal(device: Device, seen: Seen, pack: str) -> str | None:
    if not _follows(device, seen):
        return seen.refused if seen.refused != device.refusal_before else None
    if seen.pack_refused is None or seen.pack_refused[0] != pack or seen.pack_refused[1] < device.serial:
        return None
    return seen.pack_refused[2]
