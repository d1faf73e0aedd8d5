"""What runs on the player: MicroPython on boards, CPython on Linux."""

__version__ = "0.1.0"
