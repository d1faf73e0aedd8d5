"""The score VM: placements = f(pack, score, session start state, inputs), a pure function of integers (SCORE.md).

It is driven by frames, not by blocks: `advance` gives the same events whatever steps the caller takes. What happens
between two frames costs at most one decision for each slot and grid point; the score bounds both.
"""

from amos.compat import const
from amos.player.beats import BeatClock
from amos.player.chooser import Chooser, weighted
from amos.player.draw import SECTION_LANE, SEED_BYTES, below, draw
from amos.player.events import Section, Start, Stop
from amos.player.expression import evaluate
from amos.player.inputs import INPUT_SKIP, INPUT_SLIDER, InputQueue, InputRefused
from amos.player.score import Layer, Score, ScoreError
from amos.player.slots import Run, Slot, playing_on
from amos.player.voice_table import VoiceTable

_NEVER = const(-1)


class Vm:
    """Plays a score from frame 0.

    score            a decoded score
    stem_frames      length of each stem of the pack's table, in frames, at least 1
    stem_gains_q15   loudness gain of each stem, 0 .. 32767
    seed32           the session seed, 32 bytes
    memory           what `memory` of an earlier session with this score gave, or None

    Raises `ScoreError` when these do not fit together. Read-only for callers: `frame`, up to which events were given;
    `section`, `visit`, the index of the section and how many came before it.
    """

    def __init__(self, score: Score, stem_frames, stem_gains_q15, seed32: bytes, memory: "bytes | None" = None):
        if len(stem_frames) != score.stems or len(stem_gains_q15) != score.stems:
            raise ScoreError("pack: expected %d stems, found %d" % (score.stems, len(stem_frames)))
        if score.stems and (min(stem_frames) < 1 or min(stem_gains_q15) < 0 or max(stem_gains_q15) > 32767):
            raise ScoreError("pack: expected stems of at least 1 frame and gains from 0 to 32767")
        if len(seed32) != SEED_BYTES:
            raise ScoreError("seed: expected %d bytes, found %d" % (SEED_BYTES, len(seed32)))
        self.score = score
        self.frame = 0
        self.section = 0
        self.visit = 0
        self._stem_frames = stem_frames
        self._stem_gains_q15 = stem_gains_q15
        self._seed32 = seed32
        self._chooser = Chooser(score, memory)
        self._start_state = self._chooser.memory_bytes()
        self._clock = BeatClock(score.rate_hz, score.tempo_mbpm)
        self._voices = VoiceTable(score.voices)
        self._sliders_q15 = [slider.value(slider.start_q15) for slider in score.sliders]
        self._inputs = InputQueue(len(score.sliders))
        self._skip_frame = _NEVER
        self._runs: list = []
        self._started = False
        self._start_beat = 0
        self._start_frame = 0
        self._end_beat = 0
        self._end_frame = 0
        self._entry_fade_frames = 0
        # Last frame at which anything of the section before is heard.
        self._leaving_end = 0

    def start_state(self) -> bytes:
        """Canonical CBOR of what the session started from: weights and no-repeat memory (`Memory`)."""
        return self._start_state

    def memory(self) -> bytes:
        """Canonical CBOR of what the next session with this score may start from."""
        return self._chooser.memory_bytes()

    def relaxed(self) -> "tuple[int, int]":
        """(repeats, doubles): how often a pool left nothing but the stem just played, or one that still sounds."""
        return self._chooser.relaxed_repeats, self._chooser.relaxed_doubles

    def input(self, kind: int, value: int, frame: int) -> None:
        """Take an input that is effective from `frame` on. Raises `InputRefused`; the session is unchanged then."""
        if frame < self.frame:
            raise InputRefused("frame: expected %d or later, found %d" % (self.frame, frame))
        self._inputs.put(kind, value, frame)

    def advance(self, until_frame: int) -> list:
        """Events with frame < `until_frame` that no earlier call gave, in order."""
        events: list = []
        while True:
            frame = self._next_frame()
            if frame >= until_frame:
                break
            self._step(frame, events)
        if until_frame > self.frame:
            self.frame = until_frame
        return events

    def _next_frame(self) -> int:
        """The next frame at which anything is decided."""
        if not self._started:
            return 0
        frame = self._end_frame
        pending = self._inputs.items
        if pending and pending[0][0] < frame:
            frame = pending[0][0]
        if self._skip_frame != _NEVER and self._skip_frame < frame:
            frame = self._skip_frame
        for run in self._runs:
            for slot in run.slots:
                if slot.due_frame < frame:
                    frame = slot.due_frame
        return frame

    def _step(self, frame: int, events: list) -> None:
        for at, kind, value in self._inputs.due(frame):
            self._take_input(at, kind, value)
        if not self._started:
            self._started = True
            self._enter(0, 0, frame, [], events)
        if self._skip_frame != _NEVER and self._skip_frame <= frame:
            self._skip_frame = _NEVER
            self._skip(frame, events)
        elif self._end_frame <= frame:
            self._skip_frame = _NEVER
            self._leave(self._following(False), self._end_beat, frame, self._runs, events)
        for run in self._runs:
            for slot in run.slots:
                if slot.due_frame <= frame:
                    self._decide(frame, run, slot, events)

    def _take_input(self, frame: int, kind: int, value: int) -> None:
        if kind == INPUT_SKIP:
            # A third section must not begin while the first still fades: the voices were proved for two.
            self._skip_frame = max(frame, self._leaving_end)
        else:
            index = kind - INPUT_SLIDER
            self._sliders_q15[index] = self.score.sliders[index].value(value)

    def _following(self, skipping: bool) -> int:
        """The section to come. Without a choice left, conditions are relaxed; with none at all, it follows itself."""
        weights = []
        allowed = []
        nexts = []
        for item in self.score.sections[self.section].nexts:
            if skipping and item.section == self.section:
                continue
            weight = max(0, evaluate(item.weight, self._sliders_q15))
            nexts.append(item.section)
            weights.append(weight)
            allowed.append(weight if item.when is None or evaluate(item.when, self._sliders_q15) else 0)
        if not nexts:
            return self.section
        return nexts[weighted(allowed if sum(allowed) else weights, self._draw(SECTION_LANE, 1))]

    def _skip(self, frame: int, events: list) -> None:
        """Begin another section at this very frame; beats are counted from here on. Nowhere else to go: play on."""
        after = self._following(True)
        if after != self.section:
            self._clock.origin_frame = frame
            # What sounds is on the old clock, so no layer of the section to come may take it over.
            self._leave(after, 0, frame, [], events)

    def _leave(self, after: int, beat: int, frame: int, playing: list, events: list) -> None:
        """Go on to section `after`, which takes over what it also plays from the runs in `playing`."""
        rule = self.score.transition(self.section, after)
        leaving = self._runs
        entering: list = []
        self.visit += 1
        self._entry_fade_frames = rule.fade_in_frames
        self._enter(after, beat, frame, playing, entering)
        fade = max(rule.fade_out_frames, self.score.edge_out_frames)
        for run in leaving:
            for slot in run.slots:
                self._stop(slot.voice, slot.end, frame, fade, events)
                self._stop(slot.fading_voice, slot.fading_end, frame, fade, events)
        events.extend(entering)

    def _stop(self, voice: int, end: int, frame: int, fade: int, events: list) -> None:
        """Fade out what sounds on `voice` until `end`, unless its own fade gets it there in time."""
        if end <= frame:
            return
        fade = min(fade, end - frame)
        self._leaving_end = max(self._leaving_end, frame + fade)
        if frame + fade < end or frame < self._voices.fade_from[voice]:
            events.append(Stop(frame, voice, fade))
            self._voices.busy_until[voice] = frame + fade

    def _enter(self, index: int, beat: int, frame: int, playing: list, events: list) -> None:
        """Begin section `index` at `beat`; slots of layers it shares with the runs in `playing` move over to it."""
        section = self.score.sections[index]
        bars = section.bars_min + below(self._draw(SECTION_LANE, 0), section.bars_max - section.bars_min + 1)
        self.section = index
        self._start_beat = beat
        self._start_frame = frame
        self._end_beat = beat + bars * self.score.beats_per_bar
        self._end_frame = self._clock.frame(self._end_beat)
        self._runs = []
        events.append(Section(frame, index))
        for layer in section.layers:
            run = Run(layer)
            count = layer.count_min + below(self._draw(layer.lane, 0), layer.count_max - layer.count_min + 1)
            sounding = playing_on(layer, playing)
            for _ in range(count):
                slot = sounding.pop(0) if sounding else Slot()
                self._make_due(slot, layer, max(slot.due_beat, beat))
                run.slots.append(slot)
            self._runs.append(run)

    def _draw(self, lane: int, number: int) -> int:
        return draw(self._seed32, self.visit, lane, number)

    def _make_due(self, slot: Slot, layer: Layer, beat: int) -> None:
        """The slot's next decision: the first point of the layer's grid at `beat` or later."""
        first = self._start_beat + layer.enter_beats
        if beat > first:
            first -= (first - beat) // layer.grid_beats * layer.grid_beats
        slot.due_beat = first
        slot.due_frame = self._clock.frame(first)

    def _decide(self, frame: int, run: Run, slot: Slot, events: list) -> None:
        """Start the slot's next stem, or leave it to the next point of the grid."""
        busy_until = slot.fading_end if run.layer.fade_frames else slot.end
        if busy_until > frame or not self._chance(run):
            self._make_due(slot, run.layer, slot.due_beat + 1)
        else:
            self._place(frame, run, slot, events)

    def _chance(self, run: Run) -> bool:
        if run.layer.chance is None:
            return True
        run.draws += 1
        return self._draw(run.layer.lane, run.draws) >> 49 < evaluate(run.layer.chance, self._sliders_q15)

    def _place(self, frame: int, run: Run, slot: Slot, events: list) -> None:
        layer = run.layer
        run.draws += 1
        stem = self._chooser.choose(layer.pool, self._voices.sounding(frame), self._draw(layer.lane, run.draws))
        voice = self._voices.take(frame)
        natural = self._stem_frames[stem]
        fade = min(layer.fade_frames, natural >> 1)
        frames = self._span(frame, slot, layer, natural, fade)
        fade_in = fade or self.score.edge_in_frames
        if not fade and not slot.end and frame == self._start_frame:
            fade_in = max(fade_in, self._entry_fade_frames)
        fade_out = min(fade or self.score.edge_out_frames, frames >> 1)
        gain_q15 = min(32767, layer.gain_q15 * self._stem_gains_q15[stem] >> 15)
        slot.follow(voice, frame + frames)
        self._voices.hold(voice, stem, slot.end, fade_out)
        events.append(Start(frame, voice, stem, frames, gain_q15, min(fade_in, frames >> 1), fade_out))

    def _span(self, frame: int, slot: Slot, layer: Layer, natural: int, fade: int) -> int:
        """Frames to play of a stem `natural` frames long; sets when the slot is due again.

        With a fade the next stem comes in while this one goes out, so it ends a fade after a grid point. Without one
        it plays out; the little by which a loop is longer than its beats is cut, or it would miss the grid.
        """
        clock = self._clock
        end = frame + natural
        slack = min(natural >> 7, clock.frames(1) >> 1)
        if fade:
            steps = (clock.last_beat_until(end + slack - fade) - slot.due_beat) // layer.grid_beats
            if steps > 0:
                self._make_due(slot, layer, slot.due_beat + steps * layer.grid_beats)
                return min(natural, slot.due_frame + fade - frame)
        earliest = clock.first_beat_from(end - fade if fade else end - slack)
        self._make_due(slot, layer, max(earliest, slot.due_beat + 1))
        return natural if fade else min(natural, slot.due_frame - frame)
