"""Runs first on a board, also after a soft reset: the link's USB channel has to be there before the host looks."""

from amos.edges.usb_link import enable
from amos.edges.watchdog import keep

enable()
keep()
