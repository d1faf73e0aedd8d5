"""A job that waits for storage, on a thread of its own, so that rendering does not (contract in `blob_folder`)."""

import threading
from collections.abc import Callable


def start(job: Callable[[], None]) -> Callable[[], bool]:
    """Begin `job`. The returned function says whether it is over, and raises the OSError that it ended with."""
    failures: list[OSError] = []

    def run() -> None:
        try:
            job()
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def over() -> bool:
        if thread.is_alive():
            return False
        if failures:
            raise failures[0]
        return True

    return over
