"""One stem looked at, given other audio, or forgotten."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from amos_tools.vault import StatedFacts, Vault
from amos_tools.vault.cli import app


def run(*arguments: str | Path) -> Result:
    """The command's result; an exception other than a clean exit fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def noise(seed: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(-9000, 9000, (4000, 2)).astype(np.int16)


@pytest.fixture
def plain(facts: StatedFacts) -> StatedFacts:
    return replace(facts, tempo_mbpm=None, beats=None, tags=(("mood", "dusk"),))


def test_show_tells_what_is_stated_and_what_is_heard(vault: Vault, plain: StatedFacts) -> None:
    samples = noise(1) // 2 + np.int16(3000)
    stem = vault.import_samples(samples, plain)
    shown = json.loads(run("show", vault.path, stem.stem_id.hex()[:8], "--json").output)["stems"][0]
    assert (shown["title"], shown["tags"], shown["bits"], shown["channels"]) == ("Harbour", {"mood": "dusk"}, 16, 2)
    assert shown["peak"] == pytest.approx(np.abs(samples).max() / 32768, abs=1e-4)
    assert [finding["name"] for finding in shown["warned"]] == ["Offset"]
    text = run("show", vault.path, stem.stem_id.hex()).output
    assert "mood=dusk" in text and "Offset" in text and "ilse-maren 700000" in text


def test_replaced_audio_is_another_stem_and_the_older_one_is_still_paid(
    vault: Vault, plain: StatedFacts, tmp_path: Path
) -> None:
    old = vault.import_samples(noise(1), plain)
    soundfile.write(tmp_path / "b.wav", noise(2), 44_100)
    told = json.loads(run("replace", vault.path, old.stem_id.hex(), tmp_path / "b.wav", "--json").output)
    assert told["replaced"] == old.stem_id.hex() and told["stem"]["title"] == "Harbour"
    stems = {stem.stem_id: stem for stem in vault.stems()}
    new = stems[bytes.fromhex(told["stem"]["stem"])]
    assert np.array_equal(vault.audio(new), noise(2)) and new.opt_in and new.tags == plain.tags
    assert not stems[old.stem_id].opt_in and np.array_equal(vault.audio(old), noise(1))
    assert len(vault.published_stems()) == 2
    same = run("replace", vault.path, new.stem_id.hex(), tmp_path / "b.wav")
    assert same.exit_code == 1 and same.output.startswith("SameStem: ")


def test_only_what_was_never_opted_in_is_forgotten(vault: Vault, plain: StatedFacts) -> None:
    owed = vault.import_samples(noise(1), plain)
    draft = vault.import_samples(noise(2), replace(plain, opt_in=False, title="Draft"))
    refused = run("remove", vault.path, draft.stem_id.hex(), owed.stem_id.hex())
    assert refused.exit_code == 1 and refused.output.startswith("StillOwed: ") and len(vault.stems()) == 2
    assert "removed: Draft" in run("remove", vault.path, draft.stem_id.hex()).output
    assert vault.stems() == [owed] and not vault.blob_path(draft.sha256).exists()
    vault.opt_out([owed.stem_id])
    assert run("remove", vault.path, owed.stem_id.hex()).exit_code == 1
