"""One row for each thing a script can get wrong: where the error stands, what it says, what it suggests."""

import pytest
from script_samples import EXAMPLE, HEAD, VAULT, stem

from amos_tools.script import ScriptError, compile_script

SECTION = "section a 4 bars\n  play pads from warm\n"

# (lines after HEAD, line, column, part of the message, suggestion)
ROWS = [
    ("sektion a 4 bars", 4, 1, "no statement begins with `sektion`", "section"),
    ("section a 4 bar\n  pley pads from warm", 5, 3, "no statement begins with `pley`", "play"),
    ("section a 4 bars\n  play pads fron warm", 5, 13, "`fron` does not fit here", "from"),
    ("section a 4 bars\n  play pads from warm gain -3 db", 5, 31, "`db` does not fit here", "dB"),
    ("section a 4 bars\n  play pads from", 5, 17, "the line ends too early", None),
    ("section a 4 bars\n  play pads from warm chance (calm", 5, 35, "the line ends too early", None),
    ('experience "cafe', 4, 12, "no closing quote", None),
    ("section a 4 bars §", 4, 18, "`§` does not fit here", None),
    ("section a 4 bars\x07", 4, 17, "U+0007 does not fit here", None),
    ("x" * 1001, 4, 1001, "at most 1000 characters", None),
    ("section a 4 bars\n  play pads from worm", 5, 18, "`worm` is not a pool", "warm"),
    ("section a 4 bars\n  play pad from warm", 5, 8, "`pad` is not a role", "pads"),
    ("section a 4 bars\n  play bass from warm", 5, 18, "pool `warm` has no bass", None),
    ("section a 4 bars\n  play pads from warm chance clam", 5, 30, "`clam` is not a slider", "calm"),
    ("section drift 4 bars\n  next drifd", 5, 8, "`drifd` is not a section", "drift"),
    ("section a 4 bars\n  next a, a", 5, 11, "stands twice", None),
    ("section a 4 bars\n  next a 0", 5, 3, "all weights are 0", None),
    ("section a 4 bars\n  next a -1", 5, 11, "a weight is not negative", None),
    ("section a 4 bars\n  next a\n  next a", 6, 3, "`next` stands here again; it was on line 5", None),
    ("section a 4 bars\nsection a 4 bars", 5, 9, "section `a` is declared again; it was on line 4", None),
    ("pool warm = stems where role pads\n" + SECTION, 4, 6, "pool `warm` is declared again", None),
    ("slider calm 0..1 start 0\n" + SECTION, 4, 8, "slider `calm` is declared again", None),
    ("section bars 4 bars", 4, 9, "`bars` is a word of the language", None),
    ("play pads from warm\n" + SECTION, 4, 1, "`play` stands outside a section", None),
    ("section a 0 bars", 4, 11, "a section's length is a whole number from 1 to 4096", None),
    ("section a 2.5 bars", 4, 11, "a section's length is a whole number", None),
    ("section a 8..4 bars", 4, 11, "the bars run backwards", None),
    ("section a 4 bars\n  play pads from warm count 3..2", 5, 29, "the count runs backwards", None),
    ("section a 4 bars\n  play pads from warm count 33", 5, 29, "a count is a whole number", None),
    ("section a 4 bars\n  play pads from warm count 5", 5, 18, "has 4 pads, this section plays 5 at once", None),
    ("section a 4 bars\n  play pads from warm count 2 count 2", 5, 31, "`count` stands twice", None),
    ("section a 4 bars\n  play pads from warm every 0 bars", 5, 29, "`every` is a whole number", None),
    ("section a 4 bars\n  play pads from warm enter bar 5", 5, 33, "an entry is a whole number from 1 to 4", None),
    ("section a 4 bars\n  play pads from warm gain 13 dB", 5, 28, "a gain is from -96 to +12 dB", None),
    ("section a 4 bars\n  play pads from warm fade 1 h", 5, 28, "a fade lasts at most 380 s", None),
    ("section a 4 bars\n  play pads from warm chance 1.5", 5, 30, "a chance is from 0 to 1", None),
    ("section a 4 bars\n  play pads from warm chance 2000", 5, 30, "at most 1000", None),
    ("section a 4 bars\n  play pads from warm chance " + "calm + " * 30 + "1", 5, 30, "too long for the player", None),
    ("pool b = stems where role pad\n" + SECTION, 4, 27, "`pad` is not a role", "pads"),
    ('pool b = stems where artist "Ilse Marin"\n' + SECTION, 4, 29, "no stem with opt-in is by", "Ilse Maren"),
    ("slider q 1..0 start 0\n" + SECTION, 4, 13, "a slider runs from less to more", None),
    ("slider q 0..2000 start 0\n" + SECTION, 4, 13, "a slider runs within", None),
    ("slider q 0..1 start -0.1\n" + SECTION, 4, 21, "starts outside its range", None),
    ("mix voices 0\n" + SECTION, 4, 12, "the number of voices is a whole number from 1 to 32", None),
    ("mix target 3 LUFS\n" + SECTION, 4, 12, "a loudness target is from -40 to -10", None),
    ("mix peak 1 dBTP\n" + SECTION, 4, 10, "a peak is from -20 to 0", None),
    ("mix voices 8\nmix voices 9\n" + SECTION, 5, 1, "`mix` stands here again", None),
    ("mix voices 1\nsection a 4 bars\n  play pads from warm fade 1 beats", 4, 12, "`a` may need 2 voices", None),
    ("transition a -> b\n" + SECTION, 4, 17, "`b` is not a section", None),
    ("transition any -> a\ntransition any -> a\n" + SECTION, 5, 1, "the same transition is declared again", None),
    ("transition any -> any fade 5 bars\n" + SECTION, 4, 23, "outlasts section `a`, which may end after 4 bars", None),
    ('experience ""\n' + SECTION, 4, 12, "a name has 1 to 64 bytes", None),
    ('experience "a" seed 7.5\n' + SECTION, 4, 21, "a seed is a whole number", None),
    ('experience "a" seed 18446744073709551616\n' + SECTION, 4, 21, "a seed is a whole number from 0", None),
    ("transition any -> any via b\n" + SECTION, 4, 27, "`b` is not a section", None),
    ("transition any -> any at bars\n" + SECTION, 4, 26, "`bars` does not fit here", "bar"),
    ("slider q 0..1 start 0 scope sektion\n" + SECTION, 4, 29, "`sektion` is not a scope", "section"),
    ("slider q 0..1 start 0 slew 9 h\n" + SECTION, 4, 28, "a slew lasts at most", None),
    ("mix duck 3 dB\n" + SECTION, 4, 10, "a gain is from -96 to 0 dB", None),
    ("mix duck -3 dB 4 bars\n" + SECTION, 4, 16, "a ramp is in s or ms", None),
    ("mix duck -3 dB 11 s\n" + SECTION, 4, 16, "a ramp lasts at most 10 s", None),
    ("section a 4 bars\n  play pads from warm cue 1 h", 5, 27, "a cue lasts at most", None),
    ("section a 4 bars\n  play pads from warm tail 1 s fade 1 s", 5, 23, "a fade or a tail, not both", None),
    ("avoid stem 65 plays\n" + SECTION, 4, 12, "a number of plays is a whole number from 1 to 64", None),
    ("avoid stem 80 h\n" + SECTION, 4, 12, "a stem is avoided for 1 s to 72 h", None),
    ("avoid artist 2 h\n" + SECTION, 4, 14, "an artist is avoided by plays", None),
    ("avoid stem 2 plays, stem 3 h\n" + SECTION, 4, 21, "`stem` stands twice", None),
    ("avoid stem 2 plays 3 plays\n" + SECTION, 4, 20, "plays for `stem` stands twice", None),
    ("avoid keep rebot\n" + SECTION, 4, 12, "what is kept is kept over a", "reboot"),
    ("relax artist, artist\n" + SECTION, 4, 15, "`artist` stands twice", None),
    ("relax stem.hour\n" + SECTION, 4, 12, "`hour` does not fit here", "hours"),
    ('block artist "Ilse Marin"\n' + SECTION, 4, 14, "no stem with opt-in is by", "Ilse Maren"),
    ('block stem "pads 9"\n' + SECTION, 4, 12, "no stem with opt-in is titled", "pads 3"),
    ("daypart mon-fri 07:60..11:00 set calm 0\n" + SECTION, 4, 17, "not a time of day", None),
    ("daypart 07:00..24:01 set calm 0\n" + SECTION, 4, 16, "not a time of day", None),
    ("daypart 07:00..07:00 set calm 0\n" + SECTION, 4, 16, "ends when it begins", None),
    ("daypart mon-daily 07:00..08:00 set calm 0\n" + SECTION, 4, 9, "a range runs from one weekday", None),
    ("daypart 07:00..08:00 set clam 0\n" + SECTION, 4, 26, "`clam` is not a slider", "calm"),
    ("daypart 07:00..08:00 set calm 2\n" + SECTION, 4, 31, "`calm` has no such value", None),
    ("daypart 07:00..08:00 priority hi set calm 1\n" + SECTION, 4, 31, "`hi` is not a priority", "high"),
    ("daypart mno-fri 07:00..08:00 set calm 1\n" + SECTION, 4, 9, "`mno` does not fit here", None),
    ('announce "x" at 25:00 duck\n' + SECTION, 4, 17, "not a time of day", None),
    ('announce "x" at 10:00, 9:60 duck\n' + SECTION, 4, 24, "not a time of day", None),
    ('announce "x" at 10:00, 10:00 duck\n' + SECTION, 4, 17, "this time stands twice", None),
    ('announce "x" every 5 min duck\n' + SECTION, 4, 20, "made every 10 min or more, in whole minutes", None),
    ('announce "x" every 2 bars duck\n' + SECTION, 4, 20, "made every 10 min or more, in whole minutes", None),
    ('announce "x" every 1 h from 18:00 to 9:00 duck\n' + SECTION, 4, 29, "the times run backwards", None),
    ('announce "x" mon duck\n' + SECTION, 4, 14, "days without a time", None),
    ('announce "x" duck\nannounce "x" duck\n' + SECTION, 5, 10, "announcement “x” is declared again", None),
    ('announce "" duck\n' + SECTION, 4, 10, "a name has 1 to 64 bytes", None),
    ("on lik weight * 2\n" + SECTION, 4, 4, "`lik` is not something that happens", "like"),
    ("on like weight * 0\n" + SECTION, 4, 18, "a weight is multiplied by something over 0", None),
    ("on like weight * 2\non like weight * 3\n" + SECTION, 5, 1, "`on like` stands here again", None),
    ("on like swap at noon\n" + SECTION, 4, 17, "`noon` does not fit here", None),
    ('render "x" length 30 s hit 5 s b\n' + SECTION, 4, 32, "`b` is not a section", None),
    ('render "x" length 30 s hit 29 s a\n' + SECTION, 4, 28, "falls into the fade at the end", None),
    ('render "x" length 30 s hit 9 s a hit 8 s a\n' + SECTION, 4, 38, "hits come in order of time", None),
    ('render "x" length 100 ms\n' + SECTION, 4, 19, "a render lasts at least", None),
    ('render "x" length 9 s fade 9 s\n' + SECTION, 4, 23, "the fade is as long as the piece", None),
    ('render "x" length 48 h\n' + SECTION, 4, 19, "a render lasts at most", None),
]


