"""A conversation over the link, written from top to bottom: generators that yield what they wait for.

    link = CourierLink(first_id)
    talk = Conversation(identify(link, nonce))
    while not talk.done:
        write(link.outgoing(now_ms))
        link.feed(read(), now_ms)      # any pieces, none at all included
        link.tick(now_ms)
        talk.advance(now_ms)           # raises what the generator raises
    identity = talk.result

Such generators are `link_courier_call` (one question), `link_courier_segment` (list and read), `link_courier_offer`
(hand over) and `link_courier_pack` (send a pack); a longer one is made of them with `yield from`.
"""

from amos.protocol.errors import ProtocolError
from amos.protocol.link import BAD_FRAME, OK, Response
from amos.protocol.link_courier import TRIES_MAX, Ticket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

CODES = (
    "ok",
    "bad frame",
    "bad request",
    "unknown verb",
    "unknown sequence",
    "bad offer",
    "out of order",
    "not now",
    "busy",
    "storage full",
    "storage failed",
    "not begun",
    "not listed",
    "wrong hash",
    "bad manifest",
    "wrong board",
    "old serial",
    "incomplete",
    "bad score",
)
"""A name for each code of an answer, which a board does not need."""


class LinkError(ProtocolError):
    """The player's answers are not what the request needs."""


class LinkLost(LinkError):
    """No answer to a request after `TRIES_MAX` sendings."""


class RequestRefused(LinkError):
    """The player answered with a code other than ok: `code` (see `CODES`), and its own `sentence`."""

    def __init__(self, verb: int, code: int, text: "str | None"):
        name = CODES[code] if code < len(CODES) else "code %d" % code
        super().__init__("verb %d: expected ok, found %s%s" % (verb, name, ": " + text if text else ""))
        self.code = code
        self.sentence = text or name


class TransferError(LinkError):
    """A whole object did not come through as the player itself had announced it."""


class Pause:
    """Yielded by a generator to wait `wait_ms`, or until `wake` is called."""

    def __init__(self, wait_ms: int):
        self.wait_ms = wait_ms
        self.until_ms = 0
        self._woken = False

    def start(self, now_ms: int) -> None:
        """Count from now."""
        self.until_ms = now_ms + self.wait_ms

    def wake(self) -> None:
        """End the wait at the next `advance`."""
        self._woken = True

    def ready(self, now_ms: int) -> bool:
        """Whether the wait is over."""
        return self._woken or now_ms >= self.until_ms


class Conversation:
    """Runs a generator that yields `Ticket` and `Pause`. `result` is what it returned, once `done`."""

    def __init__(self, steps: "Generator[Ticket | Pause, Response | None, object]"):
        self._steps = steps
        self._awaited: Ticket | Pause | None = None
        self.done = False
        self.result: object = None

    @property
    def awaited(self) -> "Ticket | Pause | None":
        """What it waits for at this moment."""
        return self._awaited

    def advance(self, now_ms: int) -> None:
        """Go on as far as the answers reach. Raises what the generator raises; it is over then."""
        while not self.done and (self._awaited is None or self._awaited.ready(now_ms)):
            try:
                self._awaited = self._step()
                self._awaited.start(now_ms)
            except StopIteration as stop:
                self.done, self.result = True, stop.value
            except BaseException:
                self.done = True
                raise

    def _step(self) -> "Ticket | Pause":
        awaited = self._awaited
        if awaited is None or isinstance(awaited, Pause):
            return next(self._steps)
        if awaited.lost:
            return self._steps.throw(
                LinkLost("verb %d: expected an answer, found none in %d tries" % (awaited.verb, TRIES_MAX))
            )
        return self._steps.send(awaited.response)


def checked(verb: int, response: "Response | None") -> Response:
    """The answer, if it is ok. Raises `RequestRefused`."""
    if response is None or response.code != OK:
        raise RequestRefused(verb, response.code if response else BAD_FRAME, response.text if response else None)
    return response


def need(verb: int, response: Response, names: "tuple[str, ...]") -> None:
    """Check that an ok answer carries these fields. Raises `TransferError`."""
    for name in names:
        if getattr(response, name) is None:
            raise TransferError("verb %d: expected %s in the answer, found none" % (verb, name))
