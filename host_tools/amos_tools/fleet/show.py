"""`amos fleet show` and `amos fleet packs`: what is wanted of each player, and what it does."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from amos.protocol.link import OUTPUTS, STATES
from amos.protocol.printable_host import printable
from amos_cli.config import Config
from amos_cli.keys import public_key_of
from amos_cli.output import AsJson, print_json
from amos_cli.table import print_table
from amos_mqtt.broker import broker_of
from amos_sync.courier_status import PackRefusal
from amos_tools.fleet.desk import Desk
from amos_tools.fleet.direct import said
from amos_tools.fleet.members import Member, Members
from amos_tools.fleet.options import (
    BrokerName,
    OperatorKey,
    PasswordFile,
    TagNames,
    TagsDesk,
    TlsCa,
    TlsCertificate,
    TlsKey,
    Username,
    fleet_refusals,
    tags_at,
)
from amos_tools.fleet.tags.players import tagged
from amos_tools.fleet.tags.tags import Tags
from amos_tools.fleet.wanted import facts_of

NONE = bytes(32)
NAMES_SHOWN_MAX = 3


def show(
    broker: BrokerName,
    operator_key: OperatorKey,
    tag: TagNames = None,
    tags_desk: TagsDesk = None,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what is wanted of each player, and what its status says."""
    with fleet_refusals(as_json):
        tags = tags_at(tags_desk, "--tag", bool(tag))
        heard = _heard(broker, operator_key, (tls_ca, tls_certificate, tls_key), username, password_file)
        members = _with(heard, tags, tag)
    notices = key_notices(heard)
    if as_json:
        players = [player_facts(member) | _tags_of(member, tags) for member in members]
        return print_json({"players": players, "notices": notices})
    table = Table("player", *([] if tags is None else ["tags"]), "state", "output", "tier", "wanted", "directive")
    for member in members:
        status = member.status
        state = "unknown" if status is None else STATES[status.state]
        wanted = _in_words(member)
        output, tier = ("", "") if status is None else (OUTPUTS[status.output], str(status.tier))
        shown = [escape(", ".join(each)) for each in _tags_of(member, tags).values()]
        table.add_row(member.name, *shown, state, output, tier, escape(wanted), escape(_how_far(member)))
    _print(table, notices)


def packs(
    broker: BrokerName,
    operator_key: OperatorKey,
    tag: TagNames = None,
    tags_desk: TagsDesk = None,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show which pack is wanted of each player, and which it has."""
    with fleet_refusals(as_json):
        tags = tags_at(tags_desk, "--tag", bool(tag))
        heard = _heard(broker, operator_key, (tls_ca, tls_certificate, tls_key), username, password_file)
        members = _with(heard, tags, tag)
    notices = key_notices(heard)
    rows = [pack_facts(member, heard.pack_refusal(member)) | _tags_of(member, tags) for member in members]
    if as_json:
        return print_json({"players": rows, "notices": notices})
    table = Table("player", "wanted", "actual", "state")
    for member, row in zip(members, rows, strict=True):
        shown = [(row[name] or "-")[:16] for name in ("wanted", "actual")]
        refusal = f": {printable(row['refusal'])}" if row["refusal"] else ""
        table.add_row(member.name, *shown, escape(row["state"] + refusal))
    _print(table, notices)


def key_notices(members: Members) -> list[str]:
    """What an operator should know of keys before all else, in a sentence each."""
    notices = []
    if members.gave_way_to is not None:
        old, new = members.operator_key.hex()[:16], members.gave_way_to.hex()[:16]
        notices.append(
            f"the operator's key {old} gave way to {new}: players take nothing by it, and what the next one signed is"
            " shown as not this operator's; expected that one as --operator-key"
        )
    names = [member.name for member in members.all() if member.earlier is not None]
    if names:
        more = f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else ""
        players = f"{len(names)} player{'s' if len(names) > 1 else ''} ({', '.join(names[:NAMES_SHOWN_MAX])}{more})"
        notices.append(
            f"an earlier key of the operator's signed what is wanted of {players}, and roll-outs pass them by; look at"
            " it, then sign it again with `amos fleet direct --take-over`"
        )
    return notices


def player_facts(member: Member) -> dict[str, Any]:
    """One player, as programs read it."""
    status = member.status
    actual = None
    if status is not None:
        actual = {
            "state": STATES[status.state],
            "output": OUTPUTS[status.output],
            "tier": status.tier,
            "pack": None if status.pack == NONE else status.pack.hex(),
            "serial": status.directive_serial,
            "refusal": status.directive_refused,
        }
    wanted = None if member.wanted is None else facts_of(member.wanted)
    facts = {"site": member.site, "device_id": member.device_id.hex(), "follows": member.follows}
    earlier = None if member.earlier is None else facts_of(member.earlier)
    return facts | {"wanted": wanted, "earlier": earlier, "actual": actual, "forged": member.forged}


def pack_facts(member: Member, refusal: PackRefusal | None) -> dict[str, Any]:
    """The wanted pack and the actual one, and why the player refuses the wanted one."""
    wanted, status = member.wanted, member.status
    pack = wanted.pack if wanted is not None else None
    actual = None if status is None or status.pack == NONE else status.pack
    state = "unknown" if status is None else "as wanted" if pack in (None, actual) else "another"
    refuses = state == "another" and refusal is not None and refusal.pack == pack
    return {
        "site": member.site,
        "device_id": member.device_id.hex(),
        "wanted": None if pack is None else pack.hex(),
        "actual": None if actual is None else actual.hex(),
        "state": "refused" if refuses else state,
        "refusal": refusal.text if refusal is not None and refuses else None,
    }


def _with(heard: Members, tags: Tags | None, names: list[str] | None) -> list[Member]:
    return heard.all() if tags is None or not names else tagged(heard.all(), tags, names)


def _tags_of(member: Member, tags: Tags | None) -> dict[str, list[str]]:
    """Where there is a desk that keeps them."""
    return {} if tags is None else {"tags": [*tags.of(member.site, member.device_id.hex())]}


def _in_words(member: Member) -> str:
    directive = member.wanted or member.earlier
    if directive is None:
        return "-"
    facts = {name: value for name, value in facts_of(directive).items() if name != "serial"}
    if "pack" in facts:
        facts["pack"] = facts["pack"][:8]
    return printable("; ".join(f"{name} {_shown(value)}" for name, value in facts.items()) or "nothing")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={percent}" for name, percent in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _how_far(member: Member) -> str:
    if member.forged:
        return "the broker has one that is not this operator's"
    if member.earlier is not None:
        return "by an earlier key of the operator's; sign it again with --take-over"
    return "none" if member.wanted is None else printable(said(member))


def _print(table: Table, notices: list[str]) -> None:
    print_table(table)
    for notice in notices:
        print(notice)


def _heard(broker: str, operator_key: str, tls: Any, username: str | None, password_file: Any) -> Members:
    key = public_key_of(operator_key, "--operator-key")
    with Desk(broker_of(broker, "auto", tls, username, password_file), key) as desk:
        return desk.members
