"""The server: uvicorn on a thread of its own, so that whoever serves pages goes on whatever happens here."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from amos_web.errors import WebAddressWrong, WebUnusable
from amos_web.limits import CONNECTIONS_MAX

if TYPE_CHECKING:
    from amos_web.guard import App

START_S_MAX = 10
STOP_S_MAX = 5


@contextmanager
def serving(
    host: str, port: int, app: "App", started: Callable[[asyncio.AbstractEventLoop], None], stopping: Callable[[], None]
) -> Iterator[int]:
    """Answer there as long as inside; gives the port, which 0 leaves to the system. `started` is called with the loop
    on its thread before the first request, `stopping` on it before the last. Raises `WebUnusable`."""
    try:
        import uvicorn
    except ImportError:
        raise WebUnusable("web: expected the packages starlette, uvicorn and jinja2; install 'amos[web]'") from None
    listener = _listener(host, port)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        log_config=None,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=1,
    )
    server, loops, ready = uvicorn.Server(config), list[asyncio.AbstractEventLoop](), threading.Event()

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        started(loops[0])
        ready.set()
        await server.serve(sockets=[listener])

    # Only the main thread may take signals, and uvicorn leaves them alone elsewhere.
    thread = threading.Thread(target=lambda: asyncio.run(run()), name="web", daemon=True)
    thread.start()
    if not ready.wait(START_S_MAX):
        raise WebUnusable("web: expected the server to start, found nothing after 10 s")
    try:
        yield listener.getsockname()[1]
    finally:
        loops[0].call_soon_threadsafe(stopping)
        server.should_exit = True
        thread.join(STOP_S_MAX)
        listener.close()


def _listener(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(found[0], socket.SOCK_STREAM)
    except OSError as error:
        raise WebAddressWrong(f"web: expected HOST:PORT of this machine, found {host}:{port}: {error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(found[4])
        listener.listen(128)  # from here on whoever comes waits, and is not refused
    except OSError as error:
        listener.close()
        raise WebUnusable(f"web: expected a free HOST:PORT, found {host}:{port}: {error}") from None
    return listener
