"""A call to somebody far away that may take so long and no longer, whatever comes over its line."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Done = TypeVar("Done")


def within(seconds: float, call: Callable[[], Done]) -> Done:
    """What `call` gives or raises; `TimeoutError` when that takes longer. The timeout of a socket is for each byte.

    The call has a thread of its own, which ends whenever it does: one that is given up holds nobody's end up.
    """
    done: Future[Done] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="deadline", daemon=True).start()
    return done.result(seconds)
