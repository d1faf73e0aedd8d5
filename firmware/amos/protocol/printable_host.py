"""Text from outside as a terminal may show it."""


def printable(text: object, letters_max: int = 200) -> str:
    """`text` on one line of at most `letters_max` letters: a letter that a terminal might obey becomes `?`, and three
    dots stand for what is cut off."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in str(text)[: letters_max + 1])
    return shown if len(shown) <= letters_max else shown[: letters_max - 3] + "..."