def refused(source: str | bytes) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        compile_script(source, VAULT, name="cafe.aimi")
    return caught.value


@pytest.mark.parametrize(("lines", "line", "column", "message", "suggestion"), ROWS)
def test_error(lines: str, line: int, column: int, message: str, suggestion: str | None) -> None:
    error = refused(HEAD + lines)
    assert (error.line, error.column) == (line, column), error.render()
    assert message in error.message
    assert error.suggestion == suggestion
    assert len(error.problems) == 1, error.render()


# (whole script, line, column, part of the message)
WHOLE = [
    ("", 1, 1, "the script has no clock"),
    ("clock 44100 tempo 84", 1, 1, "the script has no section"),
    ("clock 44100 tempo 84\nsection a 1 bars", 2, 9, "the script plays nothing"),
    ("clock 44000 tempo 84\nsection a 1 bars", 1, 7, "not a sample rate"),
    ("clock 44100 tempo 10\nsection a 1 bars", 1, 19, "a tempo is from 20 to 400"),
    ("clock 44100 tempo 84.0001\nsection a 1 bars", 1, 19, "a tempo is from 20 to 400, in thousandths at most"),
    ("clock 44100 tempo 84 meter 0/4\nsection a 1 bars", 1, 28, "beats in a bar"),
    ("clock 44100 tempo 84 meter 4/3\nsection a 1 bars", 1, 30, "not a note value"),
    ("clock 44100 tempo 84 key H minor\nsection a 1 bars", 1, 26, "`H` does not fit here"),
    ("clock 44100 tempo 84\npool p = stems where key fits\nsection a 1 bars", 2, 22, "the clock names no key"),
    ("clock 44100 tempo 200\npool p = stems where tempo fits\nsection a 1 bars", 2, 22, None),
    (b"clock 44100\nsection \xff", 2, 9, "not"),
    (b"#" * (256 * 1024 + 1), 1, 1, "at most 256 KiB"),
    ("\udc80", 1, 1, "not"),
]


