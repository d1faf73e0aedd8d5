"""What people write who think in another language, and how it is said in this one."""

import re
from typing import NamedTuple

ROLE_ALIASES = {
    "drum": "beats",
    "drums": "beats",
    "percussion": "tops",
    "hats": "tops",
    "hihat": "tops",
    "shaker": "tops",
    "chords": "harmony",
    "piano": "harmony",
    "guitar": "harmony",
    "synth": "pads",
    "strings": "pads",
    "texture": "fx",
    "textures": "fx",
    "ambience": "fx",
    "lead": "melody",
    "vocal": "vocals",
    "vox": "vocals",
    "voice": "vocals",
    "voices": "vocals",
    "singing": "vocals",
    "sub": "bass",
}
"""Names of instruments and groups, and the role that most often plays them."""
EVENT_ALIASES = {"thumbsup": "like", "thumbs_up": "like", "thumbsdown": "dislike", "thumbs_down": "dislike"}


class Hint(NamedTuple):
    """Where `pattern` stands at the error and one of `expected` (terminals; none: whatever) would fit, `says` helps.

    before   what the line must end with before the error, if anything
    """

    pattern: str
    expected: tuple[str, ...]
    says: str
    before: str = ""


HINTS = (
    Hint(r"[-+\d]|l\d|r\d", ("LEFT",), "a pan names its side: `pan left 30 %`"),
    Hint(r"cent(er|re)\b|mid(dle)?\b", ("LEFT",), "the middle is where nothing is said: leave `pan` out"),
    Hint(r"k(hz)?\b", ("HZ",), "the low-pass is in Hz: 2 kHz is `lowpass 2000 Hz`"),
    Hint(r"balance\b", ("PAN",), "it is a `pan`: `pan left 30 %`"),
    Hint(r"(low-pass|lpf|filter|cut-?off|tone)\b", ("LOWPASS",), "it is a `lowpass`: `lowpass 800 Hz`"),
    Hint(r"(high-?pass|hpf)\b", ("LOWPASS",), "there is no high-pass; `lowpass 800 Hz` makes darker"),
    Hint(r"(stereo|mono)\b", ("WIDTH",), "it is a `width`: 0 % is mono, 100 % as it came"),
    Hint(r"%", ("DB",), "a gain is in dB: half as loud is about -6 dB"),
    Hint(r"%", (), "a share is a number from 0 to 1: 20% is 0.2"),
    Hint(r",\d", (), "a number has a point: 0.3", before=r"\d"),
    Hint(r"\.+\d|to\b|-|…|:", ("__ANON_0", "NUMBER"), "a range is `16..32`, a time `07:00..11:00`", before=r"[\d.] *"),
    Hint(r"\.\d", ("NUMBER",), "a number begins with a digit: 0.3"),
    Hint(r"k(hz)?\b|hz\b", ("TEMPO",), "the sample rate is in Hz, without a unit: 48000"),
    Hint(r"bpm\b", (), "the tempo is in beats a minute, without a unit"),
    Hint(r"\w", ("NOTE",), "a key is such as `D minor`, `F# dorian`, `Bb major` or `8A`"),
    Hint(r"flat\b|sharp\b|m\b|maj|min", ("MAJOR",), "a key is such as `D minor`, `F# dorian`, `Bb major` or `8A`"),
    Hint(r"\d+/", ("METER",), "`meter` stands before it: `meter 3/4`"),
    Hint(r"/", ("STAR",), "there is no division: `* 0.5` is half"),
    Hint(r"=", ("COMPARE",), "`==` compares"),
    Hint(r"=", ("NUMBER",), "the value follows without a sign: `set intensity 0.3`", before=r"set \w+ ?"),
    Hint(r",", ("AND",), "conditions are joined by `and` and `or`", before="pool .*"),
    Hint(r"tags\b|mood\b|genre\b", ("TAG",), 'a tag stands after its word: `tag "dusk"`', before="pool .*"),
    Hint(r":", (), "the weight follows without a sign: `next drift 3, rest 1`", before="next .*"),
    Hint(r"if\b", (), "a condition follows `when`: `next bloom 3 when intensity > 0.4`", before="next .*"),
    Hint("", ("WHEN",), "a condition follows `when`: `next bloom 3 when intensity > 0.4`", before="next .* if "),
    Hint(r"[a-z]", ("COMMA",), "a comma stands between two: `next drift 3, rest 1`", before="next .*"),
    Hint(r"m?s\b|min\b|h\b", ("BARS",), "sections are counted in bars", before="section .*"),
    Hint(r"\w+ +\d", ("NUMBER",), "a name is one word; `_` joins two", before=r"section \w+ +"),
    Hint(",", ("CHANCE", "EXACT", "VIA"), "options follow one another without commas"),
    Hint(r"&", ("AND",), "both is said with `and`"),
    Hint(r"\|", ("OR",), "either is said with `or`"),
    Hint(r"!", (), "`not (a == b)` says that they differ"),
    Hint(r"to\b|=>|=|>|-", ("__ANON_1",), "`->` leads from section to section"),
    Hint(r"-\w", (), "a name is of letters, digits and `_`", before=r"(section|pool|slider|from|next) \w+"),
    Hint(r"\*", ("ANY",), "`any` stands for every section"),
    Hint(
        r"once\b|now\b|next\b", ("BAR",), "`at bar` is the next bar; without `at`, a skip leaves at once", before="at "
    ),
    Hint("=", ("NAME",), "the section follows without a sign: `hit 12 s bloom`", before="hit .*"),
    Hint(r":\d", ("S",), "a length has a unit: `90 s`, `1.5 min`"),
    Hint("/", ("BARS",), "a part of a bar is in beats: `every 2 beats`"),
    Hint(r"sec(ond)?s?\b", ("S",), "seconds are `s`"),
    Hint(r"min(ute)?s\b|minute\b", ("MIN",), "minutes are `min`"),
    Hint(r"h(ou)?rs?\b|hours?\b", ("H",), "hours are `h`"),
    Hint(r"(measure|takt)s?\b", ("BARS",), "a measure is a `bar`"),
    Hint(r"bars?\b|beats?\b", ("NUMBER",), "a length has a number: `1 bar`"),
    Hint(r"\d", ("NAME",), "a curve names its slider: `curve intensity 06:00 0.2, 12:00 0.8`", before="curve +"),
    Hint(r"dB", ("COMMA",), "a curve is of a slider; how loud a day is says `volume 06:00 -18 dB`", before="curve .*"),
    Hint(
        r"[a-z]",
        ("DAY",),
        "the slider stands before the days: `curve intensity sun 09:00 0.1`",
        before="curve +(mon|tue|wed|thu|fri|sat|sun|holiday|daily) +",
    ),
    Hint(r"weekdays?\b", ("DAY",), "weekdays are `mon-fri`"),
    Hint(r"weekends?\b", ("DAY",), "the weekend is `sat, sun`"),
    Hint(r"every ?day\b|all\b", ("DAY",), "every day is `daily`, and may be left out"),
    Hint(r"holidays\b", ("DAY",), "holidays are `holiday`"),
    Hint(r"to\b", ("TIME",), "days are `mon-fri`", before="(mon|tue|wed|thu|fri|sat|sun) +"),
    Hint(r"\d", ("NAME",), "priorities are `low`, `normal`, `high` and `special`", before="priority +"),
    Hint(
        r"(mon|tue|wed|thu|fri|sat|sun|daily|holiday|every)",
        ("EXACT",),
        'days stand before the time: `announce "closing" mon-fri at 21:45`',
    ),
    Hint(r"\d+:\d\d", ("AT",), "`at` stands before the time"),
    Hint(r"[-+\d]", ("EXACT",), "how far is said once for all: `mix duck -12 dB`", before="duck +"),
    Hint(r"(mon|tues|wednes|thurs|fri|satur|sun)day", ("DAY",), "days are `mon`, `tue`, `wed` and so on"),
    Hint(r"\d[\d.]*( ?[ap]m\b)?", ("TIME",), "a time of day is such as 07:00 or 21:45"),
    Hint(r" ?[ap]m\b", (), "times of day run from 00:00 to 23:59"),
    Hint("[“”„'‘’«»`]", ("STRING",), 'text stands in straight double quotes: "closing"'),
    Hint('"', ("NAME",), "roles, pools, sections and sliders stand without quotes"),
    Hint(r"[,;]? *$|,", ("DOT",), "a stem's rules are `stem.plays` and `stem.hours`", before="stem"),
    Hint(r"\d", ("BAR", "BEAT"), "the number comes after: `enter bar 3`", before="enter "),
    Hint(r"\d|x\b|\+", ("STAR",), "a weight is multiplied: `weight * 1.2`", before="weight "),
    Hint(r"up\b|down\b", ("WEIGHT",), "a thumb up is `like`, a thumb down `dislike`", before="on thumbs? "),
    Hint(r"[;:] *(#.*)?$", ("$END",), "a line ends without a sign; `#` begins a comment"),
    Hint(r"keep\b", (), "it is part of the `avoid` line: `avoid stem 2 plays, keep reboot`", before=r"^ *"),
    Hint(r"(tempo|meter|key)\b", (), "it stands in the `clock` line", before=r"^ *"),
    Hint(r"(target|peak|voices|duck)\b", (), "it stands in the `mix` line", before=r"^ *"),
    Hint(r"//|;|--|/\*|%", (), "`#` begins a comment", before=r"^ *"),
    Hint(
        r"(loop|repeat|for|while|if|let|var|def|function|live_loop)\b",
        (),
        "there are no loops and no variables: `every` and `chance` repeat, `next` leads on, sliders vary",
        before=r"^ *",
    ),
)


def hint(line: str, column: int, expected: set[str]) -> str | None:
    """The first hint for what stands at `column` (from 1) of `line`, where the terminals `expected` would fit."""
    rest, before = line[column - 1 :], line[: column - 1]
    for item in HINTS:
        if item.expected and not expected.intersection(item.expected):
            continue
        if re.match(item.pattern, rest, re.IGNORECASE) and re.search(f"(?:{item.before})$", before):
            return item.says
    return None
