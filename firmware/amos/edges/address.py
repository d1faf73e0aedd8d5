"""Addresses of ports and outputs, as they stand in a player's settings: `kind:where`."""


class AddressError(ValueError):
    """An address of a kind that this runtime does not have; the message names those it has."""
