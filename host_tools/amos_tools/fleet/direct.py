"""`amos fleet direct`: sign what is wanted of players, and have the broker retain it until they follow."""

import hashlib
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from amos import crypto
from amos.crypto.key_text import key_of_hex
from amos.protocol.directive import WEEKDAYS_VERSION, Position
from amos.protocol.directive_host import sign_directive
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos_cli.config import Config
from amos_cli.instants import unix_s_of
from amos_cli.key_files import read_key
from amos_cli.output import AsJson, Exit, UsageError, print_json
from amos_cli.paths import file_option
from amos_mqtt.broker import broker_of
from amos_tools.fleet.desk import Desk
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.members import Member
from amos_tools.fleet.options import (
    BrokerName,
    OperatorKeyFile,
    PasswordFile,
    TagNames,
    TagsDesk,
    TlsCa,
    TlsCertificate,
    TlsKey,
    Username,
    Wait,
    fleet_refusals,
    tags_at,
)
from amos_tools.fleet.pause_hours import hours_of
from amos_tools.fleet.tags.players import tagged
from amos_tools.fleet.tags.tags import Tags
from amos_tools.fleet.wanted import Changes, next_directive, place_of, position_of, volume_of
from amos_tools.script.moods import mood_positions
from amos_tools.script.parse import read_source
from amos_tools.script.problems import ScriptError

NO_WEEKDAYS = "it knows no weekdays yet: update it, or give hours without"
_OF_VERSION_1 = "hours: expected no further fields"
"""How a player that knows directives of version 1 alone begins to refuse weekdays."""

Percent = Annotated[int | None, typer.Option(min=0, max=100, help="The gain, in percent.")]
PackName = Annotated[
    str | None, typer.Option("--pack", metavar="DIR|HEX", help="The pack to play: its folder, or its id.")
]


def direct(
    target: Annotated[list[str] | None, typer.Argument(metavar="[SITE[/DEVICE]]...", help="Whom it is for.")] = None,
    *,
    broker: BrokerName,
    operator_key_file: OperatorKeyFile,
    everybody: Annotated[bool, typer.Option("--all", help="Every player that the broker knows.")] = False,
    tag: TagNames = None,
    tags_desk: TagsDesk = None,
    tier: Annotated[int | None, typer.Option(min=0, max=254, help="User tier.")] = None,
    volume: Percent = None,
    slider: Annotated[list[str] | None, typer.Option(metavar="NAME=PERCENT", help="Where a slider stands.")] = None,
    mood: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where the sliders of a script's mood stand.")
    ] = None,
    script: Annotated[Path | None, file_option("--script", help="The script that has the mood.")] = None,
    pause: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[DAYS] HH:MM-HH:MM",
            help="Silence by the player's clock, each day or as in 'mon-fri 22:00-07:00'; 'sun' is all Sunday.",
        ),
    ] = None,
    pack: PackName = None,
    pack_place: Annotated[str | None, typer.Option(metavar="URL", help="Where couriers find that pack.")] = None,
    pack_from: Annotated[str | None, typer.Option(metavar="TIME", help="Not before: 2026-12-01T03:00+01:00.")] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD", help="Leave it to the player: tier, volume, sliders, pause, pack."),
    ] = None,
    restart: Annotated[bool, typer.Option(help="Have players start anew, once.")] = False,
    sync: Annotated[bool, typer.Option(help="Have players seal what they played, once.")] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Sign again what an earlier key of the operator's signed.")
    ] = False,
    wait_s: Wait = 15.0,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say how things are to be at players. What is not named stays as an earlier directive said it."""
    with fleet_refusals(as_json):
        values = {
            **({} if tier is None else {"tier": tier}),
            **({} if volume is None else {"volume_q15": volume_of(volume)}),
            **sliders_of(slider or [], mood, script),
            **({} if not pause else {"pause": [hours_of(text) for text in pause]}),
            **pack_values(pack, pack_place, pack_from),
        }
        changes = Changes(values, tuple(forget or ()), restart, sync)
        if not (changes.any or take_over) or bool(target) + bool(tag) + everybody != 1:
            raise UsageError("expected players, --tag or --all, and something that is wanted of them")
        tags = tags_at(tags_desk, "--tag", bool(tag))
        tls, seed = (tls_ca, tls_certificate, tls_key), read_key(operator_key_file)
        with Desk(broker_of(broker, "auto", tls, username, password_file), crypto.public_key(seed)) as desk:
            desk.members.check_own_key()
            members = to_direct(_whom(desk, target or [], tags, tag or []), changes, take_over)
            for member in members:
                publish(desk, member, changes, seed)
            desk.wait(lambda: all(is_heard(member) for member in members), wait_s)
    _tell(members, as_json)


def _whom(desk: Desk, targets: list[str], tags: Tags | None, names: list[str]) -> list[Member]:
    if tags is not None and names:
        return tagged(desk.members.all(), tags, names)
    return members_of(desk, targets, everybody=not targets)


def sliders_of(slider: list[str], mood: str | None, script: Path | None) -> dict[str, Any]:
    """The field of a directive that says where sliders stand: those of the mood, but for what `slider` names."""
    if (mood is None) != (script is None):
        raise FleetError("--mood: expected it with --script, the script that has the mood")
    found = [position_of(text) for text in slider]
    if mood is not None and script is not None:
        named = {each.name for each in found}
        try:
            positions = mood_positions(read_source(script), mood, name=script.name)
        except ScriptError as error:
            raise FleetError(f"--mood: {error}") from None
        found += [Position(name=name, position_q15=at) for name, at in positions.items() if name not in named]
    return {"sliders": sorted(found, key=lambda each: each.name)} if found else {}


def publish(desk: Desk, member: Member, changes: Changes, seed: bytes) -> None:
    """Sign the player's next directive and have it retained. Raises `FleetError`."""
    directive = next_directive(member.wanted or member.earlier, member.device_id, changes, int(time.time()))
    key = crypto.key_id(crypto.public_key(seed))
    desk.direct(member.site, member.device_id, sign_directive(directive, key, lambda text: crypto.sign(seed, text)))


