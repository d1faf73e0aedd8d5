"""`amos vault optout`, `optin` and `frozen`: consent ends and begins again, and what was earned until then is told."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from amos.protocol.delegated import stem_ids_of
from amos.protocol.errors import ProtocolError
from amos.protocol.printable_host import printable
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import folder_argument, folder_option
from amos_cli.table import print_table
from amos_ledger.errors import OptOutsRefused
from amos_ledger.opt_outs import DELEGATED, read_opt_outs
from amos_ledger.settlement.money import signed_decimal
from amos_ledger.settlement.standing import decode_opt_outs
from amos_tools.pool.frozen import Frozen, frozen_of
from amos_tools.pool.read_core import OTHER_FIELDS, NotAStatement, other_fields
from amos_tools.stems import StemFacts
from amos_tools.vault.errors import NeverOptedIn, VaultError
from amos_tools.vault.named import named
from amos_tools.vault.stem_facts import stem_facts
from amos_tools.vault.vault import Vault

VaultFolder = Annotated[Path, folder_argument("DIR", help="The vault's folder.")]
Stems = Annotated[list[str] | None, typer.Argument(metavar="STEM...", help="Ids, or their first 8 digits.")]
Artist = Annotated[str | None, typer.Option(help="Every stem of this artist.")]
LedgerFolder = Annotated[
    Path | None, folder_option("--ledger", help="The ledger's folder, for the statements that it wrote.")
]
Statements = Annotated[
    Path | None, folder_option("--statements", help="A folder of statements: PERIOD/PAYEE.json.gz, or PAYEE.json.gz.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `amos vault`."""
    app.command()(optout)
    app.command()(optin)
    app.command()(frozen)


def optout(
    folder: VaultFolder,
    stems: Stems = None,
    artist: Artist = None,
    ledger: LedgerFolder = None,
    statements: Statements = None,
    as_json: AsJson = False,
) -> None:
    """End the consent to stems: no pack takes them any more, and the next `amos pack optouts` silences them. With
    --ledger or --statements, show what they have earned until then."""
    with refusals(VaultError, NotAStatement, OSError, as_json=as_json), Vault(folder) as vault:
        ended = named(vault, stems or [], artist)
        # What cannot be read is refused before anything is done.
        kept = None if ledger is None and statements is None else _frozen(ended, ledger, statements)
        vault.opt_out([stem.stem_id for stem in ended])
    if as_json:
        opted_out = [stem_facts(stem) | {"opt_in": False} for stem in ended]
        return print_json({"opted_out": opted_out, "frozen": None if kept is None else _facts(kept)})
    for stem in ended:
        print(f"{stem.stem_id.hex()} opted out: {stem.title}, {stem.artist}")
    if kept is not None:
        return _print(ended, kept)
    print("What this froze is told from the ledger's statements: amos vault frozen, with --ledger or --statements")


def optin(folder: VaultFolder, stems: Stems = None, artist: Artist = None, as_json: AsJson = False) -> None:
    """Begin the consent to stems again that was ended; of an artist, to each that was. Packs may take them at once,
    players place them and play earns when the next `amos pack optouts` is in force; play until then stays unpaid."""
    with refusals(VaultError, OSError, as_json=as_json), Vault(folder) as vault:
        ended = named(vault, stems or [], None) if stems else []
        if artist is not None or not stems:
            once = {stem.stem_id for stem in vault.published_stems()}
            ended += [stem for stem in named(vault, [], artist) if stem.stem_id in once and stem not in ended]
        if not ended:
            raise NeverOptedIn(folder, "artist", "one whose stems were opted in once", printable(artist or ""))
        vault.opt_in([stem.stem_id for stem in ended])
        doubles = {stem.stem_id: _doubles(stem, vault.stems()) for stem in ended}
    if as_json:
        again = [stem_facts(stem) | {"opt_in": True, "again": not stem.opt_in} for stem in ended]
        return print_json({"opted_in": again})
    for stem in ended:
        done = "was opted in before" if stem.opt_in else "opted in again"
        print(f"{stem.stem_id.hex()} {done}: {stem.title}, {stem.artist}")
        for double in doubles[stem.stem_id]:
            print(f"  {double.hex()} has the same title and role, and is opted in too: amos vault optout ends that")
    print("Now sign the list again: amos pack optouts with a higher serial, then amos ledger optouts")


