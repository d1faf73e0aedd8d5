"""Commands for shops without a network: `export` to a stick, `import` from one, and `carry`, which does both."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from amos.protocol.answer import VERDICTS
from amos.protocol.printable_host import printable
from amos_cli.output import AsJson, Exit, print_json, refusals
from amos_cli.paths import folder_argument, folder_option
from amos_sync.errors import PackSourceError, StickAbsent, StickError, StickFull, StickRefused, SyncError
from amos_sync.report import reading
from amos_sync.spool_file import spool_in_use
from amos_sync.stick_export import BundleExport, Exported, names_of
from amos_sync.stick_export import Progress as Report
from amos_sync.stick_folder import MARK_NAME, StickFolder, is_marked
from amos_sync.stick_import import BundleImport, Imported, Unanswered, untaken_of, wait_answered, wait_taken
from amos_sync.stick_packs import PackExport, import_pack
from amos_sync.stick_words import export_words, import_words

WORDS_NAME = "read-me.txt"
TAKE_WAIT_S = 60
_REST = "Receipts and lists are on the stick."

Spool = Annotated[Path, folder_option(help="The courier's folder; it may be running.")]
NoPacks = Annotated[bool, typer.Option("--no-packs", help="Leave music as it is: only segments, receipts and lists.")]
WaitS = Annotated[int, typer.Option(min=0, help="Wait so long for the ledger's answers to what was brought.")]


@dataclass(frozen=True)
class Music:
    """What became of the music: the name of the `pack` on the stick, or None; sentences about why it is not there."""

    pack: str | None = None
    trouble: list[str] = field(default_factory=list)
    missing_bytes: int = 0


def export_(
    to: Annotated[Path, folder_option(help="The stick's folder, as /media/usb.")],
    spool: Spool,
    no_packs: NoPacks = False,
    as_json: AsJson = False,
) -> None:
    """Put what waits here on a stick, to be carried to any courier with a network."""
    with refusals(SyncError, as_json=as_json):
        told, music, words = _export(to, spool, no_packs, as_json)
    _show({"export": _export_facts(told, music), "words": words}, words, as_json)
    raise typer.Exit(Exit.FINDING if told.is_full or music.trouble else Exit.FINE)


def import_(
    from_: Annotated[Path, folder_option("--from", help="The stick's folder, as /media/usb.")],
    spool: Spool,
    wait_s: WaitS = 0,
    no_packs: NoPacks = False,
    as_json: AsJson = False,
) -> None:
    """Take in what a stick brought: segments of other shops, or receipts for the players here."""
    with refusals(SyncError, as_json=as_json):
        told, words = _import(from_, spool, wait_s, no_packs, as_json)
    _show({"import": _import_facts(told), "words": words}, words, as_json)
    raise typer.Exit(Exit.FINDING if told.refused or told.untaken else Exit.FINE)


def carry(
    stick: Annotated[Path, folder_argument("DIR", help=f"The stick's folder; a file {MARK_NAME} there marks it.")],
    spool: Spool,
    wait_s: WaitS = 120,
    no_packs: NoPacks = False,
    as_json: AsJson = False,
) -> None:
    """Take in what a marked stick brought, wait for the ledger's answers, and put on it what goes back."""
    with refusals(SyncError, as_json=as_json):
        if not is_marked(stick):
            raise StickError(f"{stick}: this stick is not marked for amos; put an empty file {MARK_NAME} on it")
        brought, words = _import(stick, spool, wait_s, no_packs, as_json)
        told, music, more = _export(stick, spool, no_packs, as_json, words)
    facts = {"import": _import_facts(brought), "export": _export_facts(told, music), "words": [*words, *more]}
    _show(facts, [*words, *more], as_json)
    found = brought.refused or brought.untaken or told.is_full or music.trouble
    raise typer.Exit(Exit.FINDING if found else Exit.FINE)


