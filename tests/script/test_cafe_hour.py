"""The café hour: a real script over real recordings compiles, and plays a day without a gap."""

from importlib import resources

import pytest
from script_samples import make_vm

from amos.score.day_clock import clock_value
from amos.score.inputs import INPUT_CLOCK
from amos.score.score import decode_score
from amos.sound.events import Duck, Section, Start
from amos_tools.script import Compiled, compile_script
from amos_tools.script.memory import BOARDS
from amos_tools.vault import Vault

EXAMPLES = resources.files("amos_tools.script").joinpath("examples")
HOURS = 10


@pytest.fixture(scope="module")
def compiled(cafe_vault: Vault) -> Compiled:
    return compile_script(EXAMPLES.joinpath("cafe_hour.aimi").read_bytes(), cafe_vault.stems(), name="cafe_hour.aimi")


def test_it_compiles_and_only_the_memory_of_the_smallest_board_is_too_little(compiled: Compiled) -> None:
    (told,) = compiled.warnings
    assert "pico-2-w leaves 24 KiB" in told.message and compiled.voices_worst <= compiled.voices
    assert compiled.heap_bytes <= BOARDS["esp32-s3"]


def test_a_day_of_it_has_no_gap_and_uses_everything(compiled: Compiled) -> None:
    vm = make_vm(compiled, 3)
    vm.input(INPUT_CLOCK, clock_value(2, False, 13 * 3600), 0)
    sounding_until = 0
    heard: set[int] = set()
    visited: set[int] = set()
    ducks: list[int] = []
    for minute in range(1, HOURS * 60 + 1):
        for event in vm.advance(minute * 60 * compiled.rate_hz):
            if isinstance(event, Start):
                assert event.frame <= sounding_until
                sounding_until = max(sounding_until, event.frame + event.frames)
                heard.add(event.stem)
            elif isinstance(event, Section):
                visited.add(event.section)
            elif isinstance(event, Duck):
                ducks.append(event.frame)
    assert heard == set(range(len(compiled.stems))), "the closing bell among them"
    assert visited == set(range(len(compiled.sections)))
    bell = (9 * 60 + 45) * 60 * compiled.rate_hz
    assert ducks == [bell - compiled.rate_hz * 400 // 1000]
    assert vm.relaxed() == (0, 0)


def test_its_thirty_seconds_hit_on_the_frame(compiled: Compiled) -> None:
    plan = (decode_score(compiled.score).renders or [])[0]
    events = make_vm(compiled, 3, plan=plan).advance(60 * compiled.rate_hz)
    entered = {event.frame: compiled.sections[event.section] for event in events if isinstance(event, Section)}
    assert {second: entered[second * compiled.rate_hz] for second in (0, 10, 20)} == {
        0: "hush",
        10: "guitars",
        20: "bustle",
    }
    assert max(event.frame for event in events) < plan.length_frames == 30 * compiled.rate_hz
