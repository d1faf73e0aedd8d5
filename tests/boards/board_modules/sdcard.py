class SDCard:
    """A card that only notes that it was mounted. With `mount`, MicroPython takes it for a file system of its own."""

    def __init__(self, spi, cs, baudrate):
        self._baudrate = baudrate

    def mount(self, readonly, mkfs):
        print("mounted at", self._baudrate)
