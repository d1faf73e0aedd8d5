"""`zone_player.py DIRECTORY [name=value ...]`: the player, which asks for the machine's time zone at each block."""

import sys

from amos.edges import clock

clock.ZONE_MS = 0

from amos.__main__ import main  # noqa: E402 (a player asks every ten seconds)

sys.exit(main(sys.argv[1:]))
