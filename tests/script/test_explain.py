"""Why this stem: what `explain` tells is what the VM did."""

from pathlib import Path
from typing import Any

import pytest
from script_samples import EXAMPLE, VAULT
from typer.testing import CliRunner

from amos.player.day_clock import clock_value
from amos.player.draw import DRAW_BITS
from amos.player.events import Start, Stop
from amos_tools.script import compile_script
from amos_tools.script.cli import app
from amos_tools.script.explain import explain_at, explain_placement, placements
from amos_tools.script.preview import make_vm
from amos_tools.vault import Vault

COMPILED = compile_script(EXAMPLE, VAULT)
MINUTES = 20
UNTIL = MINUTES * 60 * COMPILED.rate_hz


def test_every_placement_has_its_choice() -> None:
    found = sorted(placements(COMPILED, 7, UNTIL), key=lambda placed: placed.number)
    events = make_vm(COMPILED, 7).advance(UNTIL)
    starts = [event for event in events if isinstance(event, Start)]
    assert [(placed.start.frame, placed.start.stem) for placed in found] == [
        (event.frame, event.stem) for event in starts
    ]
    ends = {event.frame + event.fade for event in events if isinstance(event, Stop)}
    for placed in found:
        choice = placed.choice
        assert choice is not None and choice.stem == placed.start.stem
        rest = choice.value * sum(choice.weights) >> DRAW_BITS
        at = choice.candidates.index(choice.stem)
        assert sum(choice.weights[:at]) <= rest < sum(choice.weights[: at + 1])
        assert placed.end == placed.start.frame + placed.start.frames or placed.end in ends


def test_the_story_of_a_placement() -> None:
    story = explain_placement(COMPILED, 7, 30, hours_max=1)
    assert story is not None
    lines = story.splitlines()
    assert lines[0].startswith("placement 30: “") and "by Ilse Maren" in lines[0]
    assert [line[2:14].strip() for line in lines[1:]] == ["when", "where", "pool", "candidates", "draw", "gave way"]
    assert "from warm" in story or "from low" in story or "from kit" in story
    assert "stem.hours, stem.plays" in lines[-1], "four stems cannot keep these rules"
    assert explain_placement(COMPILED, 7, 10**6, hours_max=1) is None


def test_what_sounds_at_a_moment() -> None:
    frame = 100 * COMPILED.rate_hz
    told = explain_at(COMPILED, 7, frame)
    sounding = [placed for placed in placements(COMPILED, 7, frame + 1) if placed.start.frame <= frame < placed.end]
    assert sounding and told.count("placement ") == len(sounding)


def test_an_announcement_explains_itself() -> None:
    clock = clock_value(0, False, (21 * 60 + 44) * 60)
    told = explain_at(COMPILED, 7, 61 * COMPILED.rate_hz, clock)
    assert "“closing” by Noor Adeyemi" in told and "why         announced" in told


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    Vault.init(tmp_path / "vault").close()
    monkeypatch.setattr(Vault, "stems", lambda self: list(VAULT))
    script = tmp_path / "cafe.aimi"
    script.write_text(EXAMPLE, encoding="utf-8")

    def call(*words: str) -> Any:
        return CliRunner().invoke(app, [words[0], str(script), *words[1:]])

    return call


def test_the_command(run: Any, tmp_path: Path) -> None:
    vault = ("--vault", str(tmp_path / "vault"))
    assert run("explain", *vault, "--at", "1:30").output == explain_at(COMPILED, 0, 90 * 48000) + "\n"
    assert "placement 3: " in run("explain", *vault, "--placement", "3", "--seed", "5").output
    assert "announced" in run("explain", *vault, "--at", "61", "--clock", "mon 21:44").output
    for words in ((), ("--at", "x"), ("--at", "1", "--placement", "1"), ("--at", "1", "--clock", "noon")):
        result = run("explain", *vault, *words)
        assert result.exit_code == 2 and "error: " in result.output


def test_the_format_command(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "cafe.aimi"
    assert run("format", "--write").exit_code == 0 and run("format", "--check").exit_code == 0
    file.write_text(EXAMPLE.replace("pool low  =", "pool low="), encoding="utf-8")
    assert run("format", "--check").exit_code == 1 and "pool low=" in file.read_text()
    assert "pool low = stems" in run("format").output and "pool low=" in file.read_text()
    assert run("format", "--write").exit_code == 0 and "pool low = stems" in file.read_text()
    assert run("format", "--write").output == run("format", "--check").output == ""
    file.write_text("sektion", encoding="utf-8")
    assert run("format").exit_code == 1 and file.read_text() == "sektion"
