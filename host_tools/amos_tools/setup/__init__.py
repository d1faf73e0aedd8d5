"""A venue's machine from a few answers: one file for its courier and its players (`amos setup`)."""
