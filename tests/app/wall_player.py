"""`wall_player.py DIRECTORY [name=value ...]`: the player, whose wall clock is set by the file `DIRECTORY/wall`.

It has a Unix second, from which the clock runs on, and may be written again at any time.
"""

import sys
import time

from amos.edges import clock


class Wall:
    """What of the module `time` the player's clock uses."""

    localtime = staticmethod(time.localtime)

    def __init__(self, path):
        self._path = path
        self._told = ""
        self._ahead_ns = 0

    def time_ns(self):
        with open(self._path) as file:
            told = file.read()
        if told != self._told:
            self._told, self._ahead_ns = told, int(told) * 1_000_000_000 - time.time_ns()
        return time.time_ns() + self._ahead_ns


clock.time = Wall(sys.argv[1] + "/wall")

from amos.__main__ import main  # noqa: E402 (its clock is made by then)

sys.exit(main(sys.argv[1:]))
