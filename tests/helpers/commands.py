"""Every command of `amos`, as its own parser knows it."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.main import get_command

from amos_tools.cli import app


def _walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(None):
        found = group.get_command(None, name)
        if hasattr(found, "list_commands"):
            yield from _walk(found, (*path, name))
        else:
            yield " ".join((*path, name)), found


COMMANDS: dict[str, Any] = dict(_walk(get_command(app)))
"""Name, such as `pack build` -> command."""


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


def _hint(command: Any, parameter: Any) -> Any:
    return get_type_hints(inspect.unwrap(command.callback), include_extras=True).get(parameter.name)


def kinds(command: Any, parameter: Any) -> set[Any]:
    """The types of a parameter's values."""
    hint = getattr(_hint(command, parameter), "__origin__", None)
    one = [each for each in get_args(hint) or (hint,) if each is not type(None)]
    return {kind for each in one for kind in get_args(each) or (each,)}


def traits(command: Any, parameter: Any) -> Any:
    """What the command says of a parameter: `exists`, `file_okay`, `dir_okay`."""
    return _hint(command, parameter).__metadata__[0]


def paths(command: Any) -> list[Any]:
    """The parameters that are paths."""
    return [parameter for parameter in command.params if Path in kinds(command, parameter)]


def inputs(command: Any) -> list[Any]:
    """Those of them that have to be there."""
    return [parameter for parameter in paths(command) if traits(command, parameter).exists]


def label(parameter: Any) -> str:
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar)
