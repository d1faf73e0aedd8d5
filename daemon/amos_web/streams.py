"""Server-sent events to many readers, of whom a slow one is dropped and keeps nobody waiting."""

import asyncio
from collections.abc import Callable
from typing import Any

from amos_web.errors import WebRefusal
from amos_web.guard import Receive, Scope, Send
from amos_web.limits import BEAT_S, EVENTS_WAITING_MAX, SEND_S_MAX, STREAMS_MAX

BEAT = b"event: beat\ndata: {}\n\n"


def event(name: str, data: str) -> bytes:
    """One event; `data` has no line breaks, as JSON has none."""
    return f"event: {name}\ndata: {data}\n\n".encode()


class Streams:
    """All on one event loop, of which everything here is called."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[bytes | None]]] = {}

    def __len__(self) -> int:
        return sum(len(queues) for queues in self._queues.values())

    def kinds(self) -> list[str]:
        """Of which somebody reads."""
        return [kind for kind, queues in self._queues.items() if queues]

    def tell(self, kind: str, data: bytes) -> None:
        """To each reader of that kind; one that has not read the last few is dropped."""
        for queue in list(self._queues.get(kind, ())):
            if queue.qsize() >= EVENTS_WAITING_MAX:
                self._queues[kind].discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(data)

    def close(self) -> None:
        """Everybody is sent away."""
        for queues in self._queues.values():
            for queue in queues:
                queue.put_nowait(None)

    async def serve(self, kind: str, first: Callable[[], bytes], scope: Scope, receive: Receive, send: Send) -> None:
        """One reader: `first()`, then what is told, with a beat where nothing is. Raises `WebRefusal`."""
        if len(self) >= STREAMS_MAX:
            raise WebRefusal(503, "TooManyStreams", f"expected at most {STREAMS_MAX} readers, found as many; try later")
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._queues.setdefault(kind, set()).add(queue)
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            data: bytes | None = first()
            while data is not None and not gone.done():
                await asyncio.wait_for(
                    send({"type": "http.response.body", "body": data, "more_body": True}), SEND_S_MAX
                )
                data = await self._next(queue, gone)
            await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), SEND_S_MAX)
        except (TimeoutError, OSError):
            pass  # it does not read
        finally:
            gone.cancel()
            self._queues[kind].discard(queue)

    async def _next(self, queue: "asyncio.Queue[bytes | None]", gone: "asyncio.Future[None]") -> bytes | None:
        waiting = asyncio.ensure_future(queue.get())
        either: set[asyncio.Future[Any]] = {waiting, gone}
        done, _rest = await asyncio.wait(either, timeout=BEAT_S, return_when=asyncio.FIRST_COMPLETED)
        if waiting in done:
            return waiting.result()
        waiting.cancel()
        return None if gone in done else BEAT


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
