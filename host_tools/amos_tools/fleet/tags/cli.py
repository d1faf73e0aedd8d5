"""`amos fleet tag`: the operator's own words for players and sites, by which they are shown and ordered."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from amos.protocol.printable_host import printable
from amos_cli.numbers import finite
from amos_cli.output import AsJson, UsageError, print_json
from amos_cli.paths import folder_argument
from amos_cli.table import print_table
from amos_tools.fleet.options import TagNames, fleet_refusals
from amos_tools.fleet.orders.ask import ordered, user_name
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import tag_order
from amos_tools.fleet.tags.kept import tags_of_desk
from amos_tools.fleet.tags.tags import Tags, check_target


def tag(
    folder: Annotated[Path, folder_argument("FOLDER", help="That of amos fleet serve.")],
    target: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SITE[/DEVICE]]...", help="Whose tags; a site's are those of all players there."),
    ] = None,
    add: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Give them this tag; repeatable.")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Take this one away; repeatable.")] = None,
    with_tag: TagNames = None,
    wait_s: Annotated[float, typer.Option(min=0, callback=finite, help="Wait this long for the desk.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Give tags to players and sites, or take them away; without --add and --remove, show who has which."""
    with fleet_refusals(as_json):
        if target and with_tag:
            raise UsageError("expected either SITE and SITE/DEVICE, or --tag")
        tags = tags_of_desk(folder)
        found = _chosen(tags, target or [], with_tag or [])
        said = ""
        if add or remove:
            if not (target or with_tag):
                raise UsageError("expected SITE, SITE/DEVICE or --tag, for those whose tags change")
            tags.changed(found, add or [], remove or [])
            order = tag_order(user_name(), list(found), add or [], remove or [])
            said = ordered(DeskFolder(folder), order, wait_s)
            found = _chosen(tags_of_desk(folder), list(found), [])
    _tell(found, said, as_json)


def _chosen(tags: Tags, targets: list[str], names: list[str]) -> dict[str, tuple[str, ...]]:
    """The tags of these targets, of those that have one of the tags `names`, or of all, by target. Raises
    `TagError`."""
    if targets:
        for each in targets:
            check_target(each)
        return {each: tags.by_target.get(each, ()) for each in targets}
    wanted = {tags.known(name) for name in names}
    return {each: has for each, has in sorted(tags.by_target.items()) if not names or wanted & {*has}}


def _tell(found: dict[str, tuple[str, ...]], said: str, as_json: bool) -> None:
    if as_json:
        targets = [{"target": target, "tags": [*tags]} for target, tags in found.items()]
        return print_json({"targets": targets, "told": said or None})
    if said:
        return print(printable(said, 1000))
    table = Table("site or player", "tags")
    for target, tags in found.items():
        table.add_row(printable(target), escape(", ".join(tags)))
    print_table(table)
