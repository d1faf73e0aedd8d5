"""`amos script check`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from script_samples import EXAMPLE, VAULT
from typer.testing import CliRunner

from amos_tools.pack.build import stretched_stems
from amos_tools.script import cli, compile_script
from amos_tools.stems import StemFacts
from amos_tools.vault import Vault


class FactsOnly:
    """A vault without audio, as far as `check` needs one."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self) -> "FactsOnly":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stems(self) -> list[StemFacts]:
        return list(VAULT)


Check = Callable[..., Any]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    monkeypatch.setattr(cli, "Vault", FactsOnly)

    def run(source: bytes, *words: str) -> Any:
        file = tmp_path / "cafe.aimi"
        file.write_bytes(source)
        return CliRunner().invoke(cli.app, ["check", str(file), "--vault", str(tmp_path), *words])

    return run


def test_prints_a_summary(check: Check) -> None:
    result = check(EXAMPLE.encode())
    assert result.exit_code == 0
    assert "harbour cafe: 3 sections, 13 stems" in result.output and "8 at most, of 8" in result.output
    assert "pico-2-w holds it (24 KiB)" in result.output and "“promo”, 30 s, 1 hit" in result.output
    assert "warning: pool `warm` has 4 pads, too few for the rules of `avoid`" in result.output


def test_says_when_this_machine_lacks_what_stretches_stems(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    source = EXAMPLE.replace("tempo 84", "tempo 82").encode()
    monkeypatch.setattr(cli, "has_stretcher", lambda: False)
    stretched = [stem.title for stem in stretched_stems(compile_script(source, VAULT, name="cafe"))]
    result = check(source)
    assert result.exit_code == 0
    assert stretched and all(title in result.output for title in stretched[:3])
    assert "a pack needs python-stretch, which this machine lacks: pip install python-stretch" in result.output
    monkeypatch.setattr(cli, "has_stretcher", lambda: True)
    assert "python-stretch" not in check(source).output


def test_prints_errors_with_carets(check: Check) -> None:
    result = check(EXAMPLE.replace("avoid", "avid").encode())
    assert result.exit_code == 1 and "cafe.aimi:7:1" in result.output and "^^^^" in result.output


def test_json_keeps_the_hint(check: Check) -> None:
    refused = check(EXAMPLE.replace("avoid", "avid").encode(), "--json")
    refusal = json.loads(refused.stdout)["refusal"]
    assert refusal["name"] == "ScriptError" and "did you mean `avoid`?" in refusal["hint"]


@pytest.mark.parametrize("source", [b"\xff\xfe", b"#" * 300_000])
def test_no_traceback_for_what_is_no_script(check: Check, source: bytes) -> None:
    result = check(source)
    assert result.exit_code == 1 and "error: " in result.output
    assert isinstance(result.exception, SystemExit)


def test_a_real_vault_and_none(tmp_path: Path) -> None:
    script = tmp_path / "cafe.aimi"
    script.write_text(EXAMPLE, encoding="utf-8")
    Vault.init(tmp_path / "vault").close()
    empty = CliRunner().invoke(cli.app, ["check", str(script), "--vault", str(tmp_path / "vault")])
    assert empty.exit_code == 1 and "the vault has 0 stems with opt-in" in empty.output
    missing = CliRunner().invoke(cli.app, ["check", str(script), "--vault", str(tmp_path)])
    assert missing.exit_code == 1 and missing.output.startswith("NotAVault: ")
