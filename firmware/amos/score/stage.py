"""What sounds in a section: its layers decide, stem by stem, and say so in Starts and Stops."""

from amos.compat import const
from amos.score.beats import BeatClock
from amos.score.draw import below, draw
from amos.score.expression import evaluate
from amos.score.memory import NONE
from amos.score.score import Layer, Score, ScoreSection
from amos.score.slots import Run, Slot, playing_on
from amos.score.voice_table import VoiceTable
from amos.sound.envelope import fade_gain
from amos.sound.events import LINEAR_IN, LINEAR_OUT, Start, Stop

_NEVER = const(1 << 62)


class Stage:
    """The runs of the section that plays, on a beat clock. `stops` and `starts` collect the events of one frame.

    visit         sections entered before this one
    end_beat      the section's end
    leaving_end   last frame at which anything of the section before is heard
    on_choice     called with each `Choice` while the chooser, a `Chooser`, explains
    levels        of the layers whose gain moves; None in a score that has none
    """

    def __init__(self, score: Score, stem_frames, stem_gains_q15, seed32: bytes, chooser):
        self.clock = BeatClock(score.rate_hz, score.tempo_mbpm)
        self.voices = VoiceTable(score.music_voices())
        self.runs: list = []
        self.visit = 0
        self.start_beat = 0
        self.end_beat = 0
        self.leaving_end = 0
        self.stops: list = []
        self.starts: list = []
        self.on_choice = lambda choice: None
        self.levels = None
        self._score = score
        self._stem_frames = stem_frames
        self._stem_gains_q15 = stem_gains_q15
        self._seed32 = seed32
        self._chooser = chooser
        self._start_frame = 0
        self._entry_fade_frames = 0
        self._entry_curve = 0
        self._final_frame = 0
        self._final_fade = 0

    def draw(self, lane: int, number: int) -> int:
        """The draw of this visit."""
        return draw(self._seed32, self.visit, lane, number)

    def enter(self, section: ScoreSection, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
        """Set up the layers of `section`; slots of layers it shares with the runs in `playing` move over to it."""
        self.start_beat = beat
        self._start_frame = frame
        self._entry_fade_frames = fade_frames
        self._entry_curve = LINEAR_IN if linear else 0
        self.runs = []
        for index, layer in enumerate(section.layers):
            run = Run(layer, index)
            count = layer.count_min + below(self.draw(layer.lane, 0), layer.count_max - layer.count_min + 1)
            sounding = playing_on(layer, playing)[:count]
            for position in range(count):
                slot = sounding[position] if position < len(sounding) else Slot()
                self._make_due(slot, layer, max(slot.due_beat, beat))
                run.slots.append(slot)
            self.runs.append(run)

    def fade_out(self, runs: list, frame: int, fade: int, linear) -> None:
        """Fade out what sounds in `runs`, except for slots that the section now playing has taken over."""
        kept = [slot for run in self.runs for slot in run.slots]
        for run in runs:
            for slot in run.slots:
                if slot not in kept:
                    main = self._stop(slot.voice, slot.end, frame, fade, linear)
                    beneath = self._stop(slot.fading_voice, slot.fading_end, frame, fade, linear)
                    self.leaving_end = max(self.leaving_end, main, beneath)

    def hold(self, frame: int) -> None:
        """The section goes on beyond its bars."""
        self.end_beat = _NEVER
        for run in self.runs:
            for slot in run.slots:
                if slot.due_frame == _NEVER:
                    self._make_due(slot, run.layer, self.clock.first_beat_from(frame + self._lead(run.layer)))

    def fade_to(self, frame: int, end_frame: int) -> None:
        """The piece ends at `end_frame`: what sounds fades until then, and what still begins fades with it."""
        self._final_frame = end_frame
        self._final_fade = end_frame - frame
        for voice, busy in enumerate(self.voices.busy_until):
            self._stop(voice, busy, frame, self._final_fade, False)

    def fade_all(self, frame: int, fade: int) -> int:
        """Everything is silent `fade` frames later, and nothing more begins. Gives the frame from which it is."""
        ends = [self._stop(voice, busy, frame, fade, False) for voice, busy in enumerate(self.voices.busy_until)]
        self.leaving_end = max(self.leaving_end, max(ends))
        self.runs = []
        return max(frame, max(ends))

    def _stop(self, voice: int, end: int, frame: int, fade: int, linear) -> int:
        """Fade out what sounds on `voice` until `end`, unless its own fade gets it there in time. Gives its new end."""
        end = min(end, self.voices.busy_until[voice])  # the end of a piece makes it earlier than its slot knows
        if end <= frame:
            return end
        fade = min(fade, end - frame)
        if frame + fade < end or frame < self.voices.fade_from[voice]:
            self.stops.append(Stop(frame, voice, fade, bool(linear)))
            self.voices.busy_until[voice] = frame + fade
            self.voices.fade_from[voice] = frame
        return frame + fade

    def next_frame(self, none: int) -> int:
        """Frame of the next decision, or `none` if that comes first."""
        frame = none
        for run in self.runs:
            for slot in run.slots:
                if slot.due_frame < frame:
                    frame = slot.due_frame
        return frame if self.levels is None else self.levels.next_frame(self.runs, frame)

    def decide(self, frame: int, sliders) -> None:
        """All decisions due at `frame`."""
        if self.levels is not None:
            self.levels.settle(frame, self.start_beat, self.runs, sliders)
        for run in self.runs:
            for slot in run.slots:
                if slot.due_frame <= frame:
                    self._decide(frame, run, slot, sliders)

    def swap(self, stem: int, beats: int, frame: int) -> None:
        """Stems that sound (or only `stem`, if not NONE) give way at the next multiple of `beats`; 0: at the end."""
        edge = self._score.edge_out_frames
        for run in self.runs:
            for slot in run.slots:
                if slot.end <= frame or (stem != NONE and self.voices.stem[slot.voice] != stem):
                    continue
                cue = self._lead(run.layer)
                # Never so soon that the stem would end in a click.
                beat = self.clock.first_beat_from(frame + edge + cue) - self.start_beat
                beat = self.start_beat - (-beat // beats) * beats if beats else self.end_beat
                if not beats or (cue and beat >= self.end_beat):
                    slot.swapping = True
                    continue
                at = self.clock.frame(beat) - cue
                if slot.due_frame <= at:
                    continue
                slot.swapping = True
                slot.due_beat = beat
                slot.due_frame = at
                if not run.layer.fade_frames:
                    # With one voice only, the stem is gone when its successor comes.
                    slot.end = self._stop(slot.voice, slot.end, frame, at - frame, run.layer.linear)

    def offender(self, frame: int) -> int:
        """The stem that a dislike without one is of, at `frame`; NONE: all."""
        return NONE

    def drop(self, stem: int, frame: int) -> None:
        """`stem` fades out within a beat; others take its place at the next beat."""
        self.swap(stem, 1, frame)
        fade = self.clock.frames(1)
        for voice, busy in enumerate(self.voices.busy_until):
            if busy > frame and self.voices.stem[voice] == stem:
                self._shorten(voice, frame, self._stop(voice, busy, frame, fade, False))

    def _shorten(self, voice: int, frame: int, end: int) -> None:
        """The slot whose stem sounds on `voice` learns that it ends sooner."""
        for run in self.runs:
            for slot in run.slots:
                if slot.voice == voice and slot.end > frame:
                    slot.end = min(slot.end, end)
                if slot.fading_voice == voice and slot.fading_end > frame:
                    slot.fading_end = min(slot.fading_end, end)

    def _first_point(self, layer: Layer) -> int:
        return self.start_beat + layer.enter_beats

    def _lead(self, layer: Layer) -> int:
        """How long before its points a layer decides."""
        return layer.cue_frames or 0

    def _cue(self, layer: Layer, stem: int) -> int:
        """How long before its point `stem` begins."""
        return layer.cue_frames or 0

    def _cue_of_next(self, layer: Layer, stem: int) -> int:
        """How long before its point the stem after `stem` is taken to begin."""
        return layer.cue_frames or 0

    def _late(self, frame: int, slot: Slot, layer: Layer, stem: int) -> int:
        """How much of the beginning of `stem` is left out, for it begins at `frame`."""
        return 0

    def _point_from(self, layer: Layer, beat: int) -> int:
        """The first point of the layer's grid at `beat` or later."""
        first = self._first_point(layer)
        if beat > first:
            first -= (first - beat) // layer.grid_beats * layer.grid_beats
        return first

    def _make_due(self, slot: Slot, layer: Layer, beat: int) -> None:
        """The slot's next decision: the first point of the layer's grid at `beat` or later, less its cue."""
        clock = self.clock
        cue = layer.cue_frames or 0
        if cue:
            beat = max(beat, clock.first_beat_from(self._start_frame + cue))
        slot.due_beat = first = self._point_from(layer, beat)
        # A stem whose point lies in the section to come does not begin in this one.
        slot.due_frame = _NEVER if cue and first >= self.end_beat else clock.frame(first) - cue

    def _decide(self, frame: int, run: Run, slot: Slot, sliders) -> None:
        """Start the slot's next stem, or leave it to the next point of the grid."""
        layer = run.layer
        busy_until = slot.fading_end if layer.overlaps() else slot.end
        if busy_until > frame:
            self._make_due(slot, layer, slot.due_beat + 1)
        elif slot.swapping:
            if layer.fade_frames and slot.end > frame:
                slot.end = self._stop(slot.voice, slot.end, frame, layer.fade_frames, layer.linear)
            self._place(frame, run, slot)
        elif self._chance(run, frame, sliders):
            self._place(frame, run, slot)
        else:
            self._make_due(slot, layer, slot.due_beat + 1)

    def _chance(self, run: Run, frame: int, sliders) -> bool:
        if run.layer.chance is None:
            return True
        run.draws += 1
        return self.draw(run.layer.lane, run.draws) >> 49 < evaluate(run.layer.chance, sliders.values(frame))

    def _place(self, frame: int, run: Run, slot: Slot) -> None:
        layer = run.layer
        # Where a section follows itself, what is to be swapped at its end fades out on the voice of its successor.
        stem = self._choose(frame, run) if self.voices.is_free(frame) else NONE
        if stem == NONE:
            self._make_due(slot, layer, slot.due_beat + 1)
            return
        self._begin(frame, slot, layer, stem)

    def _begin(self, frame: int, slot: Slot, layer: Layer, stem: int) -> None:
        """Start `stem` in the slot, and say when the slot is due again."""
        late = self._late(frame, slot, layer, stem)
        natural = self._stem_frames[stem] - late
        fade = min(layer.fade_frames, natural >> 1)
        frames = self._span(frame, slot, layer, natural, fade, self._cue_of_next(layer, stem))
        fade_in = fade or self._score.edge_in_frames
        curves = LINEAR_IN | LINEAR_OUT if fade and layer.linear else 0
        if not fade:
            fade_in, curves = self._entry_fade(frame, slot, fade_in)
        fade_out = min(fade or self._score.edge_out_frames, frames >> 1)
        self._sound(frame, slot, layer, stem, frames, min(fade_in, frames >> 1), fade_out, curves).offset = late

    def _entry_fade(self, frame: int, slot: Slot, fade_in: int) -> "tuple[int, int]":
        """Fade in and curves of a stem without a fade of its own: longer than `fade_in` where its section fades in."""
        if not slot.end and frame == self._start_frame and self._entry_fade_frames > fade_in:
            return self._entry_fade_frames, self._entry_curve
        return fade_in, 0

    def _sound(
        self,
        frame: int,
        slot: Slot,
        layer: Layer,
        stem: int,
        frames: int,
        fade_in: int,
        fade_out: int,
        curves: int,
    ) -> Start:
        """The slot's stem sounds for `frames`, on a voice that is free."""
        voice = self.voices.take(frame)
        gain_q15 = min(32767, layer.gain_q15 * self._stem_gains_q15[stem] >> 15)
        if self._final_fade:
            left = self._final_frame - frame
            frames = min(frames, left)
            fade_in = min(fade_in, frames >> 1)
            fade_out = frames - fade_in
            gain_q15 = fade_gain(gain_q15, left, self._final_fade)
        slot.follow(voice, frame, frame + frames)
        self.voices.hold(voice, stem, slot.end, fade_out)
        start = Start(frame, voice, stem, frames, gain_q15, fade_in, fade_out, curves)
        start.shape = layer.shape
        if self.levels is not None:
            self.levels.begin(start, slot.level)
        self.starts.append(start)
        return start

    def _choose(self, frame: int, run: Run) -> int:
        run.draws += 1
        layer = run.layer
        value = self.draw(layer.lane, run.draws)
        stem = self._chooser.choose(layer, self.voices.sounding(frame), value, frame)
        if self._chooser.explain:
            self._tell(self._chooser.last, frame, run)
        return stem

    def _tell(self, choice, frame: int, run: Run) -> None:
        """Say where the latest choice of a run was made."""
        choice.frame = frame
        choice.visit = self.visit
        choice.layer = run.index
        choice.number = run.draws
        self.on_choice(choice)

    def _span(self, frame: int, slot: Slot, layer: Layer, natural: int, fade: int, cue: int) -> int:
        """Frames to play of a stem `natural` frames long; sets when the slot is due again.

        With a fade the next stem comes in while this one goes out, so it ends a fade after a grid point. With a tail
        the next comes in over its last frames. Without either it plays out; the little by which a loop is longer than
        its beats is cut, or it would miss the grid. What a swap brought in between two points would miss it by more,
        and leave silence until the next: unless silence may come by chance there, it ends at a point too.
        """
        clock = self.clock
        tail = min(layer.tail_frames or 0, natural >> 1)
        end = frame + natural
        slack = min(natural >> 7, clock.frames(1) >> 1)
        overlap = fade or tail
        first = self._first_point(layer)
        swapped = layer.chance is None and (slot.due_beat - first) % layer.grid_beats
        if fade or swapped:
            last = clock.last_beat_until(end + slack - overlap + cue)
            last -= (last - first) % layer.grid_beats
            if last > slot.due_beat and last >= first and clock.frame(last) - cue > frame:
                self._make_due(slot, layer, last)
                return min(natural, clock.frame(last) - cue + overlap - frame)
        earliest = clock.first_beat_from((end - overlap if overlap else end - slack) + cue)
        self._make_due(slot, layer, max(earliest, slot.due_beat + 1))
        return natural if overlap else min(natural, clock.frame(slot.due_beat) - cue - frame)
