"""Looking into a player's journal without changing it."""
