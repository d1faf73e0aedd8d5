class CDCInterface:
    """A channel with one request on the line: the bytes of `usb.in`; answers go to `usb.out`."""

    def __init__(self, timeout, txbuf, rxbuf):
        with open("usb.in", "rb") as file:
            self._waiting = file.read()

    def read(self, size):
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data or None

    def write(self, data):
        with open("usb.out", "ab") as file:
            return file.write(data)
