"""The operator's desk: what every player is to do, and what it does, through the broker."""
