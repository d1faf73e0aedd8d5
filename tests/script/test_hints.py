"""What a musician who comes from elsewhere would write, and the sentence that helps. Also: only what fits is named."""

import pytest
from script_samples import EXAMPLE, VAULT

from amos_tools.script import ScriptError, compile_script
from amos_tools.script.hints import HINTS

# (what stands in the example, or None for the end; what is written instead; part of the help)
MISTAKES = [
    ("gain -3 dB", "pan -30 %", "a pan names its side"),
    ("gain -3 dB", "pan L30", "a pan names its side"),
    ("gain -3 dB", "pan center", "leave `pan` out"),
    ("gain -3 dB", "lowpass 2 kHz", "2 kHz is `lowpass 2000 Hz`"),
    ("gain -3 dB", "balance left 30 %", "it is a `pan`"),
    ("gain -3 dB", "filter 800 Hz", "it is a `lowpass`"),
    ("gain -3 dB", "highpass 800 Hz", "no high-pass"),
    ("gain -3 dB", "mono", "0 % is mono"),
    ("gain -3 dB", "gain 50%", "half as loud is about -6 dB"),
    ("chance intensity", "chance 20%", "20% is 0.2"),
    ("start 0.3", "start 0,3", "a number has a point"),
    ("start 0.3", "start .3", "begins with a digit"),
    ("clock 48000", "clock 48 kHz", "in Hz, without a unit"),
    ("clock 48000", "clock 48k", "in Hz, without a unit"),
    ("tempo 84", "tempo 84 bpm", "beats a minute, without a unit"),
    ("key D minor", "key dm", "such as `D minor`"),
    ("key D minor", "key d minor", "such as `D minor`"),
    ("key D minor", "key B flat major", "`Bb major`"),
    ("meter 4/4", "4/4", "`meter` stands before it"),
    ("0.6 * intensity", "intensity / 2", "no division"),
    ("intensity > 0.4", "intensity = 0.4", "`==` compares"),
    ("intensity > 0.4", "intensity > 0.4 && intensity < 0.9", "said with `and`"),
    ("intensity > 0.4", "intensity > 0.4 || intensity < 0.9", "said with `or`"),
    ("intensity > 0.4", "intensity != 0.4", "`not (a == b)`"),
    ("any -> any", "any to any", "`->` leads"),
    ("any -> any", "any => any", "`->` leads"),
    ("16..32 bars", "16-32 bars", "a range is `16..32`"),
    ("16..32 bars", "16...32 bars", "a range is `16..32`"),
    ("0..1 start", "0 to 1 start", "a range is `16..32`"),
    ("16..32 bars", "30 s", "counted in bars"),
    ("section drift", "section drift-in", "letters, digits and `_`"),
    ("fade 2 bars", "fade 2 seconds", "seconds are `s`"),
    ("fade 2 bars", "fade 2 minutes", "minutes are `min`"),
    ("6 h,", "6 hours,", "hours are `h`"),
    ("fade 2 bars", "fade 2 measures", "a measure is a `bar`"),
    ("every 8 bars", "every bar", "a length has a number"),
    ("enter bar fade", "enter 3 bars fade", "`enter bar 3`"),
    ("drift 3, rest 1", "drift 3 rest 1", "a comma stands between"),
    ("drift 3, rest 1", "drift: 3, rest: 1", "without a sign: `next drift 3"),
    ("pads and key", "pads, key", "joined by `and`"),
    ("play pads from", 'play "pads" from', "without quotes"),
    ("stem.hours,", "stem,", "`stem.plays` and `stem.hours`"),
    ("16..32 bars", "16..32 bars:", "a line ends without a sign"),
    (None, "daypart weekdays 07:00..11:00 set intensity 0.2", "weekdays are `mon-fri`"),
    (None, "daypart weekend 07:00..11:00 set intensity 0.2", "the weekend is `sat, sun`"),
    (None, "daypart everyday 07:00..11:00 set intensity 0.2", "every day is `daily`"),
    (None, "daypart Monday 07:00..11:00 set intensity 0.2", "days are `mon`"),
    (None, "daypart mon-fri 7..11 set intensity 0.2", "such as 07:00"),
    (None, "daypart mon-fri 07:00-11:00 set intensity 0.2", "a time `07:00..11:00`"),
    (None, "daypart mon-fri 07:00..11:00 set intensity = 0.2", "without a sign: `set"),
    (None, "curve 06:00 0.2", "a curve names its slider"),
    (None, "curve intensity 06:00 -18 dB", "how loud a day is says `volume"),
    (None, "curve sun intensity 06:00 0.2", "the slider stands before the days"),
    (None, 'announce "closing" at 9:45pm duck', "from 00:00 to 23:59"),
    (None, "announce “closing” at 21:45", "straight double quotes"),
    (None, "announce 'closing' at 21:45", "straight double quotes"),
    (None, "on like weight 1.2", "a weight is multiplied"),
    (None, "// comment", "`#` begins a comment"),
    (None, "loop 4 times", "no loops"),
    (None, "on thumbsup weight * 1.2", "did you mean `like`?"),
    ("role beats", "role drums", "did you mean `beats`?"),
    ("enter bar fade 2 bars", "enter bar, fade 2 bars", "without commas"),
    ("bloom 3 when intensity", "bloom 3 if intensity", "a condition follows `when`"),
    ("rest 1", "rest if intensity > 0.2", "a condition follows `when`"),
    ("every 8 bars", "every 1/2 bar", "in beats: `every 2 beats`"),
    ("role pads and key", "mood warm and key", 'tag "dusk"'),
    ("-> any at bar", "-> any at once", "without `at`"),
    ("any -> any", "* -> *", "`any` stands for every section"),
    ("section drift", "section slow drift", "a name is one word"),
    ("clock 48000 tempo 84", "tempo 84", "in the `clock` line"),
    (None, "keep reboot", "`avoid` line"),
    (None, "voices 8", "in the `mix` line"),
    (None, 'announce "x" 21:45 duck', "`at` stands before the time"),
    (None, 'announce "x" at 21:45 mon-fri duck', "days stand before the time"),
    (None, 'announce "x" at 21:45 every day', "days stand before the time"),
    (None, 'announce "x" at 21:45 duck -12 dB', "`mix duck -12 dB`"),
    (None, "daypart mon to fri 07:00..11:00 set intensity 0.2", "days are `mon-fri`"),
    (None, "daypart holidays 07:00..11:00 set intensity 0.2", "holidays are `holiday`"),
    (None, "daypart 07:00..11:00 priority 5 set intensity 0.2", "`low`, `normal`, `high`"),
    (None, "on thumbs up weight * 1.2", "a thumb up is `like`"),
    ("length 30 s", "length 0:30", "a length has a unit"),
    ("hit 12 s bloom", "hit 12 s=bloom", "without a sign: `hit 12 s bloom`"),
    (None, 'render "x" length 30 s fade 1 s hit 42 s bloom', "expected at most 28.9"),
]


def refused(found: str | None, written: str) -> ScriptError:
    assert found is None or found in EXAMPLE
    source = f"{EXAMPLE}\n{written}\n" if found is None else EXAMPLE.replace(found, written, 1)
    with pytest.raises(ScriptError) as caught:
        compile_script(source, VAULT)
    return caught.value


@pytest.mark.parametrize(("found", "written", "help_"), MISTAKES, ids=[written for _, written, _ in MISTAKES])
def test_a_mistake_is_met_with_help(found: str | None, written: str, help_: str) -> None:
    assert help_ in refused(found, written).problems[0].render()


def test_every_hint_is_tried() -> None:
    told = "\n".join(refused(found, written).render() for found, written, _ in MISTAKES)
    assert [item.says for item in HINTS if item.says not in told] == []


def test_only_what_fits_is_named() -> None:
    """The lexer tries more words than fit where states of the parser are merged."""
    assert "`dB`" in refused("gain -3 dB", "gain -3 %").expected
    assert refused(None, 'announce "x" gain -3 %').expected == ("`dB`",)
    assert refused("gain -3 dB", "gain -3 dB;").expected[:3] == ("the end of the line", "`chance`", "`count`")
