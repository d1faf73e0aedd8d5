"""Who is in which ring. The same plan, pack and fleet give the same rings, on every machine. No I/O."""

import hashlib

from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.members import Member, Members
from amos_tools.fleet.rollout.plan import Plan, RingPlan
from amos_tools.fleet.rollout.state import PLAYERS_MAX, Device, Ring
from amos_tools.fleet.tags.players import tagged
from amos_tools.fleet.tags.tags import NO_TAGS, TagError, Tags


def rings_of(plan: Plan, pack_id: bytes, members: Members, tags: Tags = NO_TAGS) -> list[Ring]:
    """The rings that have somebody; each player is in the first ring that it fits. Raises `FleetError`.

    A share is chosen by a hash of pack and player: so it is not the same players that try out every pack.
    """
    fleet = sorted(_each_once(members.all()), key=lambda member: _draw(pack_id, member))
    taken: dict[bytes, Member] = {}
    rings = []
    for ring in plan.rings:
        chosen = _share(ring.percent, fleet, taken) if ring.percent is not None else _named(ring, members, tags, taken)
        taken |= {member.device_id: member for member in chosen}
        if chosen:
            devices = [Device(member.site, member.device_id.hex()) for member in chosen]
            rings.append(Ring(ring.name, ring.limits, devices))
    if not rings or len(taken) > PLAYERS_MAX:
        raise FleetError(f"expected 1 to {PLAYERS_MAX} players that the broker knows, found {len(taken)}")
    return rings


def _draw(pack_id: bytes, member: Member) -> bytes:
    return hashlib.sha256(b"amos/rollout\x00" + pack_id + member.device_id).digest()


def _each_once(members: list[Member]) -> list[Member]:
    """A player that moved is where the operator directed it last, else where there is a status of it."""
    best: dict[bytes, Member] = {}
    for member in sorted(members, key=_likelihood):
        best[member.device_id] = member
    return list(best.values())


def _likelihood(member: Member) -> tuple[int, bool, str]:
    directed = member.wanted or member.earlier
    return (directed.serial if directed else 0), member.status is not None, member.site


def _share(percent: int, fleet: list[Member], taken: dict[bytes, Member]) -> list[Member]:
    count = -(-percent * len(fleet) // 100)
    count -= sum(member.device_id in taken for member in fleet)
    return [member for member in fleet if member.device_id not in taken][: max(count, 0)]


def _named(ring: RingPlan, members: Members, tags: Tags, taken: dict[bytes, Member]) -> list[Member]:
    found = [member for name in ring.players for member in members.named(name)]
    try:
        found += tagged(members.all(), tags, ring.tags) if ring.tags else []
    except TagError as error:
        raise FleetError(f"ring {ring.name}: {error}") from None
    chosen = [member for member in _each_once(found) if member.device_id not in taken]
    if not chosen:
        raise FleetError(f"ring {ring.name}: expected a player that no earlier ring has")
    return chosen
