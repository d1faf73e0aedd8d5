"""Sentences as they go over the link: of an error, and of the status."""

SENTENCE_BYTES_MAX = 160


def sentence(error) -> str:
    """What an error or a text says, in printable ASCII only: so many letters are so many bytes, whatever it quotes."""
    text = str(error)[:SENTENCE_BYTES_MAX]
    return "".join([letter if " " <= letter <= "~" else "?" for letter in text]) or "refused"
