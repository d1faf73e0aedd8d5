"""Ctrl-C for a player in a process of its own."""

import signal
import subprocess


def interrupt(process: "subprocess.Popen[bytes]") -> bytes:
    """Interrupt it until it ends, and what it said. MicroPython loses one that comes in a callback, as a board does."""
    for _ in range(11):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=10)[0]
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    raise AssertionError("the player did not end")
