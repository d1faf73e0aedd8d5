"""Sentences as they go over the link: of an error, and of the status."""

from amos.compat import const

_SENTENCE_BYTES_MAX = const(160)


def sentence(error) -> str:
    """What an error or a text says, in printable ASCII only: so many letters are so many bytes, whatever it quotes."""
    text = str(error)[:_SENTENCE_BYTES_MAX]
    return "".join([letter if " " <= letter <= "~" else "?" for letter in text]) or "refused"
