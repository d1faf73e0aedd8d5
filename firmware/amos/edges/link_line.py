"""One line of the link: what has come on it and is not served yet, and what it has not taken of the last answer."""


class Line:
    """Serves one request at a time, and never waits. `read()` gives what is there, b"" for nothing; `write(data)` takes
    what fits and returns how much; both may raise OSError where the line has an end.

    While a peer does not read its answer nothing more of it is read or served: it holds up itself and nobody else, and
    holds no more of the player's memory than one piece of input and one answer.
    """

    def __init__(self, read, write):
        self._read = read
        self._write = write
        self._came = b""
        self._at = 0
        self._unsent = memoryview(b"")

    @property
    def waits(self) -> bool:
        """Whether requests have been read and not served."""
        return self._at < len(self._came)

    @property
    def unsent(self) -> bool:
        """Whether the peer has still to take the rest of an answer."""
        return len(self._unsent) > 0

    def serve(self, link) -> bool:
        """Let `link` answer one request at most; whether anything moved."""
        moved = self.unsent
        if moved and not self._flush():
            return False
        if not self.waits:
            self._came, self._at = self._read(), 0
            if not self._came:
                return moved
        self._at = link.serve(self._came, self._at, self._answer)
        if not self.waits:
            self._came, self._at = b"", 0
        return True

    def _answer(self, answer) -> None:
        # A view of the link's buffer, which stays as it is until the link is given another request.
        self._unsent = memoryview(answer)
        self._flush()

    def _flush(self) -> bool:
        while len(self._unsent):
            count = self._write(self._unsent)
            if not count:
                return False
            self._unsent = self._unsent[count:]
        return True
