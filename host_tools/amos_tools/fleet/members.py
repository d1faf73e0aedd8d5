"""Every player that the broker knows something of: what is wanted of it, and what it says. Nothing here waits."""

from dataclasses import dataclass, field

from amos import crypto
from amos.protocol import topics
from amos.protocol.directive import Directive, open_directive
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import open_proved
from amos.protocol.link import Status, decode_status
from amos.protocol.rotation import OPERATOR, read_rotation, split_appointment
from amos_sync.courier_status import OFFLINE, CourierStatus, PackRefusal, decode_courier_status
from amos_tools.fleet.errors import FleetError

DEVICE_DIGITS = 32

BY_EARLIER_KEY = (
    "what is wanted of it is signed by an earlier key of the operator's; look at it with `amos fleet show`, then sign"
    " it again with `amos fleet direct --take-over`"
)


@dataclass
class Member:
    """One player. `wanted` is signed by the operator; `status` is what a courier passes on, signed by nobody; None
    where there is none, as of a player that is not connected.

    earlier  what the broker retains, where a key of the operator's signed it that gave way to this one: a player that
             has followed has it from before, or refuses it
    before   the status that was there when the desk signed something: what it refuses is another directive
    forged   the broker retains a directive that is not this operator's
    """

    site: str
    device_id: bytes
    wanted: Directive | None = None
    status: Status | None = None
    earlier: Directive | None = None
    before: Status | None = None
    forged: bool = False

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.site}/{self.device_id.hex()[:8]}"

    @property
    def follows(self) -> bool:
        """Whether the player has what is wanted."""
        return (
            self.wanted is not None and self.status is not None and self.status.directive_serial == self.wanted.serial
        )

    def check_key(self) -> None:
        """Raises `FleetError`: what an earlier key signed may be a thief's, so nobody signs it again unasked."""
        if self.earlier is not None:
            raise FleetError(f"{self.name}: {BY_EARLIER_KEY}")


@dataclass
class Members:
    """By site and device. `operator_key`: whose directives count. Which keys it followed, it says itself: each rotation
    has its signature too."""

    operator_key: bytes
    by_name: dict[tuple[str, bytes], Member] = field(default_factory=dict)
    couriers: dict[str, CourierStatus] = field(default_factory=dict)
    _before: dict[bytes, bytes] = field(default_factory=dict)
    _directives: dict[tuple[str, bytes], bytes] = field(default_factory=dict)

    def came(self, topic: str, payload: bytes) -> None:
        """What the broker has on that topic; nothing of what is no directive, status or rotation."""
        if topics.is_operator_rotation(topic):
            return self._rotated(payload)
        site = topic.removeprefix(topics.PREFIX + "/").partition("/")[0]
        if topic == topics.courier_status_topic(site):
            return self._courier_came(site, payload)
        try:
            site, device_id, leaf = topics.parse_device_topic(topic)
        except ProtocolError:
            return
        if leaf not in (topics.DIRECTIVE, topics.STATUS):
            return
        member = self.of(site, device_id)
        if leaf == topics.DIRECTIVE:
            self._directives[site, device_id] = payload
            self._open(member, payload)
        else:
            member.status = _status(device_id, payload)

    def is_offline(self, site: str) -> bool:
        """Whether the courier there is known to be away: what players said last may be long ago."""
        courier = self.couriers.get(site)
        return courier is not None and courier.state == OFFLINE

    def pack_refusal(self, member: Member) -> PackRefusal | None:
        """Which pack the player refuses, and why, as its courier says."""
        courier = self.couriers.get(member.site)
        refusals = courier.refusals or [] if courier is not None else []
        return next((refusal for refusal in refusals if refusal.device_id == member.device_id), None)

    @property
    def gave_way_to(self) -> bytes | None:
        """The key that the operator's gave way to, None where it did not."""
        return next((new for new, old in self._before.items() if old == self.operator_key), None)

    def check_own_key(self) -> None:
        """Raises `FleetError` for a key that gave way: players take nothing by it, and what the next one signed would
        be overwritten at the broker."""
        if self.gave_way_to is not None:
            old, new = self.operator_key.hex()[:16], self.gave_way_to.hex()[:16]
            raise FleetError(
                f"the operator's key {old} gave way to {new}: expected the file of that one as --operator-key-file"
            )

    def _courier_came(self, site: str, payload: bytes) -> None:
        try:
            self.couriers[site] = decode_courier_status(payload)
        except ProtocolError:
            self.couriers.pop(site, None)

    def of(self, site: str, device_id: bytes) -> Member:
        """The player, known or not."""
        return self.by_name.setdefault((site, device_id), Member(site, device_id))

    def all(self) -> list[Member]:
        """Those of whom the broker has something, by site and device."""
        known = [each for each in self.by_name.values() if each.wanted or each.status or each.earlier or each.forged]
        return sorted(known, key=lambda member: (member.site, member.device_id))

    def named(self, target: str) -> list[Member]:
        """`SITE`: all of it that are known; `SITE/DEVICE`: the one whose id begins so, or with the whole id, one that
        nobody has heard of yet. Raises `FleetError`."""
        site, slash, digits = target.partition("/")
        if not site or not set(site) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_") or len(site) > 64:
            raise FleetError(f"expected SITE or SITE/DEVICE, found {target[:80]!r}")
        found = [member for member in self.all() if member.site == site and member.device_id.hex().startswith(digits)]
        if not slash and found:
            return found
        if len(digits) == DEVICE_DIGITS and set(digits) <= set("0123456789abcdef"):
            return [self.of(site, bytes.fromhex(digits))]
        if slash and digits and len(found) == 1:
            return found
        count = "none" if not found else f"{len(found)} that begin so"
        raise FleetError(f"{target[:80]}: expected a player that the broker knows, or its 32 digits, found {count}")

    def _open(self, member: Member, payload: bytes) -> None:
        member.wanted = _opened(payload, self.operator_key, member.device_id)
        member.earlier = None
        if member.wanted is None:
            earlier = [_opened(payload, key, member.device_id) for key in self._earlier_keys()]
            member.earlier = next((found for found in earlier if found is not None), None)
        member.forged = bool(payload) and member.wanted is None and member.earlier is None

    def _earlier_keys(self) -> list[bytes]:
        keys = [self.operator_key]
        while keys[-1] in self._before and self._before[keys[-1]] not in keys:
            keys.append(self._before[keys[-1]])
        return keys[1:]

    def _rotated(self, payload: bytes) -> None:
        try:
            entry = split_appointment(payload)[0]
            rotation = open_proved(entry, read_rotation(entry).old_key, crypto.verify)
        except ProtocolError:
            return
        if rotation.role == OPERATOR:
            self._before[rotation.new_key] = rotation.old_key
            for (site, device_id), data in self._directives.items():
                self._open(self.of(site, device_id), data)


def _opened(payload: bytes, key: bytes, device_id: bytes) -> Directive | None:
    try:
        directive: Directive = open_directive(payload, key, crypto.verify)
    except ProtocolError:
        return None
    return directive if directive.device_id == device_id else None


def _status(device_id: bytes, payload: bytes) -> Status | None:
    try:
        status: Status | None = decode_status(payload) if payload else None
    except ProtocolError:
        return None
    return status if status is not None and status.device_id == device_id else None
