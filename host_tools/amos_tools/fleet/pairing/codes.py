"""Codes that pair players, and what the desk says to one that is given. Decisions only: time is passed in.

A code is for one site and one player. Ten wrong ones lock a site for an hour; two hundred end the codes that it has, so
that each is guessed with a probability of 200 in a million at most, however long it would be good.
"""

from dataclasses import dataclass, field, replace

from amos.protocol.pairing_host import EXPIRED, LOCKED, PAIRED, USED, WRONG
from amos_tools.fleet.errors import FleetError

DAYS = 7
DAYS_MAX = 30
DAY_S = 86_400
WRONG_MAX = 10
"""Whoever mistypes what they hear on the telephone does so twice or three times."""

LOCK_S = 3600
TRIES_MAX = 200
KEPT_S = 30 * DAY_S
"""After its end, so that a late one is called expired or used, not wrong."""

CODES_MAX = 1000
SITES_MAX = 5000
"""Of which wrong codes are counted. Who makes sites up at a broker without access rules has others forgotten."""

OPEN, TAKEN, PAST, ENDED, WAITING = STATES = ("open", "used", "expired", "ended", "waiting")
"""A code that waits is a player's, whose enrolment no ledger has receipted yet."""

PAIRING = (OPEN, WAITING)
"""Those that pair somebody."""


@dataclass(frozen=True)
class Code:
    """`ticket` is the order that drew it, `who` gave that. `name` is what the player is to be called, empty: the first
    free one. `device_id`: the player that took it, in hex; `called`: its name, once it is enrolled. `tries`: wrong
    codes at its site since it was drawn. `ended_by`: who took it back; empty: nobody."""

    code: str
    site: str
    name: str
    tier: int
    ticket: str
    who: str
    made_unix_s: int
    until_unix_s: int
    device_id: str = ""
    called: str = ""
    tries: int = 0
    ended_by: str = ""

    def state(self, now_s: float) -> str:
        """One of `STATES`."""
        if self.called:
            return TAKEN
        if now_s >= self.until_unix_s:
            return PAST
        if self.ended_by:
            return ENDED
        if self.device_id:
            return WAITING
        return ENDED if self.tries >= TRIES_MAX else OPEN


@dataclass(frozen=True)
class Wrong:
    """Of a site: wrong codes since the last lock, and until when it is locked (0: it never was)."""

    count: int = 0
    until_unix_s: int = 0


@dataclass
class Codes:
    """All that are kept, in the order in which they were drawn."""

    codes: list[Code] = field(default_factory=list)
    wrong: dict[str, Wrong] = field(default_factory=dict)

    def add(self, code: Code, now_s: int) -> None:
        """Another one; the site's lock ends. Raises `FleetError` where there are too many."""
        self.codes = [kept for kept in self.codes if now_s < kept.until_unix_s + KEPT_S]
        if len(self.codes) >= CODES_MAX:
            raise FleetError(f"codes: expected fewer than {CODES_MAX} of the last {KEPT_S // DAY_S} days")
        self.codes.append(code)
        self.wrong.pop(code.site, None)

    def of_ticket(self, ticket: str) -> Code | None:
        """What that order drew."""
        return next((code for code in self.codes if code.ticket == ticket), None)

    def end(self, ticket: str, site: str, who: str, now_s: int) -> Code:
        """What it was before: it pairs nobody from here on; one that was taken back stays so. Raises `FleetError` where
        there is nothing to take back."""
        code = self.of_ticket(ticket)
        if code is None or code.site != site:
            raise FleetError(f"there is no such code for {site}")
        state = code.state(now_s)
        if state not in PAIRING and not code.ended_by:
            raise FleetError(f"code {code.code} is {state}: there is nothing to take back")
        self.put(replace(code, ended_by=code.ended_by or who))
        return code

    def locked_until(self, site: str, now_s: float) -> int | None:
        """Until when no code is taken there; None: one is."""
        until = self.wrong.get(site, Wrong()).until_unix_s
        return until if now_s < until else None

    def judge(self, site: str, given: str, device_id: str, now_s: int) -> tuple[int, Code | None]:
        """The verdict on a code that this player gave there, and the code that pairs it. A wrong one is counted."""
        if self.locked_until(site, now_s) is not None:
            return LOCKED, None
        found = next((code for code in self.codes if (code.site, code.code) == (site, given)), None)
        if found is None:
            return self._count(site, now_s), None
        state = found.state(now_s)
        if state in (TAKEN, WAITING) and found.device_id != device_id:
            return USED, None
        if state in (PAST, ENDED):
            return EXPIRED, None
        return PAIRED, found

    def put(self, code: Code) -> None:
        """In the place of what was kept of it. Once it has paired somebody, its site's count begins anew."""
        self.codes = [code if kept.ticket == code.ticket else kept for kept in self.codes]
        if code.called:
            self.wrong.pop(code.site, None)

    def _count(self, site: str, now_s: int) -> int:
        self.codes = [
            replace(code, tries=code.tries + 1) if code.site == site and code.state(now_s) == OPEN else code
            for code in self.codes
        ]
        before = self.wrong.pop(site, Wrong())
        while len(self.wrong) >= SITES_MAX:
            del self.wrong[next(iter(self.wrong))]
        if before.count + 1 < WRONG_MAX:
            self.wrong[site] = Wrong(before.count + 1, before.until_unix_s)
            return WRONG
        self.wrong[site] = Wrong(0, now_s + LOCK_S)
        return LOCKED