@pytest.mark.parametrize(("source", "line", "column", "message"), WHOLE)
def test_error_of_a_whole_script(source: str | bytes, line: int, column: int, message: str | None) -> None:
    error = refused(source)
    assert (error.line, error.column) == (line, column), error.render()
    assert (message or "is empty") in error.message


def test_errors_are_printed_with_caret_expectation_and_suggestion() -> None:
    source = EXAMPLE.replace("0.6 * intensity", "0.6 * intensty").replace("section rest", "sction rest")
    assert refused(source).render() == (
        "error: `intensty` is not a slider of this script\n"
        "  --> cafe.aimi:13:54\n"
        "   |\n"
        "13 |   play bass from low every 8 bars chance 0.2 + 0.6 * intensty\n"
        "   |                                                      ^^^^^^^^\n"
        "   = expected `intensity`\n"
        "   = did you mean `intensity`?\n"
        "\n"
        "error: no statement begins with `sction`\n"
        "  --> cafe.aimi:21:1\n"
        "   |\n"
        "21 | sction rest 4..8 bars\n"
        "   | ^^^^^^\n"
        "   = expected `experience`, `clock`, `pool`, `slider`, `avoid`, `relax`, `block`, `mix`, `section`, `play`, "
        "`next`, `transition` or …\n"
        "   = did you mean `section`?\n"
        "\n"
        "2 errors"
    )


