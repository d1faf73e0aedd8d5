"""`amos vault show`, `replace` and `remove`: one stem looked at, given other audio, or forgotten."""

from pathlib import Path
from typing import Annotated, Any

import typer

from amos.protocol.printable_host import printable
from amos_cli.output import AsJson, print_json, refusals
from amos_cli.paths import path_argument
from amos_cli.table import print_table
from amos_tools.stems import StemFacts
from amos_tools.vault.audio import flat_runs, to_float
from amos_tools.vault.consent_cli import VaultFolder
from amos_tools.vault.errors import VaultError
from amos_tools.vault.findings import Finding, clipped, found_in
from amos_tools.vault.findings_table import findings_table
from amos_tools.vault.named import named
from amos_tools.vault.offset import offset_of
from amos_tools.vault.stem_facts import stem_facts
from amos_tools.vault.vault import Vault

Stems = Annotated[list[str], typer.Argument(metavar="STEM...", help="Ids, or their first 8 digits.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `amos vault`."""
    for command in (show, replace, remove):
        app.command()(command)


def show(folder: VaultFolder, stems: Stems, as_json: AsJson = False) -> None:
    """Show what is stated of stems and what is heard in them."""
    with refusals(VaultError, as_json=as_json), Vault(folder) as vault:
        shown = [(stem, *_heard(vault, stem)) for stem in named(vault, stems, None)]
    if as_json:
        rows = [stem_facts(stem) | measured | _warned(findings) for stem, measured, findings in shown]
        return print_json({"stems": rows})
    for stem, measured, findings in shown:
        for name, value in (stem_facts(stem) | measured).items():
            if value not in (None, "", [], {}):
                print(f"{name:14} {printable(_text(value))}")
        if findings:
            print_table(findings_table(findings, "Warnings"))


def replace(
    folder: VaultFolder,
    stem: Annotated[str, typer.Argument(metavar="STEM", help="Its id, or the first 8 digits.")],
    audio: Annotated[Path, path_argument("FILE", help="The other audio.")],
    as_json: AsJson = False,
) -> None:
    """Give a stem other audio: it becomes a stem of its own with the same facts, and the consent to the older one ends.
    What the older one earned stays its own; a draft that was never opted in is forgotten."""
    with refusals(VaultError, as_json=as_json), Vault(folder) as vault:
        (old,) = named(vault, [stem], None)
        made, findings = vault.replace(old, audio)
    if as_json:
        return print_json({"replaced": old.stem_id.hex(), "stem": stem_facts(made)} | _warned(findings))
    print(f"{old.stem_id.hex()} replaced by {made.stem_id.hex()}: {printable(made.title)}, {printable(made.artist)}")
    if findings:
        print_table(findings_table(findings, "Warnings"))


def remove(folder: VaultFolder, stems: Stems, as_json: AsJson = False) -> None:
    """Forget stems that were never opted in, and their audio. One that was stays, since its earnings are still paid."""
    with refusals(VaultError, as_json=as_json), Vault(folder) as vault:
        gone = named(vault, stems, None)
        vault.remove(gone)
    if as_json:
        return print_json({"removed": [stem_facts(stem) for stem in gone]})
    for stem in gone:
        print(f"{stem.stem_id.hex()} removed: {printable(stem.title)}, {printable(stem.artist)}")


def _heard(vault: Vault, stem: StemFacts) -> tuple[dict[str, Any], list[Finding]]:
    stored = vault.audio(stem)
    samples = to_float(stored)
    measured = {
        "channels": stem.channels,
        "bits": 16 if stored.dtype.itemsize == 2 else 24,
        "peak": round(float(abs(samples).max()), 4),
        "offset": round(float(abs(offset_of(samples, stem.rate_hz)).max()), 6),
    }
    findings = found_in(stem.title, samples, stem.rate_hz, stem.tempo_mbpm, stem.beats)
    return measured, findings + clipped(stem.title, flat_runs(samples))


def _warned(findings: list[Finding]) -> dict[str, Any]:
    names = ("file", "name", "field", "expected", "found")
    return {"warned": [{name: getattr(finding, name) for name in names} for finding in findings]}


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    if isinstance(value, list):
        return ", ".join(" ".join(str(part) for part in item.values() if part is not None) for item in value)
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
