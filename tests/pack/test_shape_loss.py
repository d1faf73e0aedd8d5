"""Stems of which the shape of a layer leaves little are named, and those of which it leaves nothing are refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amos.score.score import decode_score
from amos_tools.cli import app
from amos_tools.pack.level import linear
from amos_tools.pack.shape_loss import greatest_loss, shapes_over
from amos_tools.script import compile_script
from amos_tools.stems import Split
from amos_tools.vault import StatedFacts, Vault
from amos_tools.vault.audio import to_float

RATE_HZ = 44_100
BEAT_FRAMES = 31_500
SEED = bytes(range(32))
FACTS = StatedFacts("Pad", "Ilse Maren", (Split("ilse-maren", 1_000_000),), "pads", True, "D minor", 84_000, 1)
HIGH = 117
"""7.1 kHz."""


@pytest.fixture
def shaped(script: str) -> Callable[[str], str]:
    """The script with its pads in this shape."""
    return lambda line: script.replace("from warm count 2", f"from warm count 2 {line}")


def stereo(left: float, right: float, midi: int = 62) -> np.ndarray:
    """A tone on both sides at these levels; a negative one is turned around."""
    one = 29_491 * np.sin(np.arange(BEAT_FRAMES) * (2 * np.pi * 440 * 2 ** ((midi - 69) / 12) / RATE_HZ))
    return np.rint(np.outer(one, (left, right))).astype(np.int16)


@pytest.mark.parametrize(
    ("samples", "line", "lost_db"),
    [
        (stereo(0.5, 0.5), "pan right 100 %", 0),
        (stereo(0.5, 0), "pan left 100 %", -3.0),
        (stereo(0.5, 0.5), "width 0 %", 0),
        (stereo(0.5, -0.25), "width 0 %", 20 * np.log10(np.sqrt(0.5**2 + 0.25**2) / (np.sqrt(2) * 0.125))),
        (stereo(0.5, -0.25)[:, :1], "width 0 % pan left 30 %", 0),
        (stereo(0.5, 0.005), "pan right 100 %", 37.0),
        (stereo(0.0005, 0), "pan right 100 %", 100),
        (stereo(0.5, -0.5), "width 0 %", 100),
        (stereo(0.5, 0.5, HIGH), "lowpass 40 Hz", 44.5),
    ],
)
def test_what_a_shape_takes_is_measured_as_it_plays(
    vault: Vault, shaped: Callable[[str], str], samples: np.ndarray, line: str, lost_db: float
) -> None:
    score = decode_score(compile_script(shaped(line), vault.stems()).score)
    places = next(places for places in shapes_over(score) if places)
    assert [place.section for place in places] == ["only"]
    loss = greatest_loss(to_float(samples), RATE_HZ, places)
    assert loss is not None and min(loss.mdb, 100_000) == pytest.approx(1000 * lost_db, abs=200)
    # However loud the stem is by itself.
    softer = greatest_loss(to_float(samples) * np.float32(linear(-40_000)), RATE_HZ, places)
    assert softer is not None and min(softer.mdb, 100_000) == pytest.approx(min(loss.mdb, 100_000), abs=50)
    assert greatest_loss(to_float(samples), RATE_HZ, ()) is None


def test_only_the_layers_of_a_stem_shape_it(vault: Vault, shaped: Callable[[str], str]) -> None:
    source = shaped("pan right 60 %") + (
        "  play pads from warm pan right 60 % gain -9 dB\n"
        "section more 4 bars\n  play pads from warm lowpass 900 Hz\n  play pads from warm pan right 60 %\n"
    )
    compiled = compile_script(source, vault.stems())
    found = dict(zip((stem.title for stem in compiled.stems), shapes_over(decode_score(compiled.score)), strict=True))
    assert found["Low"] == []
    assert [(place.section, place.words()) for place in found["Haze 0"]] == [("only", "`pan`"), ("more", "`lowpass`")]


@pytest.fixture
def site(vault: Vault, tmp_path: Path) -> Path:
    """A folder with the vault and a key; one more of its pads is on the left, but for a trace."""
    vault.import_samples(stereo(0.5, 0.005), replace(FACTS, title="Leaning"))
    (tmp_path / "publisher.key").write_text(SEED.hex() + "\n")
    return tmp_path


def ran(site: Path, text: str, *words: str) -> tuple[int, str, str]:
    (site / "cafe.aimi").write_text(text)
    words = tuple(word.replace("SCRIPT", str(site / "cafe.aimi")) for word in words)
    result = CliRunner().invoke(app, [*words, "--vault", str(site / "vault")], env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.output


def builds(site: Path, text: str, *more: str) -> tuple[int, str, str]:
    key = str(site / "publisher.key")
    words = ("pack", "build", "SCRIPT", "--out", str(site / "pack"), "--serial", "1", "--lease-end", "1800000000")
    return ran(site, text, *words, "--publisher-key-file", key, *more)


def simulates(site: Path, text: str, *more: str) -> tuple[int, str, str]:
    return ran(site, text, "script", "simulate", "SCRIPT", "--hours", "0.01", *more)


def test_what_is_hardly_heard_in_a_layer_is_named(
    site: Path, shaped: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sample_render", "working"):  # that a player would render, which is not what is tested
        monkeypatch.setattr(f"amos_tools.pack.{module}.SAMPLE_S", 10)
    text = shaped("pan right 100 %")
    code, _out, said = builds(site, text)
    assert code == 0 and "ShapedAway: expected at most 30 dB taken" in said
    assert "found 1 with more, which are paid and hardly heard there: Leaning in `only` 37.0 dB" in said
    told = json.loads(builds(site, text, "--json")[1])["shaped_away"]
    assert [(row["title"], row["section"], round(row["lost_mdb"], -2)) for row in told] == [("Leaning", "only", 37_000)]
    code, out, _said = simulates(site, text)
    assert code == 0 and "shapes   take more than 30 dB of 1 stems, which are paid and hardly heard: Leaning in" in out
    assert json.loads(simulates(site, text, "--json")[1])["shaped_away"][0]["title"] == "Leaning"
    code, out, said = simulates(site, shaped("pan left 100 %"), "--json")
    assert code == 0 and json.loads(out)["shaped_away"] == []


@pytest.mark.parametrize(
    ("line", "sides", "words"),
    [
        ("pan right 100 %", (0.5, 0), "`pan`"),
        ("width 0 %", (0.5, -0.5), "`width`"),
        ("width 0 % pan left 20 %", (0.0002, -0.0002), "`pan` and `width`"),
    ],
)
def test_what_is_not_heard_at_all_reaches_no_pack(
    site: Path, vault: Vault, shaped: Callable[[str], str], line: str, sides: tuple[float, float], words: str
) -> None:
    vault.import_samples(stereo(*sides), replace(FACTS, title="Nothing"))
    for run in (builds, simulates):
        code, _out, said = run(site, shaped(line))
        assert code == 1 and "ShapedSilent: Nothing: expected something that is heard in section `only`, found" in said
        assert f"found that {words} there leaves nothing of it" in said
    assert not (site / "pack").exists()


def test_what_is_heard_in_no_shape_may_be_in_a_pack(site: Path, vault: Vault, script: str) -> None:
    vault.import_samples(stereo(0.5, -0.5), replace(FACTS, title="Against"))
    code, _out, said = builds(site, script)
    assert code == 0 and "ShapedAway" not in said
