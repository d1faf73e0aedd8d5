"""Directives on their way to players: the broker retains one for each, and a stick may have brought another.

It offers each player what came for it once a connection, and players decide. What the courier itself does about a
directive, which pack to fetch from where, rests on what it verified by the operator's key, if it is told that, and on
what the player took: nobody else's word has it do anything.
"""

from contextlib import suppress

from amos.crypto import verify
from amos.protocol.directive import Directive, open_directive
from amos.protocol.directive_host import read_directive
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import DIRECTIVE_BYTES_MAX

BROKER, STICK = 0, 1
"""Where one came from: what somebody put on a stick does not take the place of what the broker has."""


class Directives:
    """By device. `operator_key`: what verifies with it, or with what follows it (`follow`), counts before the player
    took it; None: nothing does."""

    def __init__(self, operator_key: bytes | None) -> None:
        self._keys = [] if operator_key is None else [operator_key]
        self._came: dict[tuple[bytes, int], bytes] = {}
        self._verified: dict[tuple[bytes, int], Directive] = {}
        self._taken: dict[bytes, Directive] = {}

    def follow(self, keys: list[bytes]) -> None:
        """These keys of the operator's count from here on. One that came before may be by one of them."""
        if keys != self._keys:
            self._keys = keys
            self._verified.clear()
            for (device_id, source), payload in self._came.items():
                self._verify(device_id, source, payload)

    def came(self, device_id: bytes, payload: bytes, source: int = BROKER) -> bool:
        """The broker retains this one for the device, or an empty one: none any more. Whether it is to be offered."""
        self._verified.pop((device_id, source), None)
        if not 1 <= len(payload) <= DIRECTIVE_BYTES_MAX:
            self._came.pop((device_id, source), None)
            self._taken.pop(device_id, None)
            return False
        self._came[device_id, source] = payload
        self._verify(device_id, source, payload)
        return True

    def offered(self, device_id: bytes, payload: bytes, is_taken: bool) -> None:
        """The player took it, so it is the operator's and in force; or it did not."""
        for source in (BROKER, STICK):
            if not is_taken and self._came.get((device_id, source)) == payload:
                self._verified.pop((device_id, source), None)
        directive = _read(payload) if is_taken else None
        if directive is not None and directive.device_id == device_id:
            self._taken[device_id] = directive

    def of(self, device_id: bytes) -> list[bytes]:
        """What there is to offer to the device."""
        return [self._came[device_id, source] for source in (BROKER, STICK) if (device_id, source) in self._came]

    def wanted(self, device_id: bytes) -> Directive | None:
        """What the directive for the device says, where the courier acts on it: the latest that counts."""
        found = [self._taken.get(device_id), *(self._verified.get((device_id, source)) for source in (BROKER, STICK))]
        return max((each for each in found if each is not None), key=lambda each: each.serial, default=None)

    def _verify(self, device_id: bytes, source: int, payload: bytes) -> None:
        for key in self._keys:
            with suppress(ProtocolError):
                directive: Directive = open_directive(payload, key, verify)
                if directive.device_id == device_id:
                    self._verified[device_id, source] = directive
                return


def _read(payload: bytes) -> Directive | None:
    with suppress(ProtocolError):
        directive: Directive = read_directive(payload)
        return directive
    return None