def _export(
    root: Path, spool: Path, no_packs: bool, as_json: bool, before: list[str] | None = None
) -> tuple[Exported, Music, list[str]]:
    music = Music()
    with StickFolder(root, create=True) as stick:
        export = None if no_packs else PackExport(spool, stick)
        if export is not None:
            with suppress(StickError):  # recordings go before music; what is wrong is said when that is written
                export.make_room()
        with _progress("segments and receipts", as_json) as report:
            told = BundleExport(spool, stick, report).write()
        if export is not None:
            with _progress("music", as_json) as report:
                music = _write_music(export, report)
        words = [*export_words(told, music.pack), *music.trouble]
        text = "\r\n".join([*(before or []), *words, ""]).encode()
        stick.write(WORDS_NAME, lambda file: _put(file, text))
    return told, music, words


def _write_music(export: PackExport, report: Report) -> Music:
    """Receipts and lists are on the stick whatever becomes of the music."""
    try:
        return Music(export.write(report))
    except StickFull as error:
        return Music(None, [str(error), _REST], error.missing_bytes)
    except (StickError, PackSourceError) as error:
        return Music(None, [f"The music itself is not on the stick: {error}.", _REST])


def _import(root: Path, spool: Path, wait_s: int, no_packs: bool, as_json: bool) -> tuple[Imported, list[str]]:
    with reading(spool) as database:
        site, _courier = names_of(database)
    running = spool_in_use(spool)
    try:
        stick = StickFolder(root, create=False)
    except StickAbsent:
        told = Imported()
        return told, import_words(told, site, running, True, Unanswered())
    with stick:
        with _progress("bundles", as_json) as report:
            told = BundleImport(spool, stick, report).read()
        if not no_packs:
            try:
                with _progress("music", as_json) as report:
                    told.pack = import_pack(spool, stick, report)
            except StickRefused as error:
                told.refused.append(printable(str(error)))
    is_taken = running and wait_taken(told.taken, TAKE_WAIT_S)
    if is_taken:
        told.untaken = untaken_of(spool, told.taken)
    unanswered = Unanswered()
    if is_taken and wait_s and told.devices:
        with _progress("answers of the ledger", as_json) as report:
            unanswered = wait_answered(spool, told.devices, wait_s, report)
    return told, import_words(told, site, running, is_taken, unanswered)


@contextmanager
def _progress(what: str, as_json: bool) -> Iterator[Report]:
    quiet = as_json or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def _show(facts: dict[str, Any], words: list[str], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    for line in words:
        print(printable(line))


def _export_facts(told: Exported, music: Music) -> dict[str, Any]:
    return {
        "site": told.site,
        "segments": told.segments,
        "waiting": told.waiting,
        "played_ms": told.played_ms,
        "players": len(told.players),
        "answers": [{"site": site, "players": len(found)} for site, found in sorted(told.answers.items())],
        "refusals": [{"site": site, "players": len(found)} for site, found in sorted(told.refusals.items())],
        "refused": _by_name(told.refused),
        "documents": told.documents,
        "files": told.files,
        "full": told.is_full,
        "missing_bytes": told.missing_bytes,
        "pack": music.pack,
        "pack_missing_bytes": music.missing_bytes,
        "pack_trouble": music.trouble,
    }


def _import_facts(told: Imported) -> dict[str, Any]:
    sites = sorted(told.segments.items())
    return {
        "segments": [{"site": site, "segments": found[0], "players": len(found[1])} for site, found in sites],
        "answers": len(told.answers),
        "refused_here": _by_name(told.refused_here),
        "elsewhere": [{"site": site, "players": len(found)} for site, found in sorted(told.elsewhere.items())],
        "documents": told.documents,
        "files": [path.name for path in told.taken],
        "refused": told.refused,
        "untaken": dict(told.untaken),
        "pack": told.pack,
    }


def _by_name(verdicts: Counter[int]) -> dict[str, int]:
    return {VERDICTS[verdict]: count for verdict, count in sorted(verdicts.items())}


def _put(file: Any, data: bytes) -> None:
    file.write(data)
