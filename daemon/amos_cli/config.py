"""Options in a TOML file, beside the command line: the same names without the dashes, checked as those are.

What stands on the command line goes before what stands in the file. A key that is none, and a value of another kind,
are refused with the file, the line and the key, and the nearest key that is one. The file of a venue (`amos setup`)
has a table for each of its parts; a command that reads such a file takes the table of its name, and no other.
"""

import difflib
import inspect
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

CONFIG_BYTES_MAX = 1 << 20
_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}
"""Those of TOML's that an option may have; every other option takes a text, as on the command line."""
_OWN = ("help", "config", "json", "install-completion", "show-completion")
"""What says how to run the command at this moment, and has no place in a file."""


def config_option(table: str | None = None) -> Any:
    """The option `--config FILE`; of a file that has the table `[table]`, that one alone is read."""

    def apply(context: typer.Context, path: Path | None) -> Path | None:
        if path is not None and not context.resilient_parsing:
            _apply(context, read_toml(path), table)
        return path

    return typer.Option(
        "--config",
        metavar="FILE",
        help="Options in TOML, by their names without dashes; the command line goes before it.",
        exists=True,
        dir_okay=False,
        is_eager=True,
        callback=apply,
    )


Config = Annotated[Path | None, config_option()]


@dataclass(frozen=True)
class TomlFile:
    """What stands in it, and where."""

    path: Path
    text: str
    content: dict[str, Any]

    def where(self, key: str, table: str | None = None) -> str:
        """`FILE:LINE` of a key, `FILE` where the key is not written by itself."""
        line = line_of(self.text, key, table)
        return str(self.path) if line is None else f"{self.path}:{line}"


def line_of(text: str, key: str, table: str | None = None) -> int | None:
    """The line on which the key begins, in `[table]` or before any table; None where it stands otherwise."""
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if re.match(r"\[[^\[\]=]+\]\s*(#.*)?$", stripped):
            inside = stripped[1 : stripped.index("]")].strip()
        elif inside == table and re.match(rf"[\"']?{re.escape(key)}[\"']?\s*(=|\.)", stripped):
            return number
    return None


def _apply(context: typer.Context, file: TomlFile, table: str | None) -> None:
    options = {_key(option): option for option in context.command.params if _is_option(option)}
    hints = get_type_hints(inspect.unwrap(context.command.callback or _apply))
    defaults = dict(context.default_map or {})
    content = file.content
    if table is not None and isinstance(content.get(table), dict):
        content = content[table]
    else:
        table = None
    for key, value in content.items():
        where = file.where(key, table)
        option = options.get(key)
        if option is None:
            near = difflib.get_close_matches(key, options, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(sorted(options))}"
            raise typer.BadParameter(f"{where}: {key}: no setting of this command{hint}")
        defaults[str(option.name)] = _checked(where, key, hints.get(str(option.name), str), value)
    context.default_map = defaults


def _is_option(parameter: Any) -> bool:
    return parameter.param_type_name == "option" and _key(parameter) not in _OWN


def _key(option: Any) -> str:
    return str(max(option.opts, key=len)).lstrip("-")


def read_toml(path: Path) -> TomlFile:
    """The file, which has to be TOML. Raises `typer.BadParameter`."""
    try:
        with path.open("rb") as file:
            text = file.read(CONFIG_BYTES_MAX + 1)
        if len(text) > CONFIG_BYTES_MAX:
            raise typer.BadParameter(f"{path}: expected at most {CONFIG_BYTES_MAX} bytes")
        return TomlFile(path, text.decode(), tomllib.loads(text.decode()))
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # also of a number of more digits than Python reads
        raise typer.BadParameter(f"{path}: expected TOML: {error}") from None


def _checked(where: str, key: str, kind: Any, value: Any) -> Any:
    """The value as the option takes it; its range and meaning are checked where those of the command line are, which
    has no zero byte."""
    if any(isinstance(item, str) and "\0" in item for item in (value if isinstance(value, list) else [value])):
        raise typer.BadParameter(f"{where}: {key}: expected a text without a zero byte, found {_shown(value)}")
    if any(get_origin(each) is list for each in (kind, *get_args(kind))):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise typer.BadParameter(f"{where}: {key}: expected a list of texts, found {_shown(value)}")
    kinds = {each for each in get_args(kind) or (kind,) if each is not type(None)}
    expected, named = next((row for row in _KINDS.items() if row[0] in kinds), (str, "a text"))
    if expected is float and type(value) is int and abs(value) <= sys.float_info.max:
        value = float(value)
    if type(value) is not expected:
        raise typer.BadParameter(f"{where}: {key}: expected {named}, found {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    return repr(value)[:60]
