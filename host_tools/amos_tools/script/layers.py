"""`play` lines to the layers of a score."""

import hashlib
from array import array
from collections.abc import Sequence

from amos.score.draw import SECTION_LANE
from amos.score.score import BARS_MAX, FADE_FRAMES_MAX, GRID_BEATS_MAX, LAYERS_MAX, Layer, ScoreSection
from amos_tools.script import tree
from amos_tools.script.avoidance import PoolUse
from amos_tools.script.changes import Phrasing
from amos_tools.script.conditions import role_exists
from amos_tools.script.ensembles import Ensembles
from amos_tools.script.expressions import Expressions
from amos_tools.script.log_size import warn_log
from amos_tools.script.loops import rings_out, script_beats
from amos_tools.script.loudness import Gains
from amos_tools.script.own_clocks import clock_of
from amos_tools.script.patterns import WORDS, Patterns
from amos_tools.script.phrases import Phrases
from amos_tools.script.pickups import Pickups
from amos_tools.script.pools import Pools
from amos_tools.script.problems import Problems, Span
from amos_tools.script.program import Block, Program, options_once
from amos_tools.script.shapes import layer_shape
from amos_tools.script.themes import Themes
from amos_tools.script.units import Q15, ClockFacts, length_frames, whole
from amos_tools.stems import ROLES

COUNT_MAX = 32
LENGTHS = (("fade", "a fade"), ("cue", "a cue"), ("tail", "a tail"))


