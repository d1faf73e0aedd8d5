"""The settings of a script: its name, clock, mix and sliders."""

from dataclasses import dataclass
from fractions import Fraction

from amos.score.score import RATES_HZ, SLEW_FRAMES_MAX, SLIDERS_MAX, TEMPO_MBPM_MAX, TEMPO_MBPM_MIN, VOICES_MAX, Slider
from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.expressions import CONSTANT_MAX
from amos_tools.script.problems import FIRST, Problems, Span
from amos_tools.script.program import Program, options_once
from amos_tools.script.units import Q15, ClockFacts, gain_q15, length_frames, thousandths, whole

EXPERIENCE_BYTES_MAX = 64
SCOPES = ("section", "session")
DUCK_RAMP_MS = 300
DUCK_RAMP_SECONDS_MAX = 10


@dataclass(frozen=True, slots=True)
class MixFacts:
    """What the mix line says, or its defaults; `voices_span` is where it says how many voices."""

    target_mlufs: int = -23_000
    peak_mdb: int = -1_000
    voices: int = 8
    voices_span: Span | None = None
    duck_gain_q15: int = 8231  # -12 dB
    duck_ramp_frames: int = 0


def experience(program: Program, problems: Problems) -> tuple[str, int | None]:
    """The name of the experience, and its seed if that is fixed."""
    statement = program.experience
    if statement is None:
        return "untitled", None
    name = statement.name.value
    if not name.strip() or not name.isprintable() or len(name.encode()) > EXPERIENCE_BYTES_MAX:
        problems.error(statement.name.span, f"a name has 1 to {EXPERIENCE_BYTES_MAX} bytes of printable text")
    if statement.seed is None or statement.seed.value == "device":
        # The seed derives from device, pack and session, so that a venue cannot choose what it hears.
        return name, None
    return name, whole(number_of(statement.seed), "a seed", 0, (1 << 64) - 1, problems)


def number_of(text: tree.Text) -> tree.Number:
    """A number that the grammar took as text."""
    return tree.Number(Fraction(text.value), text.span)


def clock(program: Program, problems: Problems) -> ClockFacts | None:
    """The clock in integers, or None with an error noted."""
    statement = program.clock
    if statement is None:
        if not program.broken_lines:
            example = "`clock 44100 tempo 84 meter 4/4`"
            problems.error(FIRST, "the script has no clock", expected=[f"a line such as {example}"])
        return None
    rate = statement.rate.value
    if rate not in RATES_HZ:
        rates = [str(known) for known in RATES_HZ]
        problems.error(statement.rate.span, "this is not a sample rate the player has", expected=rates)
    tempo = thousandths(statement.tempo, "a tempo", TEMPO_MBPM_MIN // 1000, TEMPO_MBPM_MAX // 1000, problems)
    beats: int | None = 4
    beat_unit = 4
    if statement.meter is not None:
        beats = whole(statement.meter[0], "beats in a bar", 1, 32, problems)
        unit = statement.meter[1]
        if unit.value not in (1, 2, 4, 8, 16):
            problems.error(unit.span, "this is not a note value", expected=["1", "2", "4", "8", "16"])
        beat_unit = int(unit.value)
    if rate not in RATES_HZ or tempo is None or beats is None:
        return None
    return ClockFacts(int(rate), tempo, beats, statement.key.value if statement.key else None, beat_unit)


def mix(program: Program, rate_hz: int, problems: Problems) -> MixFacts:
    """The mix; a value with an error noted is replaced by its default."""
    default = MixFacts(duck_ramp_frames=rate_hz * DUCK_RAMP_MS // 1000)
    if program.mix is None:
        return default
    options = options_once(program.mix.options, problems)
    target, peak, voices, span = default.target_mlufs, default.peak_mdb, default.voices, default.voices_span
    if (option := options.get("target")) and option.number:
        target = thousandths(option.number, "a loudness target", -40, -10, problems) or target
    if (option := options.get("peak")) and option.number:
        found = thousandths(option.number, "a peak", -20, 0, problems)
        peak = peak if found is None else found
    if (option := options.get("voices")) and option.number:
        voices = whole(option.number, "the number of voices", 1, VOICES_MAX, problems) or voices
        span = option.number.span
    duck_gain: int | None = default.duck_gain_q15
    ramp: int | None = default.duck_ramp_frames
    if (option := options.get("duck")) and option.number:
        duck_gain = gain_q15(option.number, problems)
        if option.length is not None:
            ramp = _ramp_frames(option.length, rate_hz, problems)
    if duck_gain is None or ramp is None:
        duck_gain, ramp = default.duck_gain_q15, default.duck_ramp_frames
    return MixFacts(target, peak, voices, span, duck_gain, ramp)


def _ramp_frames(length: tree.Number, rate_hz: int, problems: Problems) -> int | None:
    if length.unit not in ("S", "MS"):
        problems.error(length.span, "a ramp is in s or ms", expected=["such as 300 ms"])
        return None
    frames = int(length.value * rate_hz / (1000 if length.unit == "MS" else 1))
    if frames > DUCK_RAMP_SECONDS_MAX * rate_hz:
        limit = f"at most {DUCK_RAMP_SECONDS_MAX} s"
        problems.error(length.span, f"a ramp lasts {limit}", expected=[limit])
        return None
    return frames


def sliders(program: Program, clock: ClockFacts, problems: Problems) -> list[Slider]:
    """The sliders of the score, in the order of their indexes."""
    found: list[Slider] = []
    for name, statement in program.sliders.items():
        options = options_once(statement.options, problems)
        section_scope = _section_scope(options.get("scope"), problems)
        slew = options.get("slew")
        slew_frames = 0
        if slew is not None and slew.number is not None:
            slew_frames = length_frames(slew.number, "a slew", SLEW_FRAMES_MAX, clock, problems) or 0
        lo, hi, start = statement.lo, statement.hi, statement.start
        if not _slider_is_sound(lo, hi, start, problems):
            continue
        position = (start.value - lo.value) / (hi.value - lo.value)
        found.append(
            Slider(
                name=name,
                lo_q15=_q15(lo.value),
                hi_q15=_q15(hi.value),
                start_q15=_q15(position),
                section_scope=section_scope or None,
                slew_frames=slew_frames or None,
            )
        )
    if len(found) > SLIDERS_MAX:
        span = list(program.sliders.values())[SLIDERS_MAX].span
        problems.error(span, f"a script has at most {SLIDERS_MAX} sliders")
    return found


def _section_scope(option: tree.Option | None, problems: Problems) -> bool:
    if option is None or option.word is None:
        return False
    word = option.word
    if word.value not in SCOPES:
        problems.error(
            word.span,
            f"`{word.value}` is not a scope",
            expected=[f"`{scope}`" for scope in SCOPES],
            suggestion=nearest(word.value, SCOPES),
        )
    return word.value == "section"


def _slider_is_sound(lo: tree.Number, hi: tree.Number, start: tree.Number, problems: Problems) -> bool:
    for number in (lo, hi):
        if abs(number.value) > CONSTANT_MAX:
            problems.error(number.span, f"a slider runs within -{CONSTANT_MAX} .. {CONSTANT_MAX}")
            return False
    if _q15(lo.value) >= _q15(hi.value):
        problems.error(hi.span, "a slider runs from less to more", expected=[f"more than {float(lo.value):g}"])
        return False
    if not lo.value <= start.value <= hi.value:
        limits = f"{float(lo.value):g} to {float(hi.value):g}"
        problems.error(start.span, "the slider starts outside its range", expected=[limits])
        return False
    return True


def _q15(value: Fraction) -> int:
    return round(value * Q15)
