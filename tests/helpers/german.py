"""What a page says in the language of the page, without what is marked as another's."""

import re
from html.parser import HTMLParser

_LENGTH = re.compile(r"\b(?:second|minute|hour|day|week|month|year)s?\b|\bago\b")
_VOID = {"br", "hr", "img", "input", "link", "meta", "path", "rect", "line"}


class _Text(HTMLParser):
    """`said` is in `language`: texts, and names for who does not see."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self._language = language
        self._open: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        language = own.get("lang") or (self._open[-1][1] if self._open else None)
        if language == self._language:
            self.said += filter(None, (own.get("aria-label"), own.get("title"), own.get("placeholder")))
        if tag not in _VOID:
            self._open.append((tag, language))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][1] == self._language and data.strip():
            self.said.append(" ".join(data.split()))


def texts_of(page: str, language: str) -> list[str]:
    """Those of the page in that language."""
    parser = _Text(language)
    parser.feed(page)
    return parser.said


def english_lengths(page: str) -> list[str]:
    """Texts of a German page that tell a length of time in English."""
    texts = texts_of(page, "de")
    assert texts, page
    return [text for text in texts if _LENGTH.search(text)]
