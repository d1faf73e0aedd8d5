"""The script that comes along compiles for the starter vault's repertoire, uses all of it and is never silent."""

from importlib import resources

from script_samples import BEAT_FRAMES, stem

from amos.player.events import Section, Start
from amos.player.score import decode_score
from amos.player.vm import Vm
from amos_tools.script import compile_script
from amos_tools.starter.repertoire import PIECES

SOURCE = resources.files("amos_tools.script").joinpath("examples/starter.aimi").read_bytes()
HOURS = 8


def test_the_starter_script_plays_the_whole_starter_vault() -> None:
    vault = [
        stem(piece.role, number, key=piece.key, bars=piece.bars, artist=piece.artist, opt_in=piece.opt_in)
        for number, piece in enumerate(PIECES)
    ]
    compiled = compile_script(SOURCE, vault, name="starter.aimi")
    assert compiled.warnings == () and compiled.voices == 8 and compiled.rate_hz == 44100
    assert len(compiled.stems) == sum(piece.opt_in for piece in PIECES)
    frames = [found.frames for found in compiled.stems]
    vm = Vm(decode_score(compiled.score), frames, [32767] * len(frames), bytes(32))
    end = HOURS * 3600 * compiled.rate_hz
    played = dict.fromkeys(range(len(frames)), 0)
    visits = dict.fromkeys(range(len(compiled.sections)), 0)
    sounding_until = 0
    for event in vm.advance(end):
        if isinstance(event, Start):
            assert event.frame <= sounding_until
            assert event.frame % BEAT_FRAMES == 0
            sounding_until = max(sounding_until, event.frame + event.frames)
            played[event.stem] += event.frames
        elif isinstance(event, Section):
            visits[event.section] += 1
    assert min(played.values()) > end // 100, "every stem is heard"
    assert min(visits.values()) > 20, "every section is visited"
    assert vm.relaxed() == (0, 0)
