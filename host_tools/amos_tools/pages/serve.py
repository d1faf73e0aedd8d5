"""The pages' server: a process beside the ledger, which reads its store and waits for nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from amos_ledger.folder import Folder
from amos_mqtt.address import AddressError, host_and_port
from amos_mqtt.broker import Broker
from amos_tools.pages.looking import Looking
from amos_web.errors import TokenError, WebAddressWrong, WebUnusable
from amos_web.guard import App, Guard
from amos_web.people import People
from amos_web.server import serving
from amos_web.sessions import Sessions
from amos_web.tokens import session_key

WEB_PORT = 8090
PEOPLE_NAME = "web-people.json"
KEY_NAME = "web-session.key"


def people_of(folder: Path) -> People:
    """Those of a ledger."""
    return People(folder / PEOPLE_NAME)


@contextmanager
def serving_pages(
    address: str, hosts: list[str], folder: Folder, state: Path, broker: Broker | None, report: Callable[[str], None]
) -> Iterator[int]:
    """Answer at HOST:PORT as long as inside; gives the port. `state` is what the ledger's watch keeps. Raises
    `WebUnusable`."""
    try:
        host, port = host_and_port(address, WEB_PORT) if not address.endswith(":0") else (address[:-2], 0)
    except AddressError as error:
        raise WebAddressWrong(f"web: {error}") from None
    try:
        from amos_tools.pages.application import application
        from amos_tools.pages.door import Door
    except ImportError:
        raise WebUnusable("web: expected the packages starlette, uvicorn and jinja2; install 'amos[web]'") from None
    try:
        door = Door(people_of(folder.path), Sessions(session_key(folder.path / KEY_NAME)))
    except TokenError as error:
        raise WebUnusable(f"web: {error}") from None
    looking = Looking(folder, state, broker, report)
    app: App = Guard(application(folder, looking, door, report), tuple(hosts))
    looking.start()
    try:
        with serving(host, port, app, lambda _loop: None, lambda: None) as bound:
            yield bound
    finally:
        looking.end()
