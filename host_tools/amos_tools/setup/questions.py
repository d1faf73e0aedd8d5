"""What is asked, what an answer may be, and what is taken where nobody answers."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import typer

from amos.crypto.key_text import key_of_hex
from amos_cli.output import UsageError
from amos_mqtt.address import AddressError, host_and_port, shown
from amos_mqtt.broker import PORT
from amos_sync.addresses import packs_address, player_address
from amos_sync.errors import SettingError

NAME = re.compile(r"[a-z0-9_-]{1,64}")
TRIES_MAX = 5
MODEL = Path("/proc/device-tree/model")
BOARDS = {"Zero 2": "pi-zero-2w", "Pi 3": "pi-3", "Pi 4": "pi-4", "Pi 5": "pi-5"}


@dataclass(frozen=True)
class Question:
    """`fault` is what is wrong with an answer, or None; an empty answer is allowed where `optional`."""

    option: str
    text: str
    fault: Callable[[str], str | None]
    optional: bool = False


class Asker:
    """Answers by options, else of a person, else the default; `asks` is whether there is a person to ask."""

    def __init__(self, asks: bool) -> None:
        self._asks = asks

    def answer(self, question: Question, given: str | None, default: str | None) -> str:
        """Raises `UsageError` for an option without meaning, and where nobody answers what has to be known."""
        if given is not None:
            fault = question.fault(given.strip()) if given.strip() or not question.optional else None
            if fault:
                found = "" if "found" in fault else f", found {shown(given)}"
                raise UsageError(f"{question.option}: {fault}{found}")
            return given.strip()
        if not self._asks:
            if default is None and not question.optional:
                raise UsageError(f"{question.option}: expected it, since nobody is there to ask: {question.text}")
            return default or ""
        for _ in range(TRIES_MAX):
            said = str(typer.prompt(question.text, default=default or "", show_default=bool(default), err=True)).strip()
            fault = None if question.optional and not said else question.fault(said)
            if fault is None:
                return said
            typer.echo(f"  {fault}", err=True)
        raise UsageError(f"{question.option}: no answer that has a meaning after {TRIES_MAX} tries")


def someone_is_there() -> bool:
    """Whether a person sits at the terminal."""
    return sys.stdin.isatty()


def name_fault(text: str) -> str | None:
    return None if NAME.fullmatch(text) else "expected 1 to 64 of a-z, digits, - and _"


def names_fault(text: str) -> str | None:
    faults = [name_fault(name) for name in words(text)]
    return next((fault for fault in faults if fault), None)


def broker_fault(text: str) -> str | None:
    try:
        host_and_port(text, PORT)
    except AddressError as error:
        return str(error)
    return None


def key_fault(text: str) -> str | None:
    return None if key_of_hex(text) is not None else "expected a public key of 64 hex digits"


def ports_fault(text: str) -> str | None:
    try:
        for word in ports_of(text):
            player_address(word)
    except SettingError as error:
        return str(error)
    return None


def file_fault(text: str) -> str | None:
    return None if Path(text).is_file() else "expected a file that is there"


def out_fault(text: str) -> str | None:
    """Of an output as `player.json` has it."""
    kind, _colon, where = text.partition(":")
    return None if kind in ("alsa", "wav") and where else "expected alsa:DEVICE or wav:PATH"


def packs_fault(text: str) -> str | None:
    try:
        packs_address(text)
    except SettingError as error:
        return str(error)
    return None


def words(text: str) -> list[str]:
    """Of an answer that lists things."""
    return [word for word in re.split(r"[\s,]+", text) if word]


def ports_of(text: str) -> list[str]:
    """Of an answer that lists ports: a comma may stand before a speed, too."""
    return [word for word in re.split(r"\s+|,(?=\s|[a-z]+:|$)", text) if word]


def serial_ports_here() -> list[str]:
    """Boards that are plugged in, by names that stay the same."""
    return sorted(f"serial:{path}" for path in glob("/dev/serial/by-id/*"))


def board_here(model: Path = MODEL) -> str | None:
    """The Raspberry Pi that this is, as amos calls it."""
    try:
        text = model.read_text(errors="replace")
    except OSError:
        return None
    return next((board for part, board in BOARDS.items() if part in text), None)
