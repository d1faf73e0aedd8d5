"""A player that starts anew in its own place."""

from amos.compat import MICROPYTHON


def start_anew() -> None:
    """Does not return, but where a MicroPython has nothing to reset: whoever keeps that process running starts it
    again. Raises OSError where the interpreter is gone."""
    if MICROPYTHON:
        import machine

        reset = getattr(machine, "reset", None)
        if reset is not None:
            reset()
    else:
        from amos.edges.restart_host import start_anew as exec_anew

        exec_anew()
