"""Who may come in: a token in a header for programs, a signed cookie for the pages."""

from starlette.requests import Request

from amos_web.attempts import Attempts
from amos_web.errors import TokenError, WebRefusal
from amos_web.sessions import COOKIE, Sessions
from amos_web.tokens import Kept, Tokens

TOKEN_LETTERS_MAX = 128


class Door:
    """Of one venue."""

    def __init__(self, tokens: Tokens, sessions: Sessions):
        self._tokens, self.sessions = tokens, sessions
        self._attempts = Attempts("ask for one: amos courier token --name NAME")

    def check_token(self, request: Request) -> None:
        """Raises `WebRefusal` unless the request has a token of ours in its header `Authorization: Bearer`."""
        kind, _space, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            hint = "send the header Authorization: Bearer TOKEN"
            raise WebRefusal(401, "TokenMissing", "expected a token, found none", hint)
        self.enter(request, token.strip())

    def enter(self, request: Request, token: str) -> Kept:
        """Whose token it is. Raises `WebRefusal` for a wrong one."""
        found = None if len(token) > TOKEN_LETTERS_MAX else self._looked_up(token)
        if found is None:
            raise self._attempts.wrong(request.client.host if request.client else "")
        return found

    def cookie_of(self, request: Request) -> str | None:
        """The cookie of who is signed in; None for who is not."""
        cookie = request.cookies.get(COOKIE)
        sha256 = self.sessions.token_of(cookie)
        try:
            return cookie if sha256 is not None and self._tokens.of_hash(sha256) is not None else None
        except TokenError as error:
            raise WebRefusal(503, "TokensUnreadable", str(error)) from None

    def _looked_up(self, token: str) -> Kept | None:
        try:
            return self._tokens.of(token)
        except TokenError as error:
            raise WebRefusal(503, "TokensUnreadable", str(error)) from None
