"""The venue's server beside a courier: `serving` it, and the desk at which the loop works."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amos.edges.private_host import make_private_folders
from amos_mqtt.address import AddressError, listening_at
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.venue.desk import Desk
from amos_web.errors import TokenError, WebAddressWrong, WebUnusable
from amos_web.guard import App, Guard
from amos_web.nearby import checked, found_nearby
from amos_web.server import serving
from amos_web.sessions import Sessions
from amos_web.tokens import Tokens, session_key

WEB_PORT = 8080
TOKENS_NAME = "web-tokens.json"
KEY_NAME = "web-session.key"


def tokens_of(spool: Path) -> Tokens:
    """Those of a courier's venue."""
    return Tokens(spool / TOKENS_NAME)


class Venue:
    """`work` once after each turn of the courier's loop. `port` is where the pages are."""

    def __init__(self, desk: Desk, port: int):
        self._desk = desk
        self.port = port

    def work(self, courier: Courier) -> None:
        """Never waits."""
        self._desk.work(courier)


@contextmanager
def serving_venue(
    address: str | None, hosts: list[str], settings: Settings, name: str | None = None
) -> Iterator[Venue | None]:
    """Answer at HOST:PORT as long as inside, found as NAME.local if there is a `name`; None: nobody asks. Raises
    `WebUnusable`."""
    if address is None:
        if name is not None:
            raise WebAddressWrong("web-name: expected it with --web, which serves the page; found none")
        yield None
        return
    try:
        host, port = listening_at(address, WEB_PORT)
    except AddressError as error:
        raise WebAddressWrong(f"web: {error}") from None
    try:
        from amos_sync.venue.application import application
        from amos_sync.venue.room import Room
    except ImportError:
        raise WebUnusable("web: expected the packages starlette, uvicorn and jinja2; install 'amos[web]'") from None
    try:
        make_private_folders(settings.spool)
        tokens, sessions = tokens_of(settings.spool), Sessions(session_key(settings.spool / KEY_NAME))
    except (OSError, TokenError) as error:
        raise WebUnusable(f"web: {error}") from None
    desk = Desk(settings.spool)
    room = Room(desk, settings.publisher_key)
    desk.tell(room.told)
    names = (*hosts, *([] if name is None else [f"{checked(name)}.local"]))
    app: App = Guard(application(room, tokens, sessions), names)
    with (
        serving(host, port, app, room.begin, room.end) as bound,
        found_nearby(name, f"amos {settings.site}", host, bound),
    ):
        yield Venue(desk, bound)
