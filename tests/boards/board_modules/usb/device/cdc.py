class CDCInterface:
    """A channel with the requests of `usb.in` on the line, and each second of music those of `usb.again`, if it is
    there. Answers go to `usb.out`."""

    POLLS_BETWEEN = 43  # blocks of 512 frames at 22050 Hz

    def __init__(self, timeout, txbuf, rxbuf):
        with open("usb.in", "rb") as file:
            self._waiting = file.read()
        try:
            with open("usb.again", "rb") as file:
                self._again = file.read()
        except OSError:
            self._again = b""
        self._polls = 0

    def read(self, size):
        self._polls += 1
        if self._polls % self.POLLS_BETWEEN == 0:
            self._waiting += self._again
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data or None

    def write(self, data):
        with open("usb.out", "ab") as file:
            return file.write(data)
