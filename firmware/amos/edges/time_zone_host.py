"""`time_zone` on CPython."""

import os
import time

__all__ = ("set_variable", "tzset")


def tzset() -> None:
    time.tzset()


def set_variable(value: "str | None") -> None:
    if value is not None:
        os.environ["TZ"] = value
    else:
        os.environ.pop("TZ", None)
