"""What a command tells: facts as text or as one JSON object, and a refusal as one line with its exit code.

With `--json`, standard output is one JSON object. Facts stand in it by name, with units at the ends of names; things of
one kind are a list under the plural of their name. A refusal is {"refusal": {"name": NAME, "sentence": TEXT, "hint":
TEXT or null}}; its line on standard error stays. The name is that of the error's class. Exit codes are those of `Exit`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Any, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]

_AS_TYPER_SAYS: Any = typer.BadParameter.__base__
"""Typer's own `UsageError`, which it does not export."""


class Exit(IntEnum):
    """How a command ends."""

    FINE = 0
    FINDING = 1
    """It refused, or what it looked at is not as it should be: whatever stands in a file or folder ends here."""
    USAGE = 2
    """The command line itself: an option or a value without meaning, a named file or folder that is not there, cannot
    be read or is of the other kind."""
    UNREACHABLE = 3
    """The broker, or the player, is not there."""


class UsageError(Exception):
    """The command line asks for what has no meaning."""

    exit_code = Exit.USAGE

    def __init__(self, sentence: str, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(sentence)


def print_json(facts: Mapping[str, Any]) -> None:
    """The facts, as programs read them."""
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    if not _is_utf8(text):  # a file's name that is none
        text = json.dumps(facts, indent=1)
    print(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse(error: Exception, as_json: bool = False, code: int = Exit.FINDING) -> NoReturn:
    """End the command with the error's line. An error may bring a `hint`, and `render()` for more than one line."""
    if as_json:
        print_json({"refusal": refusal_facts(error, code)})
    render = getattr(error, "render", None)
    hint = getattr(error, "hint", None)
    line = f"{_name(error, code)}: {error_sentence(error)}" + (f" ({hint})" if hint else "")
    typer.echo(render() if render else line, err=True)
    raise typer.Exit(code)


@contextmanager
def refusals(
    *kinds: type[Exception],
    usage: tuple[type[Exception], ...] = (),
    unreachable: tuple[type[Exception], ...] = (),
    as_json: bool = False,
) -> Iterator[None]:
    """Errors of these kinds end the command as refusals.

    Those of `usage` are about the command line, those of `unreachable` about what is not there to talk to. A class may
    bring an `exit_code` of its own.
    """
    caught: tuple[type[Exception], ...] = (UsageError, *kinds, *usage, *unreachable)
    try:
        yield
    except caught as error:
        default = Exit.USAGE if isinstance(error, usage) else Exit.FINDING
        default = Exit.UNREACHABLE if isinstance(error, unreachable) else default
        refuse(error, as_json, getattr(error, "exit_code", default))


@contextmanager
def usage_refusals(as_json: bool) -> Iterator[None]:
    """What the parser of the command line says, or a command of its words, ends the command as every refusal does."""
    try:
        yield
    except _AS_TYPER_SAYS as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise  # a group without a command shows its help
        hint = None if error.ctx is None else f"{error.ctx.command_path} --help says what it takes"
        refuse(UsageError(error.format_message(), hint), as_json, Exit.USAGE)
    except UsageError as error:
        refuse(error, as_json, Exit.USAGE)


@contextmanager
def parser_errors() -> Iterator[None]:
    """What the parser of the command line says is raised as `UsageError`, for whoever parses without being one."""
    try:
        yield
    except _AS_TYPER_SAYS as error:
        raise UsageError(error.format_message()) from None


def asks_json(words: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, even one that cannot be parsed."""
    words = list(words)
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def refusal_facts(error: Exception, code: int = Exit.FINDING) -> dict[str, str | None]:
    """The one shape of a refusal in JSON."""
    return {"name": _name(error, code), "sentence": error_sentence(error), "hint": getattr(error, "hint", None)}


def error_sentence(error: Exception) -> str:
    """The error in one line; an error of the operating system says which file it is about, and no number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _name(error: Exception, code: int) -> str:
    """The class, where it is one of the project's: the names of Python's own tell a reader nothing."""
    if type(error).__module__.startswith("amos"):
        return type(error).__name__
    if code == Exit.USAGE:
        return UsageError.__name__
    return "FileError" if isinstance(error, OSError) else "StorageFailed"
