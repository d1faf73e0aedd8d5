"""What of a stick was not taken, by the cause, in words for whoever carries it. Pure."""

from collections.abc import Mapping

PLAYERS, SPACE, BROKEN = "players", "space", "broken"

_WORDS = {
    PLAYERS: "were not taken, since amos carries for too many players already. Bring the stick to another shop, or"
    " again when the ledger has answered about those",
    SPACE: "were not taken, since what is carried for other shops has no more room here. Bring the stick to another"
    " shop, or again when the ledger has answered about what is here",
    BROKEN: "are not what they should be and were passed over. Write the stick anew at its shop",
}


def untaken_words(counts: Mapping[str, int]) -> list[str]:
    """A sentence for each cause."""
    return [f"{counts[cause]} items of it {words}." for cause, words in _WORDS.items() if counts.get(cause)]
