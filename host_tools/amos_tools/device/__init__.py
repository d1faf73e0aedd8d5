"""Players as an operator handles them: prepare, run, enrol, ask."""
