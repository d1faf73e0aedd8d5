"""A player in another Python program: EMBEDDING.md shows how."""

from amos_player.errors import PlayerError
from amos_player.facts import Event, Now, Stem
from amos_player.player import Player

__all__ = ("Event", "Now", "Player", "PlayerError", "Stem")
