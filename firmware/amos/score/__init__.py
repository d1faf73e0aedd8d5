"""What decides which stem sounds when: the score and the virtual machine that runs it. Pure (SCORE.md)."""
