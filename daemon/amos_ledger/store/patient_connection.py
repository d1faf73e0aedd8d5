"""A connection to PostgreSQL that ends when the server says nothing for too long.

A server that is stopped, or a proxy that forwards nothing, keeps its connections open: the kernels' own limits
(keep-alives, `tcp_user_timeout`) see nothing wrong, and the server's limits on statements are not there to count.
"""

import select
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

Done = TypeVar("Done")

_READ, _WRITE = 1, 2
"""What psycopg's generators ask for, and are told, as bits."""


class PatientConnection(psycopg.Connection[Any]):
    """`answers_s`: as long as it waits for the server's next word; without end where that is None."""

    answers_s: float | None = None

    def wait(self, gen: Generator[Any, Any, Done], *arguments: Any, **options: Any) -> Done:
        """Go on with `gen`, which asks when the connection is readable or writable. Raises `OperationalError`, and is
        closed then."""
        if self.answers_s is None:
            return super().wait(gen, *arguments, **options)
        poll = select.poll()
        try:
            wanted = next(gen)
            while True:
                gen_ready = self._ready(poll, wanted, time.monotonic() + self.answers_s)
                wanted = gen.send(gen_ready)
        except StopIteration as end:
            done: Done = end.value
            return done

    def _ready(self, poll: "select.poll", wanted: int, until_s: float) -> int:
        poll.register(
            self.fileno(), (select.POLLIN if wanted & _READ else 0) | (select.POLLOUT if wanted & _WRITE else 0)
        )
        found = poll.poll(max(0, int((until_s - time.monotonic()) * 1000)))
        if not found:
            self.close()
            raise psycopg.OperationalError(f"the server said nothing for {self.answers_s:g} s")
        ((_descriptor, events),) = found
        if not events & (select.POLLIN | select.POLLOUT):
            return wanted  # it is broken, which libpq finds when it reads
        return (_READ if events & select.POLLIN else 0) | (_WRITE if events & select.POLLOUT else 0)
