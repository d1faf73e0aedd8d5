"""Named errors of what is served."""


class MetricsUnusable(Exception):
    """The metrics cannot be served: a package is missing, the address is none, or is in use."""


class MetricsAddressWrong(MetricsUnusable):
    """What was given as their address is none."""

    exit_code = 2  # a mistake of who called
