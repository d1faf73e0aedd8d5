"""The machine's time zone, which may change while the player runs: the C library reads it once."""

import os

from amos.compat import MICROPYTHON

__all__ = ("read_zone",)

if not MICROPYTHON:
    from amos.edges.time_zone_host import putenv, tzset
else:
    try:
        import ffi

        tzset = ffi.open(None).func("v", "tzset", "")
    except ImportError:
        tzset = None  # boards have no time zone
    putenv = getattr(os, "putenv", None)


def read_zone() -> None:
    """From here on local times are of the zone that the machine has at this moment."""
    if tzset is None:
        return
    name = os.getenv("TZ")
    if name is not None and putenv is not None:
        # The library looks at a file again only when it is told another name in between.
        putenv("TZ", "UTC0")
        tzset()
        putenv("TZ", name)
    tzset()
