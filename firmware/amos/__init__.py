"""What runs on the player: MicroPython on boards, CPython on Linux."""
