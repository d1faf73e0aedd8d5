"""Named errors of what is served to people and programs."""

from typing import Any


class WebUnusable(Exception):
    """The pages cannot be served: a package is missing, or the address is in use."""


class WebAddressWrong(WebUnusable):
    """What was given as their address is none."""

    exit_code = 2  # a mistake of who called


class TokenError(Exception):
    """A token cannot be made, kept or taken away."""


class WebRefusal(Exception):
    """A request that is refused: the answer's status, a name for programs, a sentence for people, what to do."""

    def __init__(self, status: int, name: str, sentence: str, hint: str | None = None):
        super().__init__(sentence)
        self.status = status
        self.name = name
        self.sentence = sentence
        self.hint = hint

    def as_json(self) -> dict[str, Any]:
        """As every command says it with `--json`."""
        return {"refusal": {"name": self.name, "sentence": self.sentence, "hint": self.hint}}
