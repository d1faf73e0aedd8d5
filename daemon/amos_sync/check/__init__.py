"""Whether a venue's courier can do its work, part by part, in sentences: `amos courier check`."""
