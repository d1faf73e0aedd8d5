"""Who may come in, and to which pages: by a one-time link, then by a signed cookie."""

from starlette.requests import Request

from amos_web.attempts import Attempts
from amos_web.errors import TokenError, WebRefusal
from amos_web.people import ADMIN, FLEET, MUSIC, PAYEE, PLAYER, People, Person
from amos_web.sessions import COOKIE, Sessions

CODE_LETTERS_MAX = 128
MAY = {
    "fleet": (PLAYER, MUSIC, FLEET, ADMIN),
    "waiting": (FLEET, ADMIN),
    "rollouts": (FLEET, ADMIN),
    "pairing": (FLEET, ADMIN),
    "played": (MUSIC, FLEET, ADMIN),
    "people": (ADMIN,),
    "payee": (PAYEE,),
    "cases": (FLEET, ADMIN, PAYEE),
}
"""Page -> the roles that may see it."""


def pages_of(person: Person) -> list[str]:
    """Those that this person may see, the first of them at once."""
    return [page for page, roles in MAY.items() if person.role in roles]


class Door:
    """Of one ledger."""

    def __init__(self, people: People, sessions: Sessions):
        self.people, self._sessions = people, sessions
        self._attempts = Attempts("ask for another link: amos pages invite")

    def enter(self, request: Request, code: str) -> tuple[Person, str]:
        """(who came, their cookie). Raises `WebRefusal` for a wrong code."""
        try:
            person = self.people.enter(code) if 0 < len(code) <= CODE_LETTERS_MAX else None
        except TokenError as error:
            raise WebRefusal(503, "PeopleUnreadable", str(error)) from None
        if person is None:
            raise self._attempts.wrong(request.client.host if request.client else "")
        return person, self._sessions.begin(person.sha256)

    def person_of(self, request: Request) -> tuple[Person, str] | None:
        """(who is signed in, their cookie); None for who is not. Raises `WebRefusal`."""
        cookie = request.cookies.get(COOKIE)
        sha256 = self._sessions.token_of(cookie)
        if cookie is None or sha256 is None:
            return None
        try:
            person = self.people.of_session(sha256)
        except TokenError as error:
            raise WebRefusal(503, "PeopleUnreadable", str(error)) from None
        return None if person is None else (person, cookie)

    def secret_of(self, cookie: str) -> str:
        """What a form of this session has to carry."""
        return self._sessions.secret_of(cookie)

    def check_secret(self, cookie: str, given: str) -> None:
        """Raises `WebRefusal` unless a form carries it."""
        if not self._sessions.is_secret(cookie, given):
            raise WebRefusal(403, "FormForeign", "this form is not of this session", "open the page anew and try again")
