"""Options of `amos courier run`, as its parser read them, become the courier's settings, for all that need them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from amos_cli.keys import public_key_of
from amos_mqtt.broker import broker_of
from amos_sync.addresses import packs_address, player_address
from amos_sync.courier_settings import Settings
from amos_sync.errors import SettingError

SITE_CHARACTERS_MAX = 64


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Raises `SettingError`, `BrokerSettingError`, `UsageError`."""
    packs = options["packs"]
    tls = _path(options["tls_ca"]), _path(options["tls_certificate"]), _path(options["tls_key"])
    login = options["username"], _path(options["password_file"])
    return Settings(
        site=_site(options["site"]),
        addresses=tuple(dict.fromkeys(player_address(address) for address in options["device"])),
        broker=broker_of(options["broker"], options["mqtt_version"], tls, *login),
        spool=Path(options["spool"]),
        ledger_key=_key("--ledger-key", options["ledger_key"]),
        spool_bytes_max=options["spool_mib"] << 20,
        opt_outs=_path(options["opt_outs"]),
        packs=None if packs is None else packs_address(packs),
        publisher_key=_key("--publisher-key", options["publisher_key"]),
        home_assistant=options["home_assistant"],
        operator_key=_key("--operator-key", options["operator_key"]),
    )


def run_options(context: typer.Context, file: Path) -> dict[str, Any]:
    """The options of `amos courier run --config FILE`, for a command beside it. Raises as its parser does."""
    group: Any = context.parent.command if context.parent else None
    run = group.get_command(context.parent, "run")
    options: dict[str, Any] = run.make_context("run", ["--config", str(file)], parent=context.parent).params
    return options


def _path(text: str | Path | None) -> Path | None:
    """The parser checks a path, and leaves it a text until the command itself is called."""
    return None if text is None else Path(text)


def _site(text: str) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-_"
    if not text or len(text) > SITE_CHARACTERS_MAX or not all(letter in letters for letter in text):
        raise SettingError(f"site {text!r}: expected 1 to 64 of a-z, digits, - and _")
    return text


def _key(option: str, text: str | None) -> bytes | None:
    return None if text is None else public_key_of(text, option)
