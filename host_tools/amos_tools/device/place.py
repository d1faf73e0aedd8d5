"""A device's place at a site: whose it is, and the enrolment that gives it to a device. Decisions only, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amos import crypto
from amos.protocol.enrolment import VERSION, VERSION_WITH_HANDOVERS, Enrolment, sign_enrolment
from amos.protocol.link_courier_proof import Proof
from amos.protocol.segment import TIER_RENDERER
from amos_tools.device.records import Record


class PlaceError(Exception):
    """The place belongs to another device than the one at the port."""


@dataclass(frozen=True)
class Place:
    """What the operator wants: this site, this name there, this tier; `predecessor` is the device to be replaced.

    `tier` None: the one that the player's settings have.

    `by_name`: the predecessor is whichever device held the place, so the one that took it over is right already.
    """

    site: str
    name: str
    tier: int | None
    predecessor: bytes | None = None
    by_name: bool = False

    def settled_by(self, holder: Record | None, device_id: bytes | None) -> "Place":
        """The place as it is when `device_id`, which holds it, has replaced the device before; else the same."""
        before = holder.enrolment if holder is not None else None
        if not self.by_name or before is None or before.device_id != device_id or before.predecessor is None:
            return self
        return replace(self, predecessor=before.predecessor)


def check(place: Place, holder: Record | None, device_id: bytes, elsewhere: Sequence[Record]) -> None:
    """Raise `PlaceError` unless `device_id` holds the place already, or may have it; `elsewhere` is what it holds."""
    old = place.predecessor
    for record in (*elsewhere, *([holder] if holder is not None else [])):
        if record.enrolment.device_id == device_id:
            check_kind(place, record.enrolment)
    for record in elsewhere:
        other = record.enrolment
        if (other.site, other.name) != (place.site, place.name):
            raise PlaceError(f"the device at the port, {device_id.hex()}, is {other.name} at {other.site}")
    if device_id == old:
        raise PlaceError(f"the device at the port is {device_id.hex()} itself, which is to be replaced")
    if holder is None or holder.enrolment.device_id in (device_id, old):
        return
    found = holder.enrolment.device_id.hex()
    if old is None:
        raise PlaceError(
            f"{place.name} at {place.site} is device {found}, and the one at the port is {device_id.hex()};"
            f" to put it in that one's place: amos device replace --old {found}"
        )
    raise PlaceError(f"{place.name} at {place.site} is device {found}, not {old.hex()}, which is to be replaced")


def check_kind(place: Place, enrolment: Enrolment) -> None:
    """Raise `PlaceError` where the enrolled device would become a renderer, or cease to be one: ledgers refuse it."""
    if place.tier is None or (place.tier == TIER_RENDERER) == (enrolment.tier == TIER_RENDERER):
        return
    kind, other = ("renderer", "player") if enrolment.tier == TIER_RENDERER else ("player", "renderer")
    raise PlaceError(
        f"tier: expected a {kind}'s, as device {enrolment.device_id.hex()} is enrolled, found {place.tier};"
        f" a {other} is another device, with a first key of its own"
    )


def _said(enrolment: Enrolment) -> tuple[object, ...]:
    place = enrolment.site, enrolment.name, enrolment.tier, enrolment.predecessor
    return *place, enrolment.board, enrolment.voices, enrolment.public_key


def enrolment_for(place: Place, holder: Record | None, identity: Proof, operator_seed: bytes, now_s: int) -> Record:
    """The holder's enrolment when it says the same already, else one signed by the operator. Call `check` first.

    Raises `LocalError` for a site or name that is no slug.
    """
    assert place.tier is not None
    before = holder.enrolment if holder is not None and holder.enrolment.device_id == identity.device_id else None
    predecessor = place.predecessor or (before.predecessor if before else None)
    response, history = identity.response, identity.history
    said = (place.site, place.name, place.tier, predecessor, response.board, response.voices, identity.public_key)
    if holder is not None and before is not None and said == _said(before):
        return holder
    enrolment = Enrolment(
        version=VERSION if history is None else VERSION_WITH_HANDOVERS,
        device_id=identity.device_id,
        public_key=identity.public_key,
        site=place.site,
        name=place.name,
        tier=place.tier,
        board=response.board,
        voices=response.voices,
        nonce=identity.nonce,
        possession=identity.possession,
        # The ledger takes a later one only, whatever this machine's clock says.
        unix_s=max(now_s, holder.enrolment.unix_s + 1 if holder else 0),
        predecessor=predecessor,
        first_key=None if history is None else history.first_key,
        handovers=None if history is None else history.handovers,
    )
    operator = crypto.key_id(crypto.public_key(operator_seed))
    return Record(sign_enrolment(enrolment, operator, lambda message: crypto.sign(operator_seed, message)), enrolment)
