"""`amos demo`: the way of a stem on this machine, with the real parts as real processes."""
