"""Named errors of what is served."""


class MetricsUnusable(Exception):
    """The metrics cannot be served: a package is missing, the address is none, or is in use."""
