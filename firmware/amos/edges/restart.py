"""A board that starts anew."""


def start_anew() -> None:
    """Does not return on a board. Where there is nothing to reset it does: whoever keeps the process running starts it
    again."""
    import machine

    if hasattr(machine, "reset"):
        machine.reset()