def pack_values(pack: str | None, place: str | None, from_time: str | None) -> dict[str, Any]:
    """The fields of a directive that say which pack. Raises `FleetError`, `UsageError`."""
    if pack is None:
        if place is not None or from_time is not None:
            raise FleetError("--pack: expected it with --pack-place or --pack-from, found none")
        return {}
    values: dict[str, Any] = {"pack": _pack_id(pack)}
    if place is not None:
        values["pack_place"] = place_of(place)
    if from_time is not None:
        values["pack_from_unix_s"] = unix_s_of(from_time, "pack-from")
    return values


def _pack_id(text: str) -> bytes:
    folder = Path(text)
    if folder.is_dir():
        with (folder / "manifest.cose").open("rb") as file:
            return hashlib.sha256(file.read(MANIFEST_BYTES_MAX + 1)).digest()
    pack_id = key_of_hex(text)
    if pack_id is None:
        raise FleetError(f"--pack: expected a pack's folder or 64 hex digits, found {text[:80]!r}")
    return pack_id


def members_of(desk: Desk, targets: list[str], everybody: bool) -> list[Member]:
    """Whom these name, each once; or everybody. Raises `FleetError`."""
    found = desk.members.all() if everybody else [each for name in targets for each in desk.members.named(name)]
    if not found:
        raise FleetError("the broker knows no player; name one as SITE/DEVICE, with its 32 digits")
    return list({(member.site, member.device_id): member for member in found}.values())


def to_direct(members: list[Member], changes: Changes, take_over: bool) -> list[Member]:
    """Those of them for whom something is to be signed. Raises `FleetError`."""
    if take_over:
        return members if changes.any else [member for member in members if member.earlier is not None]
    for member in members:
        member.check_key()
    return members


def refusal(member: Member) -> str | None:
    """Why the player does not follow, as far as it says."""
    return None if member.status is None or member.follows else member.status.directive_refused


def is_heard(member: Member) -> bool:
    """Whether nothing more is to be waited for: it follows, refuses, or is not connected."""
    refuses = refusal(member) is not None and member.status is not member.before
    return member.status is None or member.follows or refuses


def said(member: Member) -> str:
    """How far the directive is, for people."""
    if member.follows:
        return "follows"
    if member.status is None:
        return (
            "is not connected; the directive waits for it at the broker (a shop without a network gets it by its"
            " carrier's name: CARRIER/DEVICE)"
        )
    refused = refusal(member)
    if refused is None:
        return "has not answered yet"
    weekly = member.wanted is not None and member.wanted.version == WEEKDAYS_VERSION
    hint = f": {NO_WEEKDAYS}" if weekly and refused.startswith(_OF_VERSION_1) else ""
    return f"refuses: {refused}{hint}"


def _tell(members: list[Member], as_json: bool) -> None:
    rows = [
        {
            "site": member.site,
            "device_id": member.device_id.hex(),
            "serial": member.wanted.serial if member.wanted else None,
            "follows": member.follows,
            "refusal": refusal(member),
            "connected": member.status is not None,
        }
        for member in members
    ]
    if as_json:
        print_json({"players": rows})
    else:
        for member in members:
            print(f"{member.name}: {said(member)}")
    if any(refusal(member) for member in members):
        raise typer.Exit(Exit.FINDING)
