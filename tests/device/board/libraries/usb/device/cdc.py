"""A second channel: the other end of a pty, which reads as empty where nothing has come."""

import select

import machine


class CDCInterface:
    def __init__(self, timeout, txbuf, rxbuf):
        self._line = open(machine.LINK_FD, "r+b")  # noqa: SIM115 (for as long as the board runs)
        self._poll = select.poll()
        self._poll.register(self._line, select.POLLIN)

    def read(self, size):
        # One byte at a time: reading more would wait for all of it.
        data = b""
        while len(data) < size and self._poll.poll(0):
            data += self._line.read(1)
        return data or None

    def write(self, data):
        return self._line.write(data)
