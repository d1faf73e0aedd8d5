"""Sessions decided anew from pack, score, start state and inputs, and compared with what was signed; without audio."""
