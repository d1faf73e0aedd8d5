"""Why there is nothing to audit."""


class AuditError(Exception):
    """The published log does not hold what is asked for. The message is one line for a person."""
