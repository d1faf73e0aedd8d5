"""Text from outside cannot make a terminal do anything."""

from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.printable_host import printable


@given(st.text(), st.integers(3, 300))
def test_any_text_is_one_printable_line_of_at_most_so_many_letters(text: str, letters_max: int) -> None:
    shown = printable(text, letters_max)
    assert shown.isprintable() and len(shown) <= letters_max
    assert len(shown) == min(len(text), letters_max)


def test_what_is_cut_off_is_seen() -> None:
    assert printable("a\x1b[2J\nb", 80) == "a?[2J?b"
    assert printable("x" * 81, 80) == "x" * 77 + "..."
    assert printable(OSError("no\ttab")) == "no?tab"