def _doubles(stem: StemFacts, held: list[StemFacts]) -> list[bytes]:
    """Other recordings of the stem that are opted in, such as what once took its place."""
    named = stem.title, stem.artist, stem.role
    same = [other for other in held if other.opt_in and (other.title, other.artist, other.role) == named]
    return [other.stem_id for other in same if other.stem_id != stem.stem_id]


def frozen(
    folder: VaultFolder,
    stems: Stems = None,
    artist: Artist = None,
    ledger: LedgerFolder = None,
    statements: Statements = None,
    as_json: AsJson = False,
) -> None:
    """Show what withdrawn stems earned until they were, all of them if none is named: those opted out here, and with
    --ledger those that payees withdrew there. This checks nothing of the statements: `amos verify` does."""
    kinds = (VaultError, NotAStatement, OptOutsRefused, ProtocolError, OSError)
    with refusals(*kinds, as_json=as_json), Vault(folder) as vault:
        by_payees = frozenset[bytes]() if ledger is None else _withdrawn_at(ledger)
        chosen = named(vault, stems or [], artist) if stems or artist is not None else vault.stems()
        if stems and (consenting := [stem.title for stem in chosen if stem.opt_in and stem.stem_id not in by_payees]):
            raise UsageError(
                f"expected stems that are opted out, found {printable(consenting[0])}, which is not",
                "--ledger DIR knows what payees withdrew" if ledger is None else None,
            )
        chosen = [stem for stem in chosen if not stem.opt_in or stem.stem_id in by_payees]
        kept = _frozen(chosen, ledger, statements)
    if as_json:
        return print_json({"withdrawn": [stem_facts(stem) for stem in chosen], "frozen": _facts(kept)})
    _print(chosen, kept)


def _withdrawn_at(ledger: Path) -> frozenset[bytes]:
    """The stems that payees withdrew at this ledger, as it publishes them. Raises `OptOutsRefused`, `ProtocolError`."""
    path = ledger / "public" / DELEGATED
    return frozenset(stem_ids_of(decode_opt_outs(read_opt_outs(path)))) if path.exists() else frozenset()


def _frozen(stems: list[StemFacts], ledger: Path | None, statements: Path | None) -> list[Frozen]:
    if (ledger is None) == (statements is None):
        raise UsageError("expected --ledger DIR or --statements DIR, one of them: what was earned stands there")
    folder = statements if statements is not None else Path(ledger or "") / "public" / "statements"
    try:
        return frozen_of({stem.stem_id.hex() for stem in stems}, folder)
    except OTHER_FIELDS:
        raise other_fields(folder) from None


def _facts(kept: list[Frozen]) -> list[dict[str, Any]]:
    return [item.facts() for item in kept]


def _print(stems: list[StemFacts], kept: list[Frozen]) -> None:
    """A table, and the closings that it rests on."""
    titles = {stem.stem_id.hex(): stem.title for stem in stems}
    table = Table("stem", "title", "payee", title="Frozen: what withdrawn stems have earned")
    for name in ("earned", "of late play", "currency"):
        table.add_column(name, justify="right" if name != "currency" else "left")
    for item in kept:
        money = signed_decimal(item.earned_micro), signed_decimal(item.frozen_late_micro), item.currency
        table.add_row(item.stem[:8], escape(printable(titles[item.stem])), escape(item.payee), *money)
    print_table(table)
    for currency, root in sorted({(item.currency, root) for item in kept for root in item.closings}):
        place = f"entry {root.entry} of the log, root of its statements {root.statements_root}"
        print(f"  {root.period}, {currency}: {place}")
    print("  These never change; play from before the withdrawal that is not settled yet is added by later closings.")
