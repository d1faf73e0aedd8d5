"""The player's edges to the world: storage, audio out, link, clock, keys. Each states its contract in its docstring."""
