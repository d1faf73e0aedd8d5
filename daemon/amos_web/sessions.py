"""Who is signed in, in a cookie that we have signed: nothing is kept here, and a token that is taken away ends it.

The cookie is `HASH.MADE.MAC`: the SHA-256 of the token, Unix seconds, and an HMAC over both. The secret of forms (CSRF)
is another HMAC over the same, so each session has its own and only we can make it.
"""

import hashlib
import hmac
import time

from amos_web.limits import SESSION_DAYS

COOKIE = "amos_session"
COOKIE_LETTERS_MAX = 200


class Sessions:
    """`key` has 32 bytes."""

    def __init__(self, key: bytes):
        self._key = key

    def begin(self, token_sha256: str) -> str:
        """The cookie of a session that begins."""
        known = f"{token_sha256}.{int(time.time())}"
        return f"{known}.{self._mac('session', known)}"

    def token_of(self, cookie: str | None) -> str | None:
        """The hash of the token that a session began with; None for a cookie that is none of ours, or is too old."""
        if cookie is None or len(cookie) > COOKIE_LETTERS_MAX or cookie.count(".") != 2 or not cookie.isascii():
            return None
        known, _dot, mac = cookie.rpartition(".")
        token_sha256, _dot, made = known.partition(".")
        if not hmac.compare_digest(mac, self._mac("session", known)):
            return None
        return token_sha256 if time.time() - int(made) <= SESSION_DAYS * 86_400 else None

    def secret_of(self, cookie: str) -> str:
        """What a form of this session has to carry."""
        return self._mac("form", cookie)

    def is_secret(self, cookie: str, given: str) -> bool:
        """Whether a form carries it."""
        return hmac.compare_digest(self.secret_of(cookie).encode(), given.encode("utf-8", "surrogatepass"))

    def _mac(self, what: str, text: str) -> str:
        return hmac.new(self._key, f"{what} {text}".encode(), hashlib.sha256).hexdigest()
