"""Why this stem: what `explain` tells is what the VM did."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from script_samples import EXAMPLE, VAULT, make_vm
from typer.testing import CliRunner

from amos.score.day_clock import clock_value
from amos.score.draw import DRAW_BITS, numbered_seed
from amos.score.inputs import INPUT_CLOCK, INPUT_SKIP
from amos.score.score import decode_score
from amos.sound.events import Section, Start, Stop
from amos_tools.script import compile_script
from amos_tools.script.cli import app
from amos_tools.script.explain import Play, explain_at, explain_placement, placements
from amos_tools.script.preview import stem_frames
from amos_tools.simulate import SimStem, TimedInput, simulate
from amos_tools.simulate.stems import script_stems
from amos_tools.vault import Vault, parse_facts

COMPILED = compile_script(EXAMPLE, VAULT)
MINUTES = 20
UNTIL = MINUTES * 60 * COMPILED.rate_hz
STEMS = [
    SimStem(frames, 32767, stem.role, stem.title, stem.artist)
    for frames, stem in zip(stem_frames(COMPILED), COMPILED.stems, strict=True)
]
PLAY = Play(COMPILED, STEMS, numbered_seed(7))


def test_every_placement_has_its_choice() -> None:
    found = sorted(placements(PLAY, UNTIL), key=lambda placed: placed.number)
    events = make_vm(COMPILED, 7).advance(UNTIL)
    starts = [event for event in events if isinstance(event, Start)]
    assert [(placed.start.frame, placed.start.stem) for placed in found] == [
        (event.frame, event.stem) for event in starts
    ]
    ends = {event.frame + event.fade for event in events if isinstance(event, Stop)}
    entered = {event.frame for event in events if isinstance(event, Section)}
    assert sum(placed.choice is not None for placed in found) > len(found) // 2
    for placed in found:
        choice = placed.choice
        if choice is None:
            assert placed.start.frame in entered and placed.start.loop
            continue
        assert choice.stem == placed.start.stem
        rest = choice.value * sum(choice.weights) >> DRAW_BITS
        at = choice.candidates.index(choice.stem)
        assert sum(choice.weights[:at]) <= rest < sum(choice.weights[: at + 1])
        assert placed.end == placed.start.frame + placed.start.frames or placed.end in ends


def test_the_story_of_a_placement() -> None:
    story = explain_placement(PLAY, 30, hours_max=1)
    assert story is not None
    lines = story.splitlines()
    assert lines[0].startswith("placement 30: “") and "by Ilse Maren" in lines[0]
    assert [line[2:14].strip() for line in lines[1:]] == ["when", "where", "pool", "candidates", "draw", "gave way"]
    assert "from warm" in story or "from low" in story or "from kit" in story
    assert "stem.hours, stem.plays" in lines[-1], "four stems cannot keep these rules"
    assert explain_placement(PLAY, 10**6, hours_max=1) is None


def test_what_sounds_at_a_moment() -> None:
    frame = 100 * COMPILED.rate_hz
    told = explain_at(PLAY, frame)
    sounding = [placed for placed in placements(PLAY, frame + 1) if placed.start.frame <= frame < placed.end]
    assert sounding and told.count("placement ") == len(sounding)


def test_an_announcement_explains_itself() -> None:
    clock = clock_value(0, False, (21 * 60 + 44) * 60)
    told = explain_at(replace(PLAY, inputs=[TimedInput(0, INPUT_CLOCK, clock)]), 61 * COMPILED.rate_hz)
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


TWO_SECTIONS = """clock 22050 tempo 90 meter 4/4 key A minor
pool haze = stems where role pads and key fits and tempo fits
section one 2 bars
  play pads from haze gain -3 dB
  next two
section two 3 bars
  play pads from haze chance 0.5
  next one
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A script, and a vault whose stems the pack builder stretches to its tempo."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "two.aimi").write_text(TWO_SECTIONS, encoding="utf-8")
    told = {"artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes", "tempo": "82", "beats": "4"}
    with Vault.init(folder / "vault", 22050) as vault:
        for number in range(3):
            tone = np.sin(np.arange(4 * 60 * 22050 // 82) * (0.03 + number / 100)) * 9000
            facts = parse_facts("tone", told | {"title": f"tone {number}"})
            vault.import_samples(np.rint(tone).astype(np.int16)[:, None], facts)
    return folder


def command(folder: Path, name: str, *words: object) -> tuple[int, str]:
    paths = [str(folder / "two.aimi"), "--vault", str(folder / "vault")]
    result = CliRunner().invoke(app, [name, *paths, *(str(word) for word in words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_it_is_what_a_pack_plays_and_a_simulation_counts(folder: Path, tmp_path: Path) -> None:
    with Vault(folder / "vault") as vault:
        compiled = compile_script(TWO_SECTIONS, vault.stems())
        stems = script_stems(compiled, vault)
    assert stem_frames(compiled)[0] > stems[0].frames == 4 * 60 * 22050 // 90
    inputs = [TimedInput(100_000, INPUT_SKIP, 0)]
    starts: list[Start] = []
    seed = numbered_seed(1)
    simulate(decode_score(compiled.score), stems, seed, 0.1, lambda event: keep(event, starts), inputs=inputs)
    play = Play(compiled, stems, seed, inputs)
    found = sorted(placements(play, 360 * 22050), key=lambda placed: placed.number)
    assert [(item.start.frame, item.start.stem, item.start.gain_q15) for item in found] == [
        (event.frame, event.stem, event.gain_q15) for event in starts
    ]
    told = tmp_path / "told.jsonl"
    told.write_text(json.dumps({"frame": 100_000, "kind": "skip"}), encoding="utf-8")
    number = next(index for index, event in enumerate(starts, 1) if event.frame >= 100_000)
    code, text = command(folder, "explain", "--placement", number, "--input", told)
    hours, minutes, seconds = map(float, re.findall(r"when +(\S+) to", text)[0].split(":"))
    assert code == 0 and int((hours * 3600 + minutes * 60 + seconds) * 1000) == starts[number - 1].frame * 1000 // 22050
    assert command(folder, "explain", "--placement", number, "--input", told, "--seed", seed.hex()) == (0, text)
    assert command(folder, "explain", "--placement", number)[1] != text


def keep(event: Any, starts: list[Start]) -> None:
    if isinstance(event, Start):
        starts.append(event)


def test_the_command_refuses(folder: Path, tmp_path: Path) -> None:
    for words in (
        (),
        ("--at", "x"),
        ("--at", "1", "--placement", "1"),
        ("--at", "1", "--clock", "noon"),
        ("--at", "1", "--seed", "x"),
    ):
        code, text = command(folder, "explain", *words)
        assert code == 2 and re.match(r"\w+Error: ", text), text


def test_a_vault_that_cannot_be_written_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "vault", tmp_path / "vault", ignore=shutil.ignore_patterns("conformed"))
    shutil.copy(folder / "two.aimi", tmp_path)
    (tmp_path / "vault" / "conformed").write_bytes(b"")
    for words in (("explain", "--at", "1"), ("simulate", "--hours", "0.1")):
        code, text = command(tmp_path, *words)
        assert code and "expected room and permission to write" in text


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
