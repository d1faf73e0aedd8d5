"""What the operator signs, opened: by the key that is in force where the message would become an entry of the log."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from amos.crypto import verify
from amos.protocol.cose import parse_typed
from amos.protocol.errors import SignatureError
from amos.protocol.key_line_host import Verify
from amos_ledger.folder import Folder
from amos_ledger.store.store import Store

Opened = TypeVar("Opened")


class _AboutDevice(Protocol):
    device_id: bytes

    @classmethod
    def decode(cls, payload: bytes) -> "_AboutDevice": ...


def device_named(data: bytes, message: type[_AboutDevice], typ: str, bytes_max: int) -> bytes:
    """The device that a message is about, signed or not: its row is locked before the log, and which key must have
    signed the message is known only then. Raises `ProtocolError`."""
    return bytes(message.decode(parse_typed(data, typ, bytes_max).payload).device_id)


def open_word(
    folder: Folder,
    store: Store,
    data: bytes,
    open_message: Callable[[bytes, bytes, Verify], Opened],
    in_force: Callable[[Opened], bool] = lambda opened: False,
) -> Opened:
    """The message, verified. Call it in the transaction that appends, or the key may have given way between.

    One that an earlier key of the line signed is taken when it is `in_force` already, so that to bring it again is no
    error. Raises `ProtocolError`, `KeyUnusable`.
    """
    line = folder.operator_line(store)
    try:
        return line.open_at(store.size(), data, open_message, verify)
    except SignatureError:
        for key in line.keys[:-1]:
            try:
                opened = open_message(data, key, verify)
            except SignatureError:
                continue
            if in_force(opened):
                return opened
        raise
