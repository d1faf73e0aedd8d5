"""Proofs over the whole score: voices, fades, sections that are never reached, and what a session costs at most."""

from collections.abc import Sequence, Set
from dataclasses import replace

from amos.score.score import Layer, ScoreSection, Transition
from amos.score.version_2 import shared_voices, themed_voices
from amos_tools.script import tree
from amos_tools.script.problems import Problems, Span
from amos_tools.script.program import Program
from amos_tools.script.sections import Transitions
from amos_tools.script.units import ClockFacts


class Budget:
    """What `sections` need at most. A fade ends within the section it leads into, so at most two sound at once."""

    def __init__(
        self, program: Program, sections: list[ScoreSection], transitions: Transitions, clock: ClockFacts,
        exclusive: Sequence[int], led: Set[int], spoken: bool, problems: Problems,
    ):  # fmt: skip
        """`led`: sections that the day leads to, from wherever it finds itself."""
        self._blocks = list(program.blocks.values())
        self._sections = sections
        self._transitions = transitions
        self._clock = clock
        self._exclusive = exclusive
        self._led = led
        self._spoken = int(spoken)
        self._problems = problems
        self.voices_worst = 0

    def _steps(self) -> list[tuple[int, int, Transition, tree.Transition | None]]:
        """Every step that may happen, over bridges too, with the rule whose fades it takes."""
        found = []
        for before, section in enumerate(self._sections):
            for after in sorted(({item.section for item in section.nexts} or {before}) | self._led):
                rule, statement = self._transitions.between(before, after)
                bridge = rule.bridge(before, after)
                if bridge < 0:
                    found.append((before, after, rule, statement))
                else:
                    found.append((before, bridge, rule, statement))
                    found.append((bridge, after, *self._transitions.between(bridge, after)))
        return found

    def check_all(self, voices: int, voices_span: Span | None, forced: set[int]) -> None:
        """Note what does not fit into `voices`, and what will never be heard."""
        self.check_fades()
        self.check_voices(voices, voices_span)
        self.warn_unreachable(forced)

    def check_fades(self) -> None:
        """A section must outlast the fade into it, or three sections could sound at once."""
        for _, after, rule, statement in self._steps():
            section = self._sections[after]
            if statement is not None and rule.fade_out_frames > self._clock_of(section).bars_frames(section.bars_min):
                span = next((option.span for option in statement.options if option.kind == "fade"), statement.span)
                bars = f"{section.bars_min} bar{'s' * (section.bars_min != 1)}"
                self._problems.error(
                    span,
                    f"the fade outlasts section `{section.name}`, which may end after {bars}",
                    expected=[f"at most {bars}"],
                )

    def check_voices(self, voices: int, mix_span: Span | None) -> None:
        """The worst case of any section and of any two that overlap while one fades must fit the voices of the mix."""
        needs = [(self._needs(section), number, number) for number, section in enumerate(self._sections)]
        for before, after, _, _ in self._steps():
            leaving, following = self._sections[before], self._sections[after]
            more = themed_voices(leaving) if before == after else self._needs(leaving)
            needs.append((more + self._needs(following), before, after))
        self.voices_worst, before, after = max(needs)
        self.voices_worst += self._spoken
        if self.voices_worst <= voices:
            return
        first, second = self._sections[before], self._sections[after]
        if before == after:
            who = f"section `{first.name}` may need {self.voices_worst} voices"
            if themed_voices(first):
                who += " while another theme fades out"
        else:
            who = f"section `{second.name}` may need {self.voices_worst} voices while `{first.name}` fades out"
        alone = {section.name: self._needs(section) for section in (first, second)}
        notes = [f"`{name}` alone: {needed}" for name, needed in alone.items()]
        if self._spoken:
            notes.append("announcements have one voice to themselves")
        notes.append(
            "a layer needs a voice for each of its count, two where its fade or tail overlaps, "
            "and one more for a pattern whose strokes cut one another"
        )
        self._problems.error(
            mix_span or self._blocks[after].section.name.span,
            f"{who}, the mix has {voices}",
            expected=[f"`voices {self.voices_worst}`"],
            notes=notes,
        )

    def _needs(self, section: ScoreSection) -> int:
        return shared_voices(section, self._exclusive)

    def warn_unreachable(self, forced: set[int]) -> None:
        """Sections that no path from the first one leads to, nor from one that a render hits."""
        steps = self._steps()
        reached, ahead = {0, *forced}, [0, *forced]
        while ahead:
            here = ahead.pop()
            for before, after, _, _ in steps:
                if before == here and after not in reached:
                    reached.add(after)
                    ahead.append(after)
        for number, block in enumerate(self._blocks):
            if number not in reached:
                name = block.section.name
                self._problems.warn(name.span, f"section `{name.value}` is never reached")

    def decisions_per_hour(self) -> int:
        """Decisions the player takes in an hour of the busiest section: the bound of what the script costs."""
        return max(
            sum(
                _decisions(layer) * ((self._clock_of(section).tempo_mbpm * 60 // 1000 + 1) // layer.grid_beats + 1)
                for layer in section.layers
            )
            for section in self._sections
        )

    def _clock_of(self, section: ScoreSection) -> ClockFacts:
        return replace(self._clock, tempo_mbpm=section.tempo_mbpm or self._clock.tempo_mbpm)


def _decisions(layer: Layer) -> int:
    """Decisions of a layer in each of its grids."""
    return layer.count_max if layer.strokes is None else len(layer.strokes)