def test_one_broken_line_does_not_make_its_names_unknown() -> None:
    source = HEAD + "pool low = stems were role bass\nsection a 4 bars\n  play bass from low\n  next a\n"
    assert [problem.message for problem in refused(source).problems] == ["`were` does not fit here"]


def test_an_empty_pool_tells_where_its_stems_were_lost() -> None:
    vault = [stem("pads", 1), stem("pads", 2, key="B major"), stem("pads", 3, opt_in=False), stem("bass", 1)]
    source = (
        "clock 44100 tempo 100 key B major\npool p = stems where role pads and key fits and tempo fits\n"
        + "section a 1 bars"
    )
    with pytest.raises(ScriptError) as caught:
        compile_script(source, vault)
    note = caught.value.problems[0].notes[0]
    assert note == "the vault has 3 stems with opt-in, 2 of them are pads, 1 of them fit B major, 0 of them fit 100 bpm"


def test_a_run_stops_after_twenty_errors() -> None:
    assert len(refused("nonsense\n" * 5000).problems) == 20


def test_a_long_line_shows_the_part_around_the_caret() -> None:
    error = refused(HEAD + "section a 4 bars" + " " * 500 + "§" + " " * 300)
    shown = error.render().splitlines()
    assert max(len(line) for line in shown) < 140
    assert shown[3][shown[4].index("^")] == "§"
    assert len(shown[4]) <= len(shown[3])


def test_carets_end_where_the_shown_part_of_a_long_line_ends() -> None:
    error = refused(HEAD + "section a 4 bars\n  play pads from warm chance 1" + " + 1" * 30 + " " * 90 + "# so much\n")
    shown = error.render().splitlines()
    assert shown[4].endswith("^^^^") and len(shown[4]) <= len(shown[3])
