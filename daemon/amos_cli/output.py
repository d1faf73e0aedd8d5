"""What a command tells: facts as text or as one JSON object, and a refusal as one line with its exit code.

With `--json`, standard output is one JSON object. Facts stand in it by name, with units at the ends of names; things of
one kind are a list under the plural of their name. A refusal is {"refusal": {"name": NAME, "sentence": TEXT}}; its line
on standard error stays. Exit codes are those of `Exit`.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Any, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]


class Exit(IntEnum):
    """How a command ends."""

    FINE = 0
    FINDING = 1
    """It refused, or what it looked at is not as it should be."""
    USAGE = 2
    """The command line itself: an option without meaning, a named file that cannot be read."""
    UNREACHABLE = 3
    """The broker, or the player, is not there."""


def print_json(facts: Mapping[str, Any]) -> None:
    """The facts, as programs read them."""
    print(json.dumps(facts, indent=1, ensure_ascii=False))


def refuse(name: str, sentence: str, as_json: bool = False, code: int = Exit.FINDING, shown: str = "") -> NoReturn:
    """End the command with one line, or with what is `shown` in its place where the sentence alone says too little."""
    if as_json:
        print_json({"refusal": {"name": name, "sentence": sentence}})
    typer.echo(shown or f"{name}: {sentence}", err=True)
    raise typer.Exit(code)


@contextmanager
def refusals(*kinds: type[Exception], as_json: bool = False, code: int = Exit.FINDING) -> Iterator[None]:
    """Errors of these kinds end the command as refusals.

    An error's class may bring an `exit_code` of its own, and `render()` for more than one line.
    """
    try:
        yield
    except kinds as error:
        own_code = getattr(error, "exit_code", code)
        render = getattr(error, "render", None)
        sentence = error_sentence(error)
        refuse(type(error).__name__, sentence, as_json, own_code, shown=render() if render else "")


def error_sentence(error: Exception) -> str:
    """The error in one line; an error of the operating system says which file it is about."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())
