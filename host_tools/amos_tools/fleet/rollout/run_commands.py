"""`amos fleet rollout start`, `continue` and `back`: what runs at the broker until it is over."""

from pathlib import Path
from typing import Annotated

import typer

from amos import crypto
from amos.protocol.printable_host import printable
from amos_cli.config import Config, read_toml
from amos_cli.key_files import read_key
from amos_cli.output import AsJson, Exit
from amos_cli.paths import file_argument, folder_option
from amos_mqtt.broker import broker_of
from amos_tools.fleet.desk import Desk
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.options import (
    BrokerName,
    OperatorKeyFile,
    PasswordFile,
    TagsDesk,
    TlsCa,
    TlsCertificate,
    TlsKey,
    Username,
    Wait,
    fleet_refusals,
    tags_at,
)
from amos_tools.fleet.rollout.decide import go_on as forgive
from amos_tools.fleet.rollout.look_commands import StateFile, tell
from amos_tools.fleet.rollout.pack_folder import pack_of
from amos_tools.fleet.rollout.plan import Plan, PlanError, plan_of
from amos_tools.fleet.rollout.rings import rings_of
from amos_tools.fleet.rollout.runner import Runner
from amos_tools.fleet.rollout.state import Health, Pack, Phase, Rollout
from amos_tools.fleet.rollout.store import StateError, Store, stopped
from amos_tools.fleet.rollout.words import passed_by
from amos_tools.fleet.tags.tags import NO_TAGS, Tags

Place = Annotated[str | None, typer.Option(metavar="URL", help="Where couriers find that pack.")]


def start(
    plan: Annotated[Path, file_argument("PLAN", help="Pack, rings and limits, in TOML.")],
    *,
    state: Annotated[Path, typer.Option(metavar="FILE", help="The file to make, which keeps how far it is.")],
    broker: BrokerName,
    operator_key_file: OperatorKeyFile,
    dry_run: Annotated[bool, typer.Option(help="Show who is in which ring; send and keep nothing.")] = False,
    tags_desk: TagsDesk = None,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Roll out a pack, ring by ring, until it is done or stops by itself; then it ends with 1 and says why."""
    with fleet_refusals(as_json):
        made = _read_plan(plan)
        pack = pack_of(plan.parent / made.pack, made.place)
        tags = tags_at(tags_desk, "a ring with tags", made.has_tags) or NO_TAGS
        seed = read_key(operator_key_file)
        at = broker_of(broker, "auto", (tls_ca, tls_certificate, tls_key), username, password_file)
        desk = Desk(at, crypto.public_key(seed))
        if dry_run:
            with desk:
                rollout = _made(made, pack, desk, tags)
                _say_all(passed_by(rollout, desk.members), as_json)
            return tell(rollout, as_json)
        store = Store(state)
        with store.held():
            if state.exists():
                raise StateError(f"{state}: expected a free name, found a file (rollout continue goes on with one)")
            with desk:
                rollout = _made(made, pack, desk, tags)
                store.seen_to_it()  # somebody may have asked a roll-out of this name before to stop
                store.save(rollout)
                _run(desk, store, rollout, seed, as_json)
    _end(rollout, as_json)


def go_on(
    state: StateFile,
    *,
    broker: BrokerName,
    operator_key_file: OperatorKeyFile,
    anyway: Annotated[bool, typer.Option(help="Go on after a stop, without the players that caused it.")] = False,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a roll-out whose process ended; with --anyway also with one that stopped."""
    with fleet_refusals(as_json):
        store, seed = Store(state), read_key(operator_key_file)
        at = broker_of(broker, "auto", (tls_ca, tls_certificate, tls_key), username, password_file)
        with store.held():
            rollout = store.load()
            if rollout.phase is Phase.STOPPED and not anyway:
                raise FleetError(f"it stopped: {rollout.why}")
            if rollout.phase is Phase.STOPPED:
                forgive(rollout)
                store.save(rollout)
            if rollout.under_way:
                with Desk(at, crypto.public_key(seed)) as desk:
                    _run(desk, store, rollout, seed, as_json)
    _end(rollout, as_json)


def back(
    state: StateFile,
    *,
    pack: Annotated[Path, folder_option(help="What they played before, built again with a higher serial.")],
    pack_place: Place = None,
    broker: BrokerName,
    operator_key_file: OperatorKeyFile,
    wait_s: Wait = 60.0,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take every player that was sent the pack back to what it played before, all at once."""
    with fleet_refusals(as_json):
        store, seed, earlier = Store(state), read_key(operator_key_file), pack_of(pack, pack_place)
        at = broker_of(broker, "auto", (tls_ca, tls_certificate, tls_key), username, password_file)
        check_back(store.load(), earlier)
        with stopped(store) as rollout, Desk(at, crypto.public_key(seed)) as desk:
            check_back(rollout, earlier)
            turn_back(rollout, earlier)
            store.save(rollout)
            _run(desk, store, rollout, seed, as_json, wait_s)
    _end(rollout, as_json)


def check_back(rollout: Rollout, earlier: Pack) -> None:
    """Whether players can go back to this pack. Raises `FleetError`."""
    target = rollout.target
    if earlier.plays == rollout.pack.plays:
        raise FleetError("--pack: expected what players played before, found the same stems and score that they got")
    if earlier.serial <= target.serial and earlier.pack_id != target.pack_id:
        told = f"--pack: expected a serial above {target.serial}, found {earlier.serial}: players refuse an older one"
        raise FleetError(f"{told} (build what they played before again, with --serial {target.serial + 1})")


def turn_back(rollout: Rollout, earlier: Pack) -> None:
    """From now on it takes everybody who was sent the pack back to this one."""
    rollout.back, rollout.phase, rollout.why = earlier, Phase.RETURNING, None
    for ring in rollout.begun:
        for device in ring.devices:
            device.forgiven = False


def _read_plan(path: Path) -> Plan:
    try:
        return plan_of(read_toml(path).content)
    except typer.BadParameter as error:
        raise PlanError(error.message) from None
    except PlanError as error:
        raise PlanError(f"{path}: {error}") from None


def _made(plan: Plan, pack: Pack, desk: Desk, tags: Tags) -> Rollout:
    desk.members.check_own_key()
    rings = rings_of(plan, bytes.fromhex(pack.pack_id), desk.members, tags)
    return Rollout(pack, rings)


def _run(desk: Desk, store: Store, rollout: Rollout, seed: bytes, as_json: bool, wait_s: float | None = None) -> None:
    ring = rollout.rings[rollout.ring]
    begins = f"pack {rollout.target.serial}: {rollout.phase}, ring {ring.name}, {len(ring.devices)} players"
    _say_all([begins, *passed_by(rollout, desk.members)], as_json)
    Runner(desk, store, rollout, seed, lambda line: _say_all([line], as_json)).run(wait_s)


def _say_all(lines: list[str], as_json: bool) -> None:
    for line in lines:
        typer.echo(printable(line, 1000), err=as_json)


def _end(rollout: Rollout, as_json: bool) -> None:
    tell(rollout, as_json)
    troubled = any(device.health is Health.REFUSES for ring in rollout.begun for device in ring.devices)
    if rollout.phase is Phase.STOPPED or (rollout.phase is Phase.RETURNING and troubled):
        raise typer.Exit(Exit.FINDING)
