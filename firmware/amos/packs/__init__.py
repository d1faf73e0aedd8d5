"""The packs of a player: which one plays, which one is on its way, and where both are stored."""
