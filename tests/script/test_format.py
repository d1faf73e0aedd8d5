"""The canonical form: one way to write it, comments kept, and the score unchanged."""

from importlib import resources

import pytest
from script_samples import EXAMPLE, HEAD, VAULT

from amos_tools.script import ScriptError, compile_script
from amos_tools.script.format import format_script

EXAMPLES = sorted(
    (
        file
        for file in resources.files("amos_tools.script").joinpath("examples").iterdir()
        if file.name.endswith(".aimi")
    ),
    key=lambda file: file.name,
)

UNTIDY = """\
\ufeffexperience   "a  b"   # why
clock 44100 tempo 084.50 meter 4 / 4 key F# minor

# about the pool


pool   p=stems where   role pads
slider q -1.0..+1 start -0.50 slew 1 bars
# about the section
section a 4..8bars
\tplay pads from p gain-3dB fade 1 bars chance -q*( 0.5+q ) - -1   # loud
   # inside
  play pads from p every 1beats enter bar 1
      next a 1,  b 2 when  q>0
# about b
section b 1 bar
play pads from p
next a
daypart sat  ,  sun 7:00 .. 09:30 set q -1
render "x" length 030 s hit 1.50 s b"""

TIDY = """\
experience "a  b"  # why
clock 44100 tempo 84.5 meter 4/4 key F# minor

# about the pool

pool p = stems where role pads
slider q -1..+1 start -0.5 slew 1 bar

# about the section
section a 4..8 bars
  play pads from p gain -3 dB fade 1 bar chance -q * (0.5 + q) - -1  # loud
  # inside
  play pads from p every 1 beat enter bar 1
  next a 1, b 2 when q > 0

# about b
section b 1 bar
  play pads from p
  next a

daypart sat, sun 07:00..09:30 set q -1
render "x" length 30 s hit 1.5 s b
"""


def test_the_canonical_form() -> None:
    assert format_script(UNTIDY) == TIDY
    assert format_script(TIDY) == TIDY


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.name)
def test_the_examples_are_in_canonical_form(example: resources.abc.Traversable) -> None:
    assert format_script(example.read_text(encoding="utf-8")) == example.read_text(encoding="utf-8")


@pytest.mark.parametrize("source", [EXAMPLE, EXAMPLE.replace("\n", "  # so\r\n").replace("  ", "\t "), UNTIDY])
def test_the_score_stays_as_it_was(source: str) -> None:
    source = source.replace("F# minor", "D minor")
    assert compile_script(format_script(source), VAULT).score == compile_script(source, VAULT).score


@pytest.mark.parametrize("source", ["", "\n\n", "# only\n", "   \n# a\n\n\n# b\n"])
def test_next_to_nothing_stays_next_to_nothing(source: str) -> None:
    text = format_script(source)
    assert format_script(text) == text and text.strip() == "\n".join(line for line in text.splitlines()).strip()


def test_what_does_not_parse_is_refused_where_it_stands() -> None:
    with pytest.raises(ScriptError) as caught:
        format_script(HEAD + "sektion a 4 bars")
    assert (caught.value.line, caught.value.suggestion) == (4, "section")


def test_a_comment_stays_in_its_section_over_a_blank_line() -> None:
    source = "section a 4 bars\n  play pads from warm\n\n  # Then\n\n  # on.\n  next a\n\n# Apart\n\nrelax key\n"
    assert format_script(source) == source
