"""Runs first on a board: the link's own USB channel has to be there before the host looks."""

from amos.edges.usb_link import enable

enable()
