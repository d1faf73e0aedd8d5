"""The pages' server: a process beside the ledger, which reads its store and waits for nobody."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from amos_ledger.folder import Folder
from amos_mqtt.address import AddressError, listening_at
from amos_mqtt.broker import Broker
from amos_tools.fleet.pairing.venue_link import VENUE_PAGE
from amos_tools.pages.looking import Looking
from amos_web.errors import TokenError, WebAddressWrong, WebUnusable
from amos_web.guard import App, Guard
from amos_web.people import People
from amos_web.server import serving
from amos_web.sessions import Sessions
from amos_web.tokens import session_key

WEB_PORT = 8090
ANSWER_S_MAX = 5.0
PEOPLE_NAME = "web-people.json"
KEY_NAME = "web-session.key"


def people_of(folder: Path) -> People:
    """Those of a ledger."""
    return People(folder / PEOPLE_NAME)


class Pages:
    """`port` is where they are."""

    def __init__(self, looking: Looking, loops: list[asyncio.AbstractEventLoop], port: int) -> None:
        self._looking, self._loops, self.port = looking, loops, port

    def alive(self) -> bool:
        """Whether somebody who asks is answered, and the fleet is looked at; waits some seconds for the former."""
        answered = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loops[0])
        with suppress(TimeoutError):
            answered.result(ANSWER_S_MAX)
        return answered.done() and self._looking.turns


@contextmanager
def serving_pages(
    address: str,
    hosts: list[str],
    folder: Folder,
    state: Path,
    broker: Broker | None,
    report: Callable[[str], None],
    desk: Path | None = None,
    venue_page: str = VENUE_PAGE,
) -> Iterator[Pages]:
    """Answer at HOST:PORT as long as inside. `state` is what the ledger's watch keeps, `desk` the folder of the one
    that signs, `venue_page` where venues' people find their page. Raises `WebUnusable`."""
    try:
        host, port = listening_at(address, WEB_PORT)
    except AddressError as error:
        raise WebAddressWrong(f"web: {error}") from None
    try:
        from amos_tools.pages.application import application
        from amos_tools.pages.door import Door
    except ImportError:
        raise WebUnusable(
            "web: expected the packages starlette, uvicorn, jinja2 and segno; install 'amos[web]'"
        ) from None
    try:
        door = Door(people_of(folder.path), Sessions(session_key(folder.path / KEY_NAME)))
    except TokenError as error:
        raise WebUnusable(f"web: {error}") from None
    looking = Looking(folder, state, broker, report, desk)
    app: App = Guard(application(folder, looking, door, report, desk, venue_page), tuple(hosts))
    loops: list[asyncio.AbstractEventLoop] = []
    looking.start()
    try:
        with serving(host, port, app, loops.append, lambda: None) as bound:
            yield Pages(looking, loops, bound)
    finally:
        looking.end()
