"""What goes wrong with an embedded player."""


class PlayerError(Exception):
    """A setting, a file or an input that is refused, or a player that does not run; the message says what to do."""
