"""Runs after boot.py on a board: mount the card and play. `/board.json` comes from `amos device prepare --board`."""

import json

from amos.__main__ import main
from amos.edges.sd_card import mount

with open("/board.json") as _file:
    _board = json.load(_file)
mount(_board["card"], _board["spi"])
main([_board["player"]])
