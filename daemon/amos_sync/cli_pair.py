"""`amos courier pair`: give the operator's code for a player here without a page, while no courier holds its line."""

import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.link_courier_proof import Proof, prove
from amos.protocol.topics import parse_device_topic
from amos_cli.output import AsJson, Exit, UsageError, parser_errors, print_json, refusals
from amos_cli.paths import file_argument
from amos_mqtt.broker import BrokerSettingError
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival
from amos_mqtt.settings import ClientSettings
from amos_sync.clock import clock_ms
from amos_sync.courier_settings import Settings
from amos_sync.errors import PortBusy, PortError, SettingError, SyncError
from amos_sync.message import PAYLOAD_BYTES_MAX, Message, read_message
from amos_sync.options import run_options, settings_of
from amos_sync.pairing import LOCAL, NAMES, Attempt, Outcome
from amos_sync.player_call import hold
from amos_sync.ports import open_port
from amos_sync.roster import Roster
from amos_sync.sealed_code import is_code

PROOF_MS = 8_000
TURN_S = 0.1


class PairingFailed(SyncError):
    """The code pairs nobody; the sentence says why, and what to do."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence)
        away = outcome.name in ("DeskSilent", "BrokerAway", "PlayerAway")
        self.exit_code = Exit.UNREACHABLE if away else Exit.FINDING


NAMED = {name: type(name, (PairingFailed,), {"__module__": __name__}) for name in (*NAMES, *LOCAL)}
"""A refusal is told by its class's name: that of the outcome, as at the API."""


class PlayerUnclear(SyncError):
    """There is no player, or there are several."""


def pair(
    context: typer.Context,
    file: Annotated[Path, file_argument("FILE", "The venue's settings, as amos setup writes them.")],
    code: Annotated[str, typer.Argument(help="The six digits that the operator said.")],
    player: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Which player, where there are several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pair a new player by the operator's code. While a courier runs, give the code at its page or API."""
    usage = (BrokerSettingError, SettingError)
    with refusals(SyncError, ProtocolError, usage=usage, unreachable=(PortError,), as_json=as_json):
        with parser_errors():
            settings = settings_of(run_options(context, file))
        if not is_code(code):
            raise UsageError(f"code: expected six digits, found {code[:40]!r}")
        called = paired(settings, _address(settings, player), code)
    if as_json:
        return print_json({"site": settings.site, "name": called})
    print(f"It is {called} at {settings.site}; its play counts from here on.")


def _address(settings: Settings, named: str | None) -> str:
    roster = Roster(settings.addresses)
    roster.look(0)
    found = [address for address in roster.present if named in (None, address)]
    if len(found) != 1:
        raise PlayerUnclear(f"--player: expected one of {', '.join(roster.present) or 'none'}, found {named or 'none'}")
    return found[0]


def paired(settings: Settings, address: str, code: str) -> str:
    """What the player at that address is called from now on. Raises `PairingFailed`, `PortBusy`, `PortMissing`,
    `ProtocolError`."""
    keys = [] if settings.operator_key is None else [settings.operator_key]
    attempt = Attempt(settings.site, code, keys, clock_ms())
    if attempt.outcome is None:
        attempt.proved(_proof(address, attempt.nonce))
    outcome = _answered(settings, attempt)
    if outcome.called is None:
        raise NAMED[outcome.name](outcome)
    return outcome.called


def _proof(address: str, nonce: bytes) -> Proof | None:
    try:
        port = open_port(address)
    except PortBusy as error:
        raise PortBusy(f"{error}; give the code at the page or the API of the courier that runs, or stop it") from None
    try:
        found = hold(port, lambda link: prove(link, nonce, verify), PROOF_MS)
    finally:
        port.close()
    return found if isinstance(found, Proof) else None


def _answered(settings: Settings, attempt: Attempt) -> Outcome:
    woken = threading.Event()
    client_settings = ClientSettings(f"amos-pair-{secrets.token_hex(4)}", PAYLOAD_BYTES_MAX)
    client: MqttClient[Message] = MqttClient(settings.broker, client_settings, read_message, woken.set)
    client.start(clock_ms())
    try:
        while attempt.outcome is None:
            for happening in client.poll(clock_ms()):
                if isinstance(happening, Arrival) and happening.message.topic == attempt.answers:
                    _site, device_id, _leaf = parse_device_topic(happening.message.topic)
                    with suppress(ProtocolError):  # anybody's; the desk's own may follow
                        attempt.came(device_id, happening.message.payload)
            due = attempt.due(clock_ms(), client.up)
            if due is not None:
                client.subscribe([attempt.answers])
                client.publish(*due)
            woken.wait(TURN_S)
            woken.clear()
        return attempt.outcome
    finally:
        client.stop()
