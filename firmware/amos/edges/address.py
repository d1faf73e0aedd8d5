"""Addresses of ports and outputs, as they stand in a player's settings: `kind:where`."""


class AddressError(ValueError):
    """An address of a kind that this runtime does not have; the message names those it has."""


class LinkTaken(OSError):
    """Another player listens at the link's address, or a file that is no link stands there."""
