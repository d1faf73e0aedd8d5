"""Addresses of ports and outputs, as they stand in a player's settings: `kind:where`."""


class AddressError(ValueError):
    """An address of a kind that this runtime does not have; the message names those it has."""


class LinkTaken(OSError):
    """Another player has the link's address, or something that is no link."""
