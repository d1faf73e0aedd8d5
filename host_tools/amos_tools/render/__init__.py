"""A pack rendered to a file of exact length that says what it is made of, and the check of such a file."""
