"""A web server of a few lines that answers, byte by byte, what a test says."""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType


class Request:
    """One request; its `headers` by their names in lower case."""

    def __init__(self, line: socket.socket, head: str) -> None:
        self._line = line
        first, *rest = head.split("\r\n")
        self.path = first.split(" ")[1]
        self.headers = {name.lower(): value.strip() for name, _colon, value in (row.partition(":") for row in rest)}

    def answer(self, status: str, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        """An answer, with another length than the body's if told; a negative one: none."""
        length = len(body) if length is None else length
        rows = [f"HTTP/1.1 {status}", "Connection: close"]
        rows += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        rows += [f"Content-Length: {length}"] if length >= 0 else []
        self.send("\r\n".join(rows).encode() + b"\r\n\r\n" + body)

    def send(self, data: bytes) -> None:
        self._line.sendall(data)


class MisbehavingWeb:
    """`script` is run for each request, on a thread of its own; the line is closed when it returns."""

    def __init__(self, script: Callable[[Request], None]) -> None:
        self.script = script
        self.requests: list[Request] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "MisbehavingWeb":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                more = line.recv(65_536)
                if not more:
                    return
                head += more
            request = Request(line, head.split(b"\r\n\r\n")[0].decode())
            self.requests.append(request)
            self.script(request)
