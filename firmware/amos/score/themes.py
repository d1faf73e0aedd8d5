"""The chooser of a score with themes: stems that belong together, one theme for each visit of a section.

Only a score with themes loads this.
"""

from amos.score.chooser import RELAX_DOUBLE, RELAX_THEME, Chooser
from amos.score.draw import SECTION_LANE, below
from amos.score.memory import BLOCKED
from amos.score.score import Layer, ScoreSection
from amos.score.slots import Run


class ThemedChooser(Chooser):
    """A `Chooser` whose themed layers keep to the theme of the visit, where that has stems for them."""

    _theme = -1  # index of the visit's theme; -1: there is none
    _only = None  # the stems that are chosen among; None: all

    def enter(self, section: ScoreSection, value: int) -> None:
        themes = section.themes or ()
        self._theme = themes[below(value, len(themes))] if themes else -1

    def playing_on(self, layer: Layer, slots: list, stems: list) -> list:
        """Those whose stem is of the theme, if that has any for the layer."""
        held = self._held(layer)
        return [slot for slot in slots if stems[slot.voice] in held] if held else slots

    def unblocked(self, layer: Layer) -> list:
        stems = Chooser.unblocked(self, layer)
        held = self._held(layer) if layer.themed else ()
        return [stem for stem in stems if stem in held] or stems

    def _held(self, layer: Layer) -> set:
        """Stems of the layer's pool that are of the visit's theme, and not blocked."""
        pool = self.score.pools[layer.pool]
        found = set(pool.stems)
        for stems in (pool.off_key, pool.off_tempo):
            found.update(stems or ())
        theme = (self.score.themes or [])[self._theme].stems
        return {stem for stem in theme if stem in found and self.weights_q8[stem] != BLOCKED}

    def _standing(self, layer: Layer, sounding, frame: int) -> "tuple[list, list]":
        if not layer.themed:
            return Chooser._standing(self, layer, sounding, frame)
        held = self._held(layer)
        if held:
            self._only = held
            found, relaxed = Chooser._standing(self, layer, sounding, frame)
            self._only = None
            # The one stem of a theme follows on itself, but does not sound beside itself.
            if found and (RELAX_DOUBLE not in relaxed or len(held) >= layer.count_max):
                return found, relaxed
        found, relaxed = Chooser._standing(self, layer, sounding, frame)
        relaxed.insert(0, RELAX_THEME)
        return found, relaxed

    def _candidates(self, pool: int, sounding, frame: int, relaxed: list, plays: int) -> list:
        return self._of_theme(Chooser._candidates(self, pool, sounding, frame, relaxed, plays))

    def _doubles(self, pool: int) -> list:
        """As any chooser's, among the theme's."""
        stems = self._of_theme([stem for stem in self.score.pools[pool].stems if self.weights_q8[stem] != BLOCKED])
        last = self._recent[pool][:1]
        return [stem for stem in stems if stem not in last] or stems

    def _of_theme(self, stems: list) -> list:
        only = self._only
        return stems if only is None else [stem for stem in stems if stem in only]

    def choose(self, layer: Layer, sounding: "set[int]", value: int, frame: int) -> int:
        """As any chooser's; the `Choice` tells the theme, too."""
        stem = Chooser.choose(self, layer, sounding, value, frame)
        if layer.themed:
            self.last.theme = self._theme
        return stem


def with_themes(base):
    """A class of stages as `base`, on which each visit draws its theme, and what is not of it does not play on."""

    class ThemedStage(base):
        def enter(self, section, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
            if section.themes:
                self._chooser.enter(section, self.draw(SECTION_LANE, 2))
                playing = [self._of_theme(run) if run.layer.themed else run for run in playing]
            base.enter(self, section, beat, frame, playing, fade_frames, linear)

        def _of_theme(self, run: Run) -> Run:
            kept = Run(run.layer, run.index)
            kept.slots = self._chooser.playing_on(run.layer, run.slots, self.voices.stem)
            return kept

    return ThemedStage
