"""`amos pack delegate`: let a ledger's key silence stems, so that their payees need nobody to withdraw them."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos.crypto import public_key
from amos_cli.files import OutputRefused, output_path
from amos_cli.key_files import KeyFileError, read_key
from amos_cli.keys import public_key_of
from amos_cli.output import AsJson, print_json, refusals
from amos_cli.paths import file_option, folder_option
from amos_tools.pack.delegation import make_delegation
from amos_tools.pack.errors import PackBuildError
from amos_tools.pack.folder import write_durably
from amos_tools.vault import Vault, VaultError
from amos_tools.vault.named import named

DAY_S = 86_400
DAYS_MAX = 3660
BEHIND_S = 3600
"""So far may the ledger's clock be behind this one."""


def delegate(
    vault: Annotated[Path, folder_option(help="The vault with the stems.")],
    key: Annotated[str, typer.Option(metavar="HEX", help="From amos ledger opt-out-key.")],
    ledger_key: Annotated[str, typer.Option(metavar="HEX", help="That of the ledger itself, in force at present.")],
    serial: Annotated[int, typer.Option(help="Above that of the delegation before, which ends with this one.")],
    publisher_key_file: Annotated[Path, file_option(help="The publisher's key.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The signed delegation; one there is replaced.")],
    stems: Annotated[
        list[str] | None, typer.Argument(metavar="STEM...", help="Ids, or their first 8 digits; all, if none is named.")
    ] = None,
    artist: Annotated[str | None, typer.Option(help="Every stem of this artist.")] = None,
    none: Annotated[bool, typer.Option("--none", help="No stem: what was delegated before ends.")] = False,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="For how long from now.")] = 366,
    batches_from: Annotated[
        int | None, typer.Option(metavar="SIZE", help="After a clock that ran ahead: as amos ledger withdraw says it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a ledger's opt-out key silence these stems, and bring back what it silenced, for `amos ledger delegation`."""
    with refusals(PackBuildError, VaultError, KeyFileError, OutputRefused, as_json=as_json):
        target = output_path(out, ours=lambda _path: True)
        public, ledger = public_key_of(key, "--key"), public_key_of(ledger_key, "--ledger-key")
        if none and (stems or artist):
            raise PackBuildError("--none: expected no STEM and no --artist beside it")
        seed = read_key(publisher_key_file)
        with Vault(vault) as opened:
            if none:
                chosen = []
            elif not stems and artist is None:
                chosen = opened.published_stems()
            else:
                chosen = named(opened, stems or [], artist)
            if not chosen and not none:
                raise PackBuildError("delegation: expected stems in the vault, found none; --none ends one")
        now_s, publisher = int(time.time()), public_key(seed).hex()
        times = now_s - BEHIND_S, now_s + days * DAY_S
        write_durably(target, make_delegation(chosen, seed, public, ledger, serial, *times, batches_from))
    if as_json:
        facts = {"file": str(out), "serial": serial, "until_unix_s": now_s + days * DAY_S, "publisher_key": publisher}
        return print_json(facts | {"stems": [stem.stem_id.hex() for stem in chosen]})
    print(f"{out}: delegation {serial} of {len(chosen)} stems for {days} days")
    print(f"  by the publisher's key {publisher}; a ledger takes it that was made with this one")
