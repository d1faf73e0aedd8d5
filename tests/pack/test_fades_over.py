"""Only pads that never rest under their fades are held up in a pack; its build names them, and those left soft."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from level_material import FACTS, SEED
from numpy.typing import NDArray
from typer.testing import CliRunner

from amos.score.score import decode_score
from amos_tools.pack import PackSummary, build_pack
from amos_tools.pack.cli import app
from amos_tools.pack.fades import fades_over
from amos_tools.pack.levels_report import level_lines, level_warnings
from amos_tools.script import compile_script
from amos_tools.vault import Vault

RATE_HZ = 22_050
VAULT_HZ = 44_100
SECONDS = 12
BAR = 2 * RATE_HZ
HEAD = """experience "ends" seed 1
clock 22050 tempo 120 meter 4/4
pool warm = stems where role pads
mix voices 16
section a 8 bars
  play pads from warm fade 2 bars
  next b
section b 8 bars
  play pads from warm fade 1 bar{more}
  next a
"""
BEATS = (24, None, 24, 20)
"""The first and the third go round; the second knows no beats, and the last rings out."""


def pad(fall_s: float, seconds: float = SECONDS) -> NDArray[np.int16]:
    at = np.arange(round(seconds * VAULT_HZ)) / VAULT_HZ
    wave = np.sin(at * (2 * np.pi * 220)) * np.clip((SECONDS - at) / max(fall_s, 1e-9), 0, 1)
    return np.rint(wave[:, None].repeat(2, axis=1) * 3277).astype(np.int16)


def pad_vault(path: Path, tags: tuple[tuple[str, str], ...] = ()) -> Vault:
    vault = Vault.init(path)
    for number, (fall_s, beats) in enumerate(zip((0.5, 0.6, 0, 0.7), BEATS, strict=True)):
        facts = replace(FACTS, title=f"Pad {number}", tempo_mbpm=120_000, beats=beats)
        vault.import_samples(pad(fall_s), replace(facts, tags=tags) if number == 0 else facts)
    return vault


def fades(script: str, path: Path) -> dict[str, float]:
    """Bars of the shortest fade over each pad."""
    with pad_vault(path / "vault") as vault:
        compiled = compile_script(script, vault.stems())
    found = fades_over(decode_score(compiled.score), [SECONDS * RATE_HZ] * len(compiled.stems))
    return {stem.title: frames / BAR for stem, frames in zip(compiled.stems, found, strict=True)}


ALL = [1.0] * 4
NONE = [0.0] * 4


@pytest.mark.parametrize(
    ("more", "bars"),
    [
        ("", ALL),
        (" linear", ALL),
        (" count 1..2", ALL),
        (" every 2 bars", [1, 1, 1, 0]),
        (" every 6 bars", [1, 0, 1, 0]),
        (" every 64 bars", [0, 0, 0, 0]),
        (" chance 0.5", NONE),
        (" once", NONE),
        (" until bar 5", NONE),
        (" enter bar 3", NONE),
        (" count 0..1", NONE),
        (" when not bass sounds", NONE),
        ("\n  play pads from warm gain -6 dB", NONE),
    ],
)
def test_only_what_never_rests_is_under_its_fades(tmp_path: Path, more: str, bars: list[float]) -> None:
    found = fades(HEAD.format(more=more), tmp_path)
    assert [found[f"Pad {number}"] for number in range(4)] == bars


def test_a_layer_whose_stems_outlast_its_section_does_not_rest(tmp_path: Path) -> None:
    short = HEAD.format(more=" every 64 bars").replace("section b 8 bars", "section b 6 bars")
    assert list(fades(short, tmp_path).values()) == ALL


@pytest.mark.parametrize("whole", [True, False])
def test_what_waits_for_other_roles_rests(tmp_path: Path, whole: bool) -> None:
    script = HEAD.format(more="")
    within = script.replace("b 8 bars", "b 8 bars exclusive pads, bass")
    script = "exclusive pads, melody\n" + script if whole else within
    assert set(fades(script, tmp_path).values()) == {0}
    other = script.replace("exclusive pads,", "exclusive beats,")
    assert set(fades(other, tmp_path / "other").values()) == {1}


def test_what_is_announced_is_not_under_fades(tmp_path: Path) -> None:
    found = fades(HEAD.format(more="") + 'announce "Pad 1" at 12:00\n', tmp_path)
    assert found == {"Pad 0": 1, "Pad 1": 0, "Pad 2": 1, "Pad 3": 1}


def summary_of(vault: Vault, path: Path) -> PackSummary:
    compiled = compile_script(HEAD.format(more=""), vault.stems())
    return build_pack(
        compiled, vault, path / "p", publisher_seed=SEED, serial=1, board_class="linux", lease_end_unix_s=2**31
    )


def test_a_build_names_what_it_held_up_and_leaves_ring_out(tmp_path: Path) -> None:
    with pad_vault(tmp_path / "vault") as vault:
        summary = summary_of(vault, tmp_path)
    assert {stem.title for stem, mdb in summary.held_up if mdb > 15_000} == {"Pad 0", "Pad 1"}
    (line,) = [line for line in level_lines(summary) if line.startswith("fades of their own undone in 2")]
    assert all(f"{stem.title} {mdb / 1000:.1f} dB" in line for stem, mdb in summary.held_up)
    assert not summary.holes and not any(warning.startswith("Ends") for warning in level_warnings(summary))


@pytest.mark.parametrize("tag", [("as recorded", "yes"), ("ends", "As recorded, long")])
def test_a_tag_keeps_a_pad_as_it_was_recorded(tmp_path: Path, tag: tuple[str, str]) -> None:
    with pad_vault(tmp_path / "vault", (tag,)) as vault:
        summary = summary_of(vault, tmp_path)
    assert [stem.title for stem, _mdb in summary.held_up] == ["Pad 1"] and not summary.holes


def test_a_build_names_what_stays_soft_and_what_to_do(tmp_path: Path) -> None:
    at = np.arange(SECONDS * VAULT_HZ) / VAULT_HZ
    deep = np.rint(pad(0) * 10 ** (-np.maximum(0, at - 10.4) * 1.6)[:, None]).astype(np.int16)
    soft = pad(0)
    soft[at > 11.2] //= 10
    with Vault.init(tmp_path / "vault") as vault:
        for title, samples in {"long": pad(6), "deep": deep, "abrupt": soft, "silent": pad(0.5, SECONDS + 0.5)}.items():
            vault.import_samples(samples, replace(FACTS, title=title, tempo_mbpm=120_000, beats=None))
    (tmp_path / "a.aimi").write_text(HEAD.format(more=""))
    (tmp_path / "key").write_bytes(SEED)
    paths = ["--vault", tmp_path / "vault", "--publisher-key-file", tmp_path / "key", "--out", tmp_path / "p"]
    built = CliRunner().invoke(app, ["build", str(tmp_path / "a.aimi"), *map(str, paths), "--serial", "1", "--json"])
    told = json.loads(built.stdout)
    named = {warning.split(":")[0]: warning for warning in told["warnings"]}
    names = {"long": "EndsTooLong", "deep": "EndsTooDeep", "abrupt": "EndsSoft", "silent": "EndsSilent"}
    assert [hole["title"] for hole in told["holes"]] == [hole["reason"] for hole in told["holes"]]
    softer = {hole["title"]: hole["softer_mdb"] for hole in told["holes"]}
    assert softer.keys() == names.keys() and len(told["holes"]) == 4
    for title, name in names.items():
        assert f"in 1, which leave holes where sections change: {title} {softer[title] / 1000:.1f} dB; " in named[name]
        assert named[name].endswith(", or tag them `as recorded` if they are meant so")