class Layers:
    """Compiles the `play` lines of one script."""

    def __init__(
        self,
        program: Program,
        clock: ClockFacts,
        pools: Pools,
        themes: Themes,
        expressions: Expressions,
        ensembles: Ensembles,
        phrasing: Phrasing,
        problems: Problems,
    ):
        self._program = program
        self._clock = clock
        self._pools = pools
        self._themes = themes
        self._expressions = expressions
        self._problems = problems
        self._ensembles = ensembles
        self._phrasing = phrasing
        self._script_clock = clock
        self._looks: dict[ClockFacts, tuple[Phrases, Patterns, Gains, Pickups]] = {}
        self._turn_to(clock)
        self._pattern_spans: dict[int, Span] = {}  # in the latest section, of each lane
        self.uses: list[PoolUse] = []

    def _turn_to(self, clock: ClockFacts) -> None:
        """What is compiled next is played by this clock."""
        self._clock = self._pools.clock = clock
        if clock not in self._looks:
            problems = self._problems
            gains = Gains(self._program, clock, self._expressions, problems)
            self._looks[clock] = (Phrases(clock, problems), Patterns(clock, problems), gains, Pickups(clock, problems))
        self._phrases, self._patterns, self._gains, self._pickups = self._looks[clock]

    def own_tempo(self, block: Block) -> int | None:
        """The tempo of the section, if it is another than the script's."""
        tempo_mbpm = clock_of(block.section, self._script_clock, self._problems).tempo_mbpm
        return None if tempo_mbpm == self._script_clock.tempo_mbpm else tempo_mbpm

    def of(self, block: Block, bars: tuple[int, int], themes: Sequence[int]) -> list[Layer]:
        """The section's layers, `themes` being its own; those with errors are noted and left out."""
        layers: list[Layer] = []
        self._turn_to(clock_of(block.section, self._script_clock, self._problems))
        phrase = self._pools.phrase = self._phrasing.of(block.section)
        asked: dict[int, int] = {}
        lanes: set[int] = set()
        self._pattern_spans = {}
        for number, play in enumerate(block.plays):
            if number == LAYERS_MAX:
                self._problems.error(play.span, f"a section has at most {LAYERS_MAX} layers")
                break
            layer = self._layer(play, bars, lanes)
            if layer is not None:
                layers.append(layer)
                self._pickups.check(play, layer, block.section.name.value, self._pools.all_of(play))
                if layer.themed:
                    self._themes.check_layer(play, layer, themes, self._pools.all_of(play))
                if layer.strokes is not None:
                    self._pattern_spans[layer.lane] = play.pool.span
                    self._patterns.check(play, layer, self._pools.of(play) or [])
                    continue
                asked[layer.pool] = asked.get(layer.pool, 0) + layer.count_max
                self._check_pool_size(play, asked[layer.pool])
                self._note_use(play, layer)
                self._phrases.check(play, layer, self._pools.all_of(play))
                self._phrasing.join(play, layer, self._pools.all_of(play), phrase, self._clock)
        self._themes.check(block.section, block.plays)
        self._ensembles.check(block)
        return layers

    def exclusive(self, block: Block) -> list[int] | None:
        """What the section's line says of roles that never sound at once."""
        return self._ensembles.masks(block.section.exclusive)

    def check_section(self, block: Block, section: ScoreSection) -> None:
        """Note what the layers of a section ask for together."""
        self._patterns.check_section(section, block.section.name.span)
        warn_log(section, self._pattern_spans, self._clock, self._problems)

    def step_bars(self, block: Block, bars: tuple[int, int]) -> int | None:
        """Bars of which the section's length is a multiple, so that the phrases of its loops end with it."""
        sounding = [play for play in block.plays if not _kinds(play).intersection(("chance", *WORDS))]
        stems = [stem for play in sounding for stem in self._pools.all_of(play)]
        loops = self._phrases.step_bars(stems, bars, block.section.bars.span)
        return self._phrasing.step_bars(block.section, bars, loops)

    def _layer(self, play: tree.Play, bars: tuple[int, int], lanes: set[int]) -> Layer | None:
        problems = self._problems
        options = options_once(play.options, problems)
        if play.pool.value not in self._program.pools:
            if ("pool", play.pool.value) not in self._program.broken:
                problems.unknown(play.pool.span, "pool", play.pool.value, self._program.pools)
            stems = None
            role_exists(play.role, problems)
        else:
            stems = self._pools.of(play)
        count = self._count(options.get("count"))
        grid, enter = self._grid(options.get("every"), options.get("enter"), bars)
        chance_option = options.get("chance")
        chance = self._chance(chance_option) if chance_option else None
        when = self._ensembles.when(options.get("when"))
        gain = self._gains.of(options.get("gain"))
        fade, cue, tail = (self._length(options.get(kind), what) for kind, what in LENGTHS)
        if "tail" in options and "fade" in options:
            problems.error(options["tail"].span, "a layer has a fade or a tail, not both")
        shape = layer_shape(options, self._clock.rate_hz, problems)
        strokes = None
        if grid is not None and any(word in options for word in WORDS):
            strokes = self._patterns.of(options, grid)
            grid = None if strokes is None else strokes.grid_beats
        until = self._until(options.get("until"), enter or 0, bars)
        numbers = (count, grid, enter, gain, fade, cue, tail, shape)
        if stems is None or any(number is None for number in numbers):
            return None
        assert count and grid is not None and enter is not None and gain is not None and fade is not None and shape
        word = options["fade"].word if "fade" in options else None
        layer = Layer(
            role=ROLES.index(play.role.value),
            pool=self._pools.number(play),
            lane=_lane(play, lanes),
            count_min=count[0],
            count_max=count[1],
            grid_beats=grid,
            enter_beats=enter,
            gain_q15=round(gain.gain_q15 * shape.louder),
            fade_frames=fade,
            chance=chance,
            cue_frames=cue or None,
            tail_frames=tail or None,
            linear=True if fade and word is not None and word.value == "linear" else None,
            themed=True if "themed" in options else None,
            when=when,
            ticks=None if strokes is None else strokes.ticks,
            strokes=None if strokes is None else strokes.strokes,
            level=gain.level,
            rise_frames=gain.rise_frames,
            once=True if "once" in options else None,
            until_beats=until,
            shape=shape.shape,
        )
        if not fade and not tail:
            layer.rings = self._rings(play, layer) or None
        return layer

    def _rings(self, play: tree.Play, layer: Layer) -> bool:
        """Whether a loop of the layer's pool sounds on after its beats, or a one-shot when it is struck again."""
        if layer.strokes is not None:
            return self._patterns.rings(layer, self._pools.of(play) or [])
        stems = self._pools.all_of(play)
        return self._pickups.any(stems) or any(script_beats(stem, self._clock) and rings_out(stem) for stem in stems)

    def _length(self, option: tree.Option | None, what: str) -> int | None:
        if option is None or option.number is None:
            return 0
        return length_frames(option.number, what, FADE_FRAMES_MAX, self._clock, self._problems)

    def _note_use(self, play: tree.Play, layer: Layer) -> None:
        stems = self._pools.of(play) or []
        seconds = sum(stem.frames / stem.rate_hz for stem in stems) / len(stems)
        grid = layer.grid_beats * 60_000 / self._clock.tempo_mbpm
        self.uses.append(
            PoolUse(
                span=play.pool.span,
                name=play.pool.value,
                role=play.role.value,
                stems=len(stems),
                artists=len({stem.artist for stem in stems}),
                count=layer.count_max,
                seconds_mean=max(seconds, grid),
            )
        )

    def _check_pool_size(self, play: tree.Play, asked: int) -> None:
        stems = len(self._pools.of(play) or [])
        where = f"pool `{play.pool.value}` has {stems} {play.role.value}"
        if asked > stems:
            self._problems.error(play.pool.span, f"{where}, this section plays {asked} at once")
        elif asked == stems:
            self._problems.warn(play.pool.span, f"{where}, all of them play at once, so the same ones return")

    def _count(self, option: tree.Option | None) -> tuple[int, int] | None:
        if option is None or option.range is None:
            return 1, 1
        single = option.range.lo is option.range.hi
        lo = 1 if single else whole(option.range.lo, "a count", 0, COUNT_MAX, self._problems)
        hi = whole(option.range.hi, "a count", 1, COUNT_MAX, self._problems)
        if lo is None or hi is None:
            return None
        if lo > hi:
            self._problems.error(option.range.span, "the count runs backwards", expected=[f"{hi}..{lo}"])
            return None
        return hi if single else lo, hi

    def _grid(
        self, every: tree.Option | None, enter: tree.Option | None, bars: tuple[int, int]
    ) -> tuple[int | None, int | None]:
        """(grid, offset) in beats: where the layer may place stems, counted from the section's start."""
        per_bar = self._clock.beats_per_bar
        on_beats = enter is not None and enter.word is not None and enter.word.value == "beat"
        grid: int | None = 1 if on_beats else per_bar
        if every is not None and every.number is not None:
            unit = per_bar if every.number.unit == "BARS" else 1
            count = whole(every.number, "`every`", 1, GRID_BEATS_MAX // unit, self._problems)
            grid = None if count is None else count * unit
        if enter is None or enter.number is None:
            return grid, 0
        unit = 1 if on_beats else per_bar
        entry = whole(enter.number, "an entry", 1, bars[1] * per_bar // unit, self._problems)
        if entry is not None and (entry - 1) * unit >= bars[0] * per_bar:
            self._problems.warn(enter.number.span, f"a section of {bars[0]} bars ends before this entry")
        return grid, None if entry is None else (entry - 1) * unit

    def _until(self, option: tree.Option | None, enter: int, bars: tuple[int, int]) -> int | None:
        """Beats after the section's start at which the layer stops; None if it does not, or with an error noted."""
        if option is None or option.number is None:
            return None
        per_bar, span = self._clock.beats_per_bar, option.number.span
        bar = whole(option.number, "the bar at which a layer stops", 2, BARS_MAX, self._problems)
        if bar is None:
            return None
        if (bar - 1) * per_bar <= enter:
            self._problems.error(span, "the layer stops before it enters", expected=["a later bar"])
        elif bar > bars[1]:
            self._problems.warn(span, f"a section of at most {bars[1]} bars ends before this bar begins")
        return (bar - 1) * per_bar

    def _chance(self, option: tree.Option) -> "array[int] | None":
        assert option.expression is not None
        words = self._expressions.compile(option.expression)
        if words is not None:
            constant = self._expressions.constant_q15(words, option.expression)
            if constant is not None and not 0 <= constant <= Q15:
                self._problems.error(option.expression.span, "a chance is from 0 to 1", expected=["0 to 1"])
        return words


def _kinds(play: tree.Play) -> set[str]:
    return {option.kind for option in play.options}


def _lane(play: tree.Play, taken: set[int]) -> int:
    """A number for the layer's draws that other lines of the section do not change."""
    again = 0
    while True:
        digest = hashlib.sha256(f"{play.role.value}|{play.pool.value}|{again}".encode()).digest()
        lane = int.from_bytes(digest[:4], "little")
        if lane not in taken and lane != SECTION_LANE:
            taken.add(lane)
            return lane
        again += 1
