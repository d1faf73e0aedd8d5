"""A pack goes to rings of players, one after the other, and stops by itself when players do not bear it."""
