"""The machine's time zone, which may change while the player runs: the C library reads it once."""

import os

from amos.compat import MICROPYTHON

__all__ = ("read_zone",)

if not MICROPYTHON:
    from amos.edges.time_zone_host import set_variable, tzset
else:
    try:
        import ffi

        tzset = ffi.open(None).func("v", "tzset", "")
    except ImportError:
        tzset = None  # boards have no time zone

    def set_variable(value: "str | None") -> None:
        if value is not None:
            os.putenv("TZ", value)
        else:
            os.unsetenv("TZ")


def read_zone() -> None:
    """From here on local times are of the zone that the machine has at this moment."""
    if tzset is None:
        return
    # The library looks at a file again only when it is told another name in between, or the file has another date.
    name = os.getenv("TZ")
    set_variable("UTC0")
    tzset()
    set_variable(name)
    tzset()
