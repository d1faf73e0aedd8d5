"""`time_zone` on CPython."""

import os
import time

__all__ = ("putenv", "tzset")


def tzset() -> None:
    time.tzset()


def putenv(name: str, value: str) -> None:
    os.environ[name] = value
