"""`amos script simulate` on the starter vault: exit codes, the report, the drawing."""

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amos.crypto import public_key, verify
from amos.packs.folder import open_pack
from amos.score.inputs import INPUT_CLOCK, INPUT_VOLUME
from amos_tools.cli import app
from amos_tools.pack import build_pack
from amos_tools.pack.working import Working
from amos_tools.script import Compiled, compile_script
from amos_tools.simulate.allowance import too_soon
from amos_tools.simulate.inputs import TimedInput
from amos_tools.simulate.run import SimStem
from amos_tools.simulate.stems import script_stems, script_table
from amos_tools.starter import make_starter_vault
from amos_tools.vault import Vault

EXAMPLE = resources.files("amos_tools.script").joinpath("examples/starter.aimi").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `starter.aimi` and `vault`."""
    path = tmp_path_factory.mktemp("starter")
    make_starter_vault(path / "vault").close()
    (path / "starter.aimi").write_bytes(EXAMPLE)
    return path


@pytest.fixture(scope="module", autouse=True)
def stretched_once() -> Iterator[None]:
    """All tests simulate one script, and to stretch its stems takes longer than to play a day."""
    known: dict[bytes, tuple[list[SimStem], Working]] = {}

    def found(compiled: Compiled, vault: Vault) -> tuple[list[SimStem], Working]:
        if compiled.score not in known:
            known[compiled.score] = script_table(compiled, vault)
        return known[compiled.score]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("amos_tools.simulate.cli.script_table", found)
        yield


def simulate(folder: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        app, ["script", "simulate", str(folder / "starter.aimi"), "--vault", str(folder / "vault"), *arguments]
    )
    return result.exit_code, result.output


def test_report_and_drawing(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "day.svg"
    code, text = simulate(folder, "--hours", "2", "--seed", "7", "--out", str(out))
    assert code == 0, text
    for word in (
        "dawn",
        "Harbour Haze",
        "Noor Adeyemi",
        "voices",
        "rests",
        " MB a day, as this was",
        "relaxed",
        "times real",
    ):
        assert word in text
    assert out.read_text().startswith("<svg")
    week = tmp_path / "week.svg"
    assert simulate(folder, "--hours", "1", "--week", str(week))[0] == 0
    assert "Mon 12:00–14:00 intensity 0.8" in week.read_text()
    for clock, first in (("mon 07:20", "07:20"), ("none", "0:00")):
        code, said = simulate(folder, "--hours", "1", "--clock", clock, "--out", str(out))
        assert code == 0 and ("turns all down" in said) == (clock != "none")
        ticks = re.findall(r'text-anchor="middle">([^<]+)<', out.read_text())
        assert ticks[0] == first and (f"1 h, seed 1, from {clock}" in out.read_text()) == (clock != "none")


def test_minutes_are_drawn_and_the_day_has_its_marks(folder: Path, tmp_path: Path) -> None:
    out, inputs = tmp_path / "bars.svg", tmp_path / "inputs.jsonl"
    inputs.write_text('{"time": "62m", "kind": "skip"}\n{"time": "63m", "kind": "sparkle", "value": 0.9}\n')
    words = ("--clock", "mon 11:00", "--input", str(inputs), "--out", str(out))
    code, text = simulate(folder, *words, "--from", "12:00", "--minutes", "5")
    assert code == 0, text
    assert "level    forecast -20.0 LUFS, target -20 LUFS" in text and "none is heard" in text
    drawn = out.read_text()
    for word in ("12:00:00 to 12:05:00, seed 1", ">lunch<", ">skip<", ">sparkle 0.9<", ">Harbour Haze<", ">stroll<"):
        assert word in drawn
    assert simulate(folder, *words, "--hours", "1.1")[0] == 0
    drawn = out.read_text()
    for word in (">lunch<", ">skip<", ">loudness<", ">parts of the day<"):
        assert word in drawn
    code, text = simulate(folder, *words, "--hours", "0.1", "--json")
    report = json.loads(text)
    assert report["unreachable"] == [] and report["heard_rests"]["count"] == 0
    rows = sum(stem["plays"] for stem in report["stems"]) * 240
    assert report["log"] == {"rows_a_day": rows, "bytes_a_day": rows * 11 + 144 * 500}
    assert report["target_mlufs"] == -20_000 and abs(report["forecast_mlufs"] + 20_000) < 200


@pytest.mark.parametrize(
    ("count", "every_ms", "soon"),
    [(40, 0, 0), (41, 0, 1), (60, 0, 20), (100, 5000, 0), (100, 4000, 0), (300, 4000, 300 - 40 - 1196 // 5)],
)
def test_inputs_that_a_player_would_not_take_so_soon_are_counted(count: int, every_ms: int, soon: int) -> None:
    """A player's own are not."""
    given = [TimedInput(44_100 * every_ms // 1000 * number, INPUT_VOLUME, 9000) for number in range(count)]
    assert too_soon([*[TimedInput(0, INPUT_CLOCK, 0)] * 50, *given], 44_100) == soon


def test_inputs_that_come_too_soon_are_told(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_text('{"frame": 1, "kind": "skip"}\n' * 43)
    words = ("--hours", "0.01", "--input", str(path))
    assert json.loads(simulate(folder, *words, "--json")[1])["inputs_too_soon"] == 3
    told = "3 inputs come too soon: a player takes 40 from rest, and then one each 5 s"
    assert told in simulate(folder, *words)[1] and "too soon" not in simulate(folder, *words[:2])[1]


def test_json_is_the_same_for_the_same_seed(folder: Path) -> None:
    code, text = simulate(folder, "--hours", "1", "--seed", "7", "--json")
    assert code == 0
    report = json.loads(text)
    assert report["frames"] == 3600 * 44_100 and report["ms"] == 3_600_000
    assert sum(section["frames"] for section in report["sections"]) == report["frames"]
    assert sum(artist["frames"] for artist in report["artists"]) == sum(stem["frames"] for stem in report["stems"])
    assert simulate(folder, "--hours", "1", "--seed", "7", "--json") == (0, text)
    assert simulate(folder, "--hours", "1", "--seed", "8", "--json") != (0, text)


def test_the_day_has_its_hours_and_its_bell(folder: Path) -> None:
    def bell(*words: str) -> tuple[int, float]:
        report = json.loads(simulate(folder, "--json", "--seed", "7", *words)[1])
        return next(stem["plays"] for stem in report["stems"] if stem["title"] == "Ship's Bell"), report["ms"]

    assert bell("--hours", "0.75", "--clock", "mon 22:00") == (1, 45 * 60_000)
    assert bell("--hours", "0.75", "--clock", "sun 22:00") == (0, 45 * 60_000)
    assert bell("--hours", "23") == (1, 23 * 3_600_000), "it begins at midnight"
    assert bell("--hours", "23", "--clock", "none") == (0, 23 * 3_600_000)


def test_refusals(folder: Path, tmp_path: Path) -> None:
    for arguments, expected in (
        (("--hours", "0"), "hours: expected"),
        (("--hours", "nan"), "hours: expected"),
        (("--from", "12:00"), "from: expected --out, the picture to draw, found none"),
        (("--minutes", "5"), "minutes: expected --from, which says where they begin, found none"),
        (("--seed", "x"), "SeedError: seed: expected"),
        (("--clock", "noon"), 'clock: expected a day and time such as "mon 07:30", found'),
        (("--out", str(tmp_path / "day.png")), "out: expected a name that ends in .svg"),
        (("--out", str(tmp_path / "none" / "day.svg"), "--hours", "0.01"), "No such file"),
    ):
        code, text = simulate(folder, *arguments)
        assert code == (1 if expected == "No such file" else 2) and expected in text


def test_the_stem_table_is_that_of_a_pack(folder: Path, tmp_path: Path) -> None:
    with Vault(folder / "vault") as vault:
        compiled = compile_script(EXAMPLE, vault.stems())
        seed = bytes(32)
        build_pack(
            compiled, vault, tmp_path, publisher_seed=seed, serial=1, board_class="linux", lease_end_unix_s=2**31
        )
        stems = script_stems(compiled, vault)
    pack = open_pack(str(tmp_path), public_key(seed), verify)
    found = [(stem.frames, stem.gain_q15) for stem in pack.manifest.stems]
    pack.close()
    assert [(stem.frames, stem.gain_q15) for stem in stems] == found
