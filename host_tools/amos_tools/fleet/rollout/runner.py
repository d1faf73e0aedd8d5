"""A roll-out and the broker: what is seen there is decided about, kept, and then sent.

What a crash leaves: a directive is kept, signed, before it is sent, and sent again as it is where the broker does not
have it. To send it twice is to say the same twice.
"""

import time
from collections.abc import Callable

from amos import crypto
from amos.protocol.directive import Directive, open_directive
from amos.protocol.directive_host import sign_directive
from amos.protocol.errors import ProtocolError
from amos_tools.fleet.desk import Desk
from amos_tools.fleet.errors import UnreachableError
from amos_tools.fleet.members import Member
from amos_tools.fleet.rollout.decide import STEP_MS_MAX, Key, Step, step, stop
from amos_tools.fleet.rollout.seen import Seen, Watch
from amos_tools.fleet.rollout.state import TEXT_LETTERS_MAX, Device, Rollout
from amos_tools.fleet.rollout.store import Store
from amos_tools.fleet.wanted import Changes, next_directive

STEP_S = 0.5
SAVE_S = 10.0
"""How much of a soak a crash may cost."""


class Runner:
    """`run` until it is done, stopped, or so long. `say(line)` is told what happens."""

    def __init__(self, desk: Desk, store: Store, rollout: Rollout, seed: bytes, say: Callable[[str], None]) -> None:
        self.rollout = rollout
        self._desk = desk
        self._store = store
        self._seed = seed
        self._key = crypto.public_key(seed)
        self._say = say
        self._watches: dict[Key, Watch] = {}
        self._stepped_s = self._saved_s = time.monotonic()
        self._connections = desk.connections

    def run(self, wait_s: float | None = None) -> None:
        """Raises `FleetError`, OSError."""
        end_s = None if wait_s is None else time.monotonic() + wait_s
        while self.rollout.under_way:
            if self._store.is_asked_to_stop:
                self._stop_as_asked()
            elif time.monotonic() - self._stepped_s >= STEP_S:
                self._step()
            if end_s is not None and time.monotonic() >= end_s:
                break
            self._desk.turn()
        self._store.save(self.rollout)

    def _stop_as_asked(self) -> None:
        stop(self.rollout, f"the operator stopped the roll-out of pack {self.rollout.pack.serial}")
        self._store.save(self.rollout)
        self._store.seen_to_it()
        self._say(self.rollout.why or "")

    def _step(self) -> None:
        now_s = time.monotonic()
        elapsed_ms = min(int((now_s - self._stepped_s) * 1000), STEP_MS_MAX)
        self._stepped_s = now_s
        if not self._desk.up:
            return
        if self._desk.connections != self._connections:
            self._connections, elapsed_ms = self._desk.connections, 0
            for watch in self._watches.values():
                watch.begin_anew()
        self._desk.members.check_own_key()
        phase, ring = self.rollout.phase, self.rollout.ring
        done = step(self.rollout, self._look(elapsed_ms), elapsed_ms)
        for line in done.told:
            self._say(line)
        for device in done.sends:
            self._sign(device)
        if done.sends or (phase, ring) != (self.rollout.phase, self.rollout.ring) or now_s - self._saved_s >= SAVE_S:
            self._store.save(self.rollout)
            self._saved_s = now_s
        self._send(done)

    def _look(self, elapsed_ms: int) -> dict[Key, Seen]:
        seen = {}
        for ring in self.rollout.begun:
            for device in ring.devices:
                watch = self._watches.setdefault(device.key, Watch(ring.limits.real_time_percent))
                member = self._member(device)
                connected = member.status is not None and not self._desk.members.is_offline(member.site)
                watch.hear(member.status if connected else None, elapsed_ms)
                seen[device.key] = self._seen(device, watch, connected)
        return seen

    def _member(self, device: Device) -> Member:
        return self._desk.members.of(device.site, bytes.fromhex(device.device_id))

    def _seen(self, device: Device, watch: Watch, connected: bool) -> Seen:
        member = self._member(device)
        status, wanted = member.status, member.wanted
        refusal = self._desk.members.pack_refusal(member)
        refused = status.directive_refused if status is not None else None
        return Seen(
            wanted_serial=None if wanted is None else wanted.serial,
            wanted_pack=None if wanted is None or wanted.pack is None else wanted.pack.hex(),
            by_earlier_key=member.earlier is not None and self._kept(device) is None,
            connected=connected,
            serial=None if status is None else status.directive_serial,
            pack=None if status is None else status.pack.hex(),
            refused=None if refused is None else refused[:TEXT_LETTERS_MAX],
            pack_refused=None if refusal is None else (refusal.pack.hex(), refusal.directive_serial or 0, refusal.text),
            silent=watch.silent,
            silent_ms=watch.silent_ms,
            unheard_ms=watch.unheard_ms,
        )

    def _sign(self, device: Device) -> None:
        """Have it a directive that names the target, unless it has one, in the serials after all that it was sent."""
        target, member = self.rollout.target, self._member(device)
        kept = self._kept(device)
        if device.pack == target.pack_id and kept is not None:
            return
        known = [directive for directive in (member.wanted, kept) if directive is not None]
        before = max(known, key=lambda directive: directive.serial, default=None)
        values = {"pack": bytes.fromhex(target.pack_id), "pack_place": target.place}
        directive = next_directive(before, member.device_id, Changes(values), int(time.time()))
        refused = member.status.directive_refused if member.status is not None else None
        device.refusal_before = None if refused is None else refused[:TEXT_LETTERS_MAX]
        operator = crypto.key_id(self._key)
        device.data = sign_directive(directive, operator, lambda text: crypto.sign(self._seed, text)).hex()
        device.serial, device.pack, device.waited_ms = directive.serial, target.pack_id, 0

    def _kept(self, device: Device) -> Directive | None:
        """What it was sent; None also of what an earlier key of the operator's signed."""
        try:
            return open_directive(bytes.fromhex(device.data), self._key, crypto.verify) if device.data else None
        except ProtocolError:
            return None

    def _send(self, done: Step) -> None:
        for device in done.sends:
            try:
                self._desk.direct(device.site, bytes.fromhex(device.device_id), bytes.fromhex(device.data))
            except UnreachableError as error:
                self._say(f"{error}; what is not sent yet is sent as soon as it is there again")
                return
