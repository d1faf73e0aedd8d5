"""The player's side of the pack verbs: begin, put and finish blobs, activate a pack (SPEC section 7, "Packs").

`PackVerbs(player, chunk_bytes)` needs of `player.packs`, a `PackStore` or like one, these; all raise `PackRefused`:

    begin(kind, sha256, size) -> int        bytes that are here already
    put(sha256, offset, data) -> int        bytes that are here after it
    finish(sha256)                          the whole is here, right and durable when it returns
    activate(sha256)                        the pack of that manifest plays from the next section on
"""

from amos.protocol.errors import ProtocolError
from amos.protocol.link import NOT_BEGUN, OK, OUT_OF_ORDER, Response
from amos.protocol.printable import sentence


class PackRefused(ProtocolError):
    """What the player does not do with a blob or pack, and why: `code` is one of `link_courier_talk.CODES`."""

    def __init__(self, code: int, text: str):
        super().__init__(text)
        self.code = code


class PackVerbs:
    """One conversation's answers. It remembers which blob was begun last, for that is what pieces are put to."""

    def __init__(self, player, chunk_bytes: int):
        self._player = player
        self._chunk_bytes = chunk_bytes
        self._begun = None

    def begin(self, number: int, kind: int, size: int, sha256: bytes) -> Response:
        self._begun = None
        try:
            offset = self._player.packs.begin(kind, sha256, size)
        except PackRefused as error:
            return _refusal(number, error)
        self._begun = sha256
        return Response(id=number, code=OK, offset=offset, length=self._chunk_bytes)

    def put(self, number: int, offset: int, data: "bytes | memoryview") -> Response:
        if self._begun is None:
            return Response(id=number, code=NOT_BEGUN, text="expected a begun blob; begin it again")
        try:
            held = self._player.packs.put(self._begun, offset, data)
        except PackRefused as error:
            return _refusal(number, error)
        if held < offset:
            return Response(id=number, code=OUT_OF_ORDER, offset=held, text="expected the piece at %d" % held)
        return Response(id=number, code=OK, offset=held)

    def finish(self, number: int, sha256: bytes) -> Response:
        return self._act(number, self._player.packs.finish, sha256)

    def activate(self, number: int, sha256: bytes) -> Response:
        return self._act(number, self._player.packs.activate, sha256)

    def _act(self, number: int, act, sha256: bytes) -> Response:
        try:
            act(sha256)
        except PackRefused as error:
            return _refusal(number, error)
        return Response(id=number, code=OK)


def _refusal(number: int, error: PackRefused) -> Response:
    return Response(id=number, code=error.code, text=sentence(error))
