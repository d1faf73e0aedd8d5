"""All that a player lists, as tests ask for it; a courier asks page by page."""

from amos.protocol.link_courier_segment import list_page

TYPE_CHECKING = False
if TYPE_CHECKING:  # MicroPython has none of these, and fuzzes with this
    from collections.abc import Generator

    from amos.protocol.link import Entry, Response
    from amos.protocol.link_courier import CourierLink, Ticket
    from amos.protocol.link_courier_talk import Pause


def list_all(link: "CourierLink", first: int) -> "Generator[Ticket | Pause, Response | None, list[Entry]]":
    """Every sealed segment from sequence `first` on."""
    entries: list = []
    while page := (yield from list_page(link, first)):
        entries.extend(page)
        first = page[-1].sequence + 1
    return entries
