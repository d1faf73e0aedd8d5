"""Which minutes of a run a picture shows. Pure."""

import re
from dataclasses import dataclass

from amos.score.day_clock import DAY_SECONDS

MINUTES = 5
MINUTES_MAX = 60
"""At an hour a beat is a tenth of a pixel; beyond, the day's picture shows more."""


class WindowError(ValueError):
    """What was given is no stretch of the run."""


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds from the start of the run."""

    first_s: int
    until_s: float

    def frames(self, rate_hz: int) -> tuple[int, int]:
        """(first, until)."""
        return self.first_s * rate_hz, int(self.until_s * rate_hz)


def window_of(begin: str | None, minutes: float | None, second: int | None, hours: float | None) -> Window | None:
    """The window that `--from` and `--minutes` mean; None without either.

    second  of the day at which the run begins; None: `begin` counts from the start of the run
    hours   that are played, where that is given; None: as long as the window needs

    Raises `WindowError`.
    """
    if begin is None:
        if minutes is not None:
            raise WindowError("minutes: expected --from, which says where they begin, found none")
        return None
    found = re.fullmatch(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?", begin.strip())
    if not found or int(found[1]) > 23:
        raise WindowError(f"from: expected a time such as 12:00 or 12:00:30, found {begin[:40]!r}")
    at = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0)
    if minutes is not None and not 0 < minutes <= MINUTES_MAX:
        raise WindowError(f"minutes: expected more than 0 and at most {MINUTES_MAX}, found {minutes:g}")
    first = at if second is None else (at - second) % DAY_SECONDS
    until = first + (MINUTES if minutes is None else minutes) * 60
    if hours is not None and until > hours * 3600:
        raise WindowError(f"from: expected minutes within the {hours:g} h that are played, found {begin.strip()}")
    return Window(first, until)
