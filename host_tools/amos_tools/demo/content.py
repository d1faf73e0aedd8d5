"""What there is before anything plays: stems, script, keys, pack, a ledger that trusts them."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from amos.crypto import public_key
from amos.edges.key_store import load_or_make_seed
from amos_tools.demo.processes import DemoError, run_amos
from amos_tools.demo.workdir import OPERATOR, PUBLISHER, Workdir
from amos_tools.pack import PackBuildError, PackSummary, build_pack
from amos_tools.pack.errors import SerialNotNewer
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.starter import make_starter_vault
from amos_tools.vault import Vault, VaultError
from amos_tools.vault.batch import import_paths

ORIGIN = "demo.example/amos"
LEASE_S = 30 * 86_400
SERIAL_MAX = 1 << 32


@dataclass(frozen=True)
class Content:
    """What the players will play, and the keys that everybody pins."""

    stems: int
    opted_in: int
    pack: PackSummary
    publisher_public: str
    operator_public: str
    ledger_public: str
    keys_file: Path
    script: str
    sections: int
    voices: int

    def facts(self) -> dict[str, str | int]:
        """For the report."""
        return {name: getattr(self, name) for name in ("stems", "opted_in", "script", "sections", "voices")}


def starter_script() -> Path:
    """The script that comes with the starter vault."""
    return Path(str(files("amos_tools.script"))) / "examples" / "starter.aimi"


def check_installed() -> None:
    """Raises `DemoError` at once where the audio's packages are missing, which would only be met on the way."""
    for module in ("soundfile", "soxr", "pyloudnorm"):
        if find_spec(module) is None:
            raise DemoError(f"{module} is not installed: pip install 'amos[demo]'")


def make_content(work: Workdir, stems: Path | None, sidecar: Path | None, script: Path) -> Content:
    """Make what is missing. Raises `DemoError` with a sentence for the operator."""
    seeds = {name: load_or_make_seed(str(work.key(name))) for name in (PUBLISHER, OPERATOR)}
    public = {name: public_key(seed).hex() for name, seed in seeds.items()}
    try:
        with _vault(work, stems, sidecar) as vault:
            facts = vault.stems()
            compiled = compile_script(script.read_bytes(), facts, name=str(script))
            pack = _pack(work, compiled, vault, seeds[PUBLISHER])
    except (VaultError, PackBuildError) as error:
        raise DemoError(f"{type(error).__name__}: {error}") from None
    except ScriptError as error:
        raise DemoError(error.render()) from None
    keys = [f"--operator-key={public[OPERATOR]}", f"--publisher-key={public[PUBLISHER]}"]
    ledger_public = run_amos("ledger", "init", str(work.ledger), f"--origin={ORIGIN}", *keys).strip()
    run_amos("ledger", "publish", str(work.ledger), str(work.pack), "--unasked")  # the last run's broker has ended
    keys_file = work.keys / "pinned.json"
    pinned = {"ledger": ledger_public, "publisher": public[PUBLISHER], "operator": public[OPERATOR], "origin": ORIGIN}
    keys_file.write_text(json.dumps(pinned, indent=1) + "\n")
    opted_in = sum(stem.opt_in for stem in facts)
    return Content(
        stems=len(facts),
        opted_in=opted_in,
        pack=pack,
        publisher_public=public[PUBLISHER],
        operator_public=public[OPERATOR],
        ledger_public=ledger_public,
        keys_file=keys_file,
        script=script.name,
        sections=len(compiled.sections),
        voices=compiled.voices_worst,
    )


def _vault(work: Workdir, stems: Path | None, sidecar: Path | None) -> Vault:
    if not work.vault.exists():
        _make_whole(work.vault, make_starter_vault if stems is None else Vault.init)
    vault = Vault(work.vault)
    if stems is None:
        return vault
    report = import_paths(vault, [stems], sidecar)
    if not report.imported:
        vault.close()
        raise DemoError(_nothing_imported(stems, report.refused))
    return vault


def _make_whole(folder: Path, make: Callable[[Path], Vault]) -> None:
    """Made beside its place and then moved there, so that a run that is stopped meanwhile leaves no half vault."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    make(partial).close()
    partial.rename(folder)


def _nothing_imported(stems: Path, refused: Sequence[VaultError]) -> str:
    first = f"; the first: {refused[0]}" if refused else ""
    return f"{stems}: expected audio with facts beside it (name.json) or a CSV (--sidecar), imported none{first}"


def _pack(work: Workdir, compiled: Compiled, vault: Vault, seed: bytes) -> PackSummary:
    """The pack for this script and vault: the one that is there if nothing changed, else under the next serial."""
    notes = work.pack.parent / "pack.json"
    made = json.loads(notes.read_text()) if notes.exists() else {"serial": 1} | _lease()
    for serial in range(made["serial"], SERIAL_MAX):
        try:
            summary = build_pack(
                compiled,
                vault,
                work.pack,
                publisher_seed=seed,
                serial=serial,
                board_class="linux",
                lease_end_unix_s=made["lease_end"],
                issued_unix_s=made["issued"],
            )
        except SerialNotNewer:
            made |= _lease()
            continue
        notes.write_text(json.dumps(made | {"serial": serial}) + "\n")
        return summary
    raise DemoError("pack: no serial numbers left")


def _lease() -> dict[str, int]:
    """A lease that begins at this moment."""
    now = int(time.time())
    return {"issued": now, "lease_end": now + LEASE_S}
