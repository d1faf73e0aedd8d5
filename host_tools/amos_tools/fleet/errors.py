"""What the desk refuses."""

from amos_cli.output import Exit


class FleetError(Exception):
    """What is asked for is no directive, or nobody is there to get it."""


class UnreachableError(FleetError):
    """The broker is not there, or does not let the operator in."""

    exit_code = Exit.UNREACHABLE
