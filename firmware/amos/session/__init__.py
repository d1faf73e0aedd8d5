"""One session of play, from its start state to its last sealed segment: performance, output, usage log."""
