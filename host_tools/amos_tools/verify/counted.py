"""How many of what, in words."""


def counted(count: int, noun: str) -> str:
    """`1 pack`, `2 packs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
