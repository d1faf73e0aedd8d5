"""Players that are new at a venue, paired by codes: drawn at the desk, given at the venue, answered by the desk."""
