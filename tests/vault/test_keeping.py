"""One stem looked at, given other audio, or forgotten."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from amos_tools.vault import StatedFacts, Vault
from amos_tools.vault.audio import to_int16
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


def test_what_the_vault_has_replaces_nothing(vault: Vault, plain: StatedFacts, tmp_path: Path) -> None:
    old = vault.import_samples(noise(1), plain)
    other = vault.import_samples(noise(2), replace(plain, title="Other"))
    soundfile.write(tmp_path / "b.wav", noise(2), 44_100)
    refused = run("replace", vault.path, old.stem_id.hex(), tmp_path / "b.wav")
    assert refused.exit_code == 1 and "found that of Other" in refused.output
    assert {stem.stem_id: stem for stem in vault.stems()} == {stem.stem_id: stem for stem in (old, other)}


def test_a_stem_is_replaced_once_and_its_successor_again(vault: Vault, plain: StatedFacts, tmp_path: Path) -> None:
    first = vault.import_samples(noise(1), plain)
    for seed in (2, 3, 4):
        soundfile.write(tmp_path / f"{seed}.wav", noise(seed), 44_100)
    second, _findings = vault.replace(first, tmp_path / "2.wav")
    held, blobs = vault.stems(), sorted(vault.path.glob("blobs/*/*"))
    for seed in (2, 3):
        refused = run("replace", vault.path, first.stem_id.hex(), tmp_path / f"{seed}.wav")
        assert refused.exit_code == 1 and refused.output.startswith("ConsentEnded: ")
        assert second.stem_id.hex()[:8] in refused.output, "which one to replace instead"
    assert vault.stems() == held and sorted(vault.path.glob("blobs/*/*")) == blobs
    third, _findings = vault.replace(second, tmp_path / "4.wav")
    assert [stem.stem_id for stem in vault.stems() if stem.opt_in] == [third.stem_id]


def test_what_was_opted_out_is_replaced_by_nothing(vault: Vault, plain: StatedFacts, tmp_path: Path) -> None:
    stem = vault.import_samples(noise(1), plain)
    vault.opt_out([stem.stem_id])
    soundfile.write(tmp_path / "b.wav", noise(2), 44_100)
    refused = run("replace", vault.path, stem.stem_id.hex(), tmp_path / "b.wav")
    assert refused.output.startswith("ConsentEnded: ") and "amos vault import" in refused.output
    assert len(vault.stems()) == 1


def test_a_draft_is_replaced_as_a_whole(vault: Vault, plain: StatedFacts, tmp_path: Path) -> None:
    draft = vault.import_samples(noise(1), replace(plain, opt_in=False))
    soundfile.write(tmp_path / "b.wav", noise(2), 44_100)
    made, _findings = vault.replace(draft, tmp_path / "b.wav")
    assert vault.stems() == [made] and not made.opt_in and not vault.blob_path(draft.sha256).exists()


def test_show_asks_for_a_stem(vault: Vault) -> None:
    refused = run("show", vault.path)
    assert refused.exit_code == 2 and "STEM" in refused.output and "--artist" not in refused.output


def test_a_stem_of_16_bits_gets_its_24_by_a_replacement_and_keeps_them(
    vault: Vault, plain: StatedFacts, tmp_path: Path
) -> None:
    fine = np.random.RandomState(3).uniform(-0.01, 0.01, (4000, 1))
    soundfile.write(tmp_path / "a.wav", fine, 44_100, subtype="PCM_24")
    rounded = to_int16(soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)[0])
    old = vault.import_samples(rounded, plain)
    new, _findings = vault.replace(old, tmp_path / "a.wav")
    assert vault.audio(new).dtype == np.int32 and new.stem_id != old.stem_id
    assert vault.import_file(tmp_path / "a.wav", plain) == new
    assert [stem.opt_in for stem in vault.stems() if stem.stem_id == old.stem_id] == [False]
