"""The machine's time zone, which may change while the player runs: the C library reads it once."""

import os

from amos.compat import MICROPYTHON

__all__ = ("read_zone",)

if not MICROPYTHON:
    from time import tzset

    _putenv = os.environ.__setitem__
else:
    try:
        import ffi

        tzset = ffi.open(None).func("v", "tzset", "")
        _putenv = getattr(os, "putenv", None)
    except ImportError:
        tzset = _putenv = None  # boards have no time zone


def read_zone() -> None:
    """From here on local times are of the zone that the machine has at this moment."""
    if tzset is None:
        return
    name = os.getenv("TZ")
    if name is not None and _putenv is not None:
        # The library looks at a file again only when it is told another name in between.
        _putenv("TZ", "UTC0")
        tzset()
        _putenv("TZ", name)
    tzset()
