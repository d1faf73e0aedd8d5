"""Short names of stems: no two of one length alike, and recognisable. Pure."""

from collections.abc import Sequence

NAME_LETTERS_MAX = 24
"""Of a stem where it has all the room."""


class Names:
    """The names of a table of stems by their titles."""

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = titles
        self._of_length: dict[int, list[str]] = {}

    def within(self, stem: int, letters: int) -> str:
        """The stem's name in at most so many letters (four are the least), unlike that of any other stem.

        The middle of a title is left out first, since titles of one hand begin alike and end in what tells them
        apart. What is alike even so has a number, and is longer where the number leaves it no letter.
        """
        letters = max(4, min(letters, NAME_LETTERS_MAX))
        if letters not in self._of_length:
            self._of_length[letters] = _short_names(self._titles, letters)
        return self._of_length[letters][stem]


def _short_names(titles: Sequence[str], letters: int) -> list[str]:
    names = [_shortened(title, letters) for title in titles]
    alike: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        alike.setdefault(name, []).append(index)
    taken = {name for name, indexes in alike.items() if len(indexes) == 1}
    for indexes in alike.values():
        number = 0
        for index in indexes if len(indexes) > 1 else ():
            while True:
                number += 1
                mark = f"#{number}"
                numbered = _shortened(titles[index], max(1, letters - len(mark))) + mark
                if numbered not in taken:
                    break
            taken.add(numbered)
            names[index] = numbered
    return names


def _shortened(title: str, letters: int) -> str:
    if len(title) <= letters:
        return title
    if letters < 4:
        return title[:letters]
    tail = (letters - 1) // 2
    return f"{title[: letters - tail - 1].rstrip()}…{title[-tail:].lstrip()}"
