"""`amos vault`: keep stems, their facts and their artists' consent."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from amos_cli.output import AsJson, Exit, UsageError, print_json, refusals
from amos_cli.paths import file_option, path_argument
from amos_cli.table import print_table
from amos_tools.stems import StemFacts
from amos_tools.vault.batch import import_paths
from amos_tools.vault.consent_cli import Artist, Stems, VaultFolder, register
from amos_tools.vault.errors import VaultError
from amos_tools.vault.findings_table import findings_table
from amos_tools.vault.keeping_cli import register as register_keeping
from amos_tools.vault.named import named
from amos_tools.vault.scan_cli import register as register_scan
from amos_tools.vault.stem_facts import stem_facts
from amos_tools.vault.vault import Vault

app = typer.Typer(help="Keep stems, their facts and their artists' consent.", no_args_is_help=True)

NewFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The vault's folder; made when absent.")]


@app.command()
def init(
    folder: NewFolder,
    rate: Annotated[int, typer.Option(help="Sample rate of the vault in Hz: 22050, 44100 or 48000.")] = 44_100,
    as_json: AsJson = False,
) -> None:
    """Make an empty vault."""
    with refusals(VaultError, as_json=as_json):
        Vault.init(folder, rate).close()
    if as_json:
        return print_json({"vault": str(folder), "rate_hz": rate})
    print(f"{folder}: an empty vault at {rate} Hz")


@app.command("import")
def import_(
    folder: VaultFolder,
    paths: Annotated[list[Path], path_argument("PATH...", help="Audio files, or folders of them.")],
    sidecar: Annotated[
        Path | None,
        file_option(
            metavar="CSV",
            help="One CSV: file,title,artist,splits,role,opt_in; key,tempo,beats,isrc,iswc,composers,publisher,label,"
            "upc,ai_use,training where known; others are tags. Else name.json beside.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import audio (WAV, FLAC, AIFF, OGG, Opus, MP3) with its facts; a bad file, or one the engine made, is refused
    alone, and what is heard to be wrong in others is named."""
    with refusals(VaultError, as_json=as_json), Vault(folder) as vault:
        report = import_paths(vault, paths, sidecar, quiet=as_json)
    if as_json:
        names = ("file", "name", "field", "expected", "found")
        refused = [{name: getattr(error, name) for name in names} for error in report.refused]
        warned = [{name: getattr(finding, name) for name in names} for finding in report.warned]
        imported = [stem_facts(stem) for stem in report.imported]
        print_json({"imported": imported, "refused": refused, "warned": warned})
    else:
        files = len({finding.file for finding in report.warned})
        warnings = f", warnings of {files}" if files else ""
        print(f"{len(report.imported)} imported, {len(report.refused)} refused{warnings}")
        if report.warned:
            print_table(findings_table(report.warned, "Warnings"))
        if report.refused:
            print_table(findings_table(report.refused, "Refused"))
    if report.refused:
        raise typer.Exit(Exit.FINDING)


@app.command("list")
def list_(folder: VaultFolder, as_json: AsJson = False) -> None:
    """List the stems."""
    with refusals(VaultError, as_json=as_json), Vault(folder) as vault:
        stems, rate_hz = vault.stems(), vault.rate_hz
    stems.sort(key=lambda stem: (stem.artist, stem.title, stem.stem_id))
    if as_json:
        return print_json({"rate_hz": rate_hz, "stems": [stem_facts(stem) for stem in stems]})
    print_table(_stems_table(stems))
    opted_in = sum(stem.opt_in for stem in stems)
    seconds = sum(stem.frames for stem in stems) // rate_hz
    print(f"{len(stems)} stems, {opted_in} opted in, {seconds // 60}:{seconds % 60:02} at {rate_hz} Hz")


@app.command()
def edit(
    folder: VaultFolder,
    changes: Annotated[
        list[str],
        typer.Option("--set", metavar="FIELD=TEXT", help="As in a sidecar; FIELD= takes it away. May be given again."),
    ],
    stems: Stems = None,
    artist: Artist = None,
    as_json: AsJson = False,
) -> None:
    """Change what is stated of stems, but for their audio and consent; the next `amos pack build` publishes it."""
    with refusals(VaultError, as_json=as_json):
        texts = _changes(changes)
        with Vault(folder) as vault:
            edited = vault.edit(named(vault, stems or [], artist), texts)
    if as_json:
        return print_json({"edited": [stem_facts(stem) for stem in edited]})
    for stem in edited:
        print(f"{stem.stem_id.hex()} edited: {stem.title}, {stem.artist}")


def _changes(words: list[str]) -> dict[str, str]:
    """The texts by field. Raises `UsageError`."""
    texts: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name or name in texts:
            raise UsageError(f"--set: expected FIELD=TEXT, each field once, found {word!r}")
        texts[name] = text
    return texts


def _stems_table(stems: list[StemFacts]) -> Table:
    table = Table("stem", "title", "artist", "role", "key", "tempo", "beats", "length", "LUFS", "opt-in", "splits")
    for stem in stems:
        table.add_row(
            stem.stem_id.hex()[:8],
            escape(stem.title),
            escape(stem.artist),
            stem.role,
            stem.key or "-",
            "-" if stem.tempo_mbpm is None else f"{stem.tempo_mbpm / 1000:g}",
            "-" if stem.beats is None else str(stem.beats),
            f"{stem.frames / stem.rate_hz:.2f} s",
            f"{stem.loudness_mlufs / 1000:.1f}",
            "yes" if stem.opt_in else "no",
            escape(" ".join(f"{split.payee} {split.ppm / 10_000:g}%" for split in stem.splits)),
        )
    return table


register(app)
register_keeping(app)
register_scan(app)
