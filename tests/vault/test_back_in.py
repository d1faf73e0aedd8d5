"""Consent that ended begins again: `amos vault optin`, and what follows from it on the list of what is withdrawn."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from amos.crypto import public_key, verify
from amos.protocol.opt_outs import open_opt_outs
from amos_tools.cli import app
from amos_tools.pack.opt_outs import make_opt_outs, withdrawn
from amos_tools.stems import StemFacts
from amos_tools.vault import StatedFacts, Vault
from amos_tools.vault.errors import NeverOptedIn

PUBLISHER = b"p" * 32


def run(*arguments: str | Path) -> Result:
    """The command's result; an exception other than a clean exit fails the test."""
    result = CliRunner().invoke(app, ["vault", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def noise(seed: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(-9000, 9000, (4000, 2)).astype(np.int16)


def listed(vault: Vault, serial: int) -> set[bytes]:
    """The stems on the list that would be signed."""
    signed = make_opt_outs(withdrawn(vault), PUBLISHER, serial, 5)
    opened = open_opt_outs(signed, public_key(PUBLISHER), verify)
    return {stem.stem_id for stem in vault.stems() if stem.stem_id in opened}


@pytest.fixture
def stems(vault: Vault, facts: StatedFacts) -> list[StemFacts]:
    """Two that were opted in by Ilse Maren, a draft of hers that never was, and one by Noor."""
    plain = replace(facts, tempo_mbpm=None, beats=None)
    hers = [("one", plain.artist, True), ("two", plain.artist, True), ("draft", plain.artist, False)]
    made = []
    for seed, (title, artist, opt_in) in enumerate([*hers, ("x", "Noor", True)]):
        made.append(vault.import_samples(noise(seed), replace(plain, title=title, artist=artist, opt_in=opt_in)))
    return made


def opted_in(vault: Vault) -> set[str]:
    return {stem.title for stem in vault.stems() if stem.opt_in}


def test_a_stem_is_back_with_all_that_was_stated_of_it_and_off_the_list(vault: Vault, stems: list[StemFacts]) -> None:
    held = vault.stems()
    vault.opt_out([stems[0].stem_id, stems[3].stem_id])
    assert listed(vault, 1) == {stems[0].stem_id, stems[3].stem_id}
    said = run("optin", vault.path, stems[0].stem_id.hex()[:8])
    assert said.exit_code == 0 and f"{stems[0].stem_id.hex()} opted in again: one, Ilse Maren\n" in said.output
    assert "amos pack optouts" in said.output
    assert listed(vault, 2) == {stems[3].stem_id}
    vault.opt_in([stems[3].stem_id])
    assert vault.stems() == held and listed(vault, 3) == set()


def test_all_of_an_artist_are_back_that_once_were_in(vault: Vault, stems: list[StemFacts]) -> None:
    vault.opt_out([stem.stem_id for stem in stems])
    run("optin", vault.path, stems[1].stem_id.hex())
    said = json.loads(run("optin", vault.path, stems[1].stem_id.hex(), "--artist", "Ilse Maren", "--json").output)
    assert {stem["title"]: stem["again"] for stem in said["opted_in"]} == {"one": True, "two": False}
    assert all(stem["opt_in"] for stem in said["opted_in"]) and opted_in(vault) == {"one", "two"}
    assert "was opted in before: two" in run("optin", vault.path, "--artist", "Ilse Maren").output


def test_nothing_but_an_import_is_a_first_consent(vault: Vault, stems: list[StemFacts]) -> None:
    one, _two, draft, _other = stems
    vault.opt_out([one.stem_id])
    with pytest.raises(NeverOptedIn, match=draft.stem_id.hex()):
        vault.opt_in([one.stem_id, draft.stem_id])
    with pytest.raises(NeverOptedIn):
        vault.opt_in([b"?" * 16])
    for words in ([draft.stem_id.hex()], [one.stem_id.hex(), draft.stem_id.hex()]):
        refused = run("optin", vault.path, *words)
        assert refused.exit_code == 1 and refused.output.startswith("NeverOptedIn: "), refused.output
    assert opted_in(vault) == {"two", "x"}, "all of it or nothing"
    for words in ([], ["--artist", "Nobody"], ["abc"], [one.stem_id.hex(), "f" * 32]):
        refused = run("optin", vault.path, *words)
        assert refused.exit_code == 1 and "NoSuchStem: " in refused.output, words


def test_an_artist_of_drafts_alone_is_told_what_a_first_consent_is(vault: Vault, facts: StatedFacts) -> None:
    vault.import_samples(noise(1), replace(facts, tempo_mbpm=None, beats=None, opt_in=False))
    refused = run("optin", vault.path, "--artist", facts.artist)
    assert refused.exit_code == 1 and refused.output.startswith("NeverOptedIn: "), refused.output


def test_what_once_took_the_place_of_a_stem_is_named(vault: Vault, stems: list[StemFacts], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "b.wav", noise(9), 44_100)
    made, _findings = vault.replace(stems[0], tmp_path / "b.wav")
    said = run("optin", vault.path, stems[0].stem_id.hex()).output
    assert f"  {made.stem_id.hex()} has the same title and role, and is opted in too" in said
