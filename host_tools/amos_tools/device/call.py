"""Ask a player something over its link, once: open the port, hold one conversation, close it."""

import secrets
import time
from collections.abc import Callable

from amos import crypto
from amos.protocol.errors import ProtocolError
from amos.protocol.link import UNKNOWN_VERB, Status
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_call import give_input, read_logs, read_names, read_status
from amos.protocol.link_courier_proof import Proof, prove
from amos.protocol.link_courier_talk import LinkError, LinkLost, RequestRefused
from amos.protocol.link_name import Name
from amos.protocol.printable_host import printable
from amos_cli.output import Exit
from amos_sync.addresses import player_address
from amos_sync.errors import PortBusy, PortMissing, SyncError
from amos_sync.player_call import TURN_S, Steps, hold
from amos_sync.ports import open_port

NONCE_BYTES = 32


class DeviceError(Exception):
    """The player cannot be reached, or is not what it says it is."""


class UnreachableError(DeviceError):
    """No player is at the port, or what is there does not answer as one."""

    exit_code = Exit.UNREACHABLE


def converse(address: str, steps: Callable[[CourierLink], Steps], wait_s: float) -> object:
    """The result of a conversation; waits up to `wait_s` for the port to appear and be free. Raises `DeviceError`, and
    `SettingError` for an address that is none."""
    address = player_address(address)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            port = open_port(address)
            break
        except (PortMissing, PortBusy) as error:
            if time.monotonic() > deadline:
                raise UnreachableError(str(error)) from None
            time.sleep(TURN_S)
        except SyncError as error:
            raise UnreachableError(str(error)) from None
    try:
        return hold(port, steps)
    except (SyncError, LinkLost) as error:
        raise UnreachableError(f"{address}: {error}") from None
    except ProtocolError as error:
        raise DeviceError(f"{address}: {error}") from None
    finally:
        port.close()


def ask_identity(address: str, wait_s: float = 0) -> Proof:
    """Identity of the player at `unix:PATH` or `serial:PATH`; its key is proven by a nonce. Raises `DeviceError`."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    found = converse(address, lambda link: prove(link, nonce, crypto.verify), wait_s)
    if found is None:
        raise DeviceError(f"{address}: the player does not hold the key of the device it names")
    assert isinstance(found, Proof)
    return found


def ask_status(address: str, wait_s: float = 0) -> Status:
    """What the player at `address` says of itself. Raises `DeviceError`."""
    result = converse(address, read_status, wait_s)
    assert isinstance(result, tuple)
    status = result[0]
    assert isinstance(status, Status)
    return status


def ask_logs(address: str, wait_s: float = 0) -> str:
    """What the player at `address` said lately: seconds since its start, and the sentence. Raises `DeviceError`."""
    said = converse(address, read_logs, wait_s)
    assert isinstance(said, bytes)
    text = said.decode(errors="replace")
    return "\n".join(printable(line, len(said)) for line in text.split("\n"))


def ask_names(address: str, kind: int) -> list[Name]:
    """Names of that kind (`link_name`) in what the player at `address` plays. Raises `DeviceError`."""
    names = converse(address, lambda link: _names(link, kind), 0)
    assert isinstance(names, list)
    return names


def _names(link: CourierLink, kind: int) -> Steps:
    try:
        return (yield from read_names(link, kind))
    except RequestRefused as error:
        if error.code != UNKNOWN_VERB:
            raise
        raise LinkError("this player's firmware is older and tells no names; give --pack") from None


def send_input(address: str, kind: int, value: int, wait_s: float = 0) -> None:
    """Hand the player at `address` an input. Raises `DeviceError` with the player's own sentence if it refuses."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    converse(address, lambda link: give_input(link, nonce, kind, value), wait_s)
