"""Directives on their way to players: the broker retains one for each. The courier cannot tell which is true.

It offers each player what came for it once a connection, and players decide. What the courier itself does about a
directive, which pack to fetch from where, rests on nothing but the broker's word, unless it is told the operator's key.
"""

from contextlib import suppress

from amos.crypto import verify
from amos.protocol.directive import Directive, open_directive
from amos.protocol.directive_host import read_directive
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import DIRECTIVE_BYTES_MAX


class Directives:
    """By device. `operator_key`: only what verifies with it, or with what follows it (`follow`), has the courier itself
    do anything; None: what comes."""

    def __init__(self, operator_key: bytes | None) -> None:
        self._keys = [] if operator_key is None else [operator_key]
        self._came: dict[bytes, bytes] = {}
        self._read: dict[bytes, Directive | None] = {}

    def follow(self, keys: list[bytes]) -> None:
        """These keys of the operator's count from here on. One that came before may be by one of them."""
        if keys != self._keys:
            self._keys = keys
            self._read = {device_id: self._believed(device_id, data) for device_id, data in self._came.items()}

    def came(self, device_id: bytes, payload: bytes) -> bool:
        """The broker retains this one for the device, or an empty one: none any more. Whether it is to be offered."""
        self._read.pop(device_id, None)
        if not 1 <= len(payload) <= DIRECTIVE_BYTES_MAX:
            self._came.pop(device_id, None)
            return False
        self._came[device_id] = payload
        self._read[device_id] = self._believed(device_id, payload)
        return True

    def of(self, device_id: bytes) -> list[bytes]:
        """What there is to offer to the device."""
        return [self._came[device_id]] if device_id in self._came else []

    def wanted(self, device_id: bytes) -> Directive | None:
        """What the directive for the device says, where the courier acts on it."""
        return self._read.get(device_id)

    def _believed(self, device_id: bytes, payload: bytes) -> Directive | None:
        directive = _opened(payload, self._keys) if self._keys else _read(payload)
        return directive if directive is not None and directive.device_id == device_id else None


def _opened(payload: bytes, keys: list[bytes]) -> Directive | None:
    for key in keys:
        with suppress(ProtocolError):
            directive: Directive = open_directive(payload, key, verify)
            return directive
    return None


def _read(payload: bytes) -> Directive | None:
    with suppress(ProtocolError):
        directive: Directive = read_directive(payload)
        return directive
    return None
