"""A board's `machine` as far as the player uses it: the I2S writes what it is given to a file and takes no time.

Each minute it says what the heap holds, its own ring among it, as on a board.
"""

import gc

feeds = [0]


class WDT:
    def __init__(self, timeout):
        print("WDT", timeout)

    def feed(self):
        feeds[0] += 1


class Timer:
    def __init__(self, number):
        assert number == -1

    def init(self, period, callback):
        print("timer feeds", period, feeds[0])

    def deinit(self):
        print("player feeds", feeds[0])


class Pin:
    def __init__(self, number):
        self.number = number


class SPI:
    def __init__(self, number, sck, mosi, miso):
        self.number = number


class I2S:
    TX = STEREO = 1

    def __init__(self, number, sck, ws, sd, mode, bits, format, rate, ibuf):
        print("I2S", number, sck.number, ws.number, sd.number, bits, rate, ibuf)
        self._file = open("i2s.pcm", "wb")  # noqa: SIM115 (closed by deinit)
        self._ring = bytearray(ibuf)
        self._minute_bytes = 60 * 4 * rate
        self._written = 0

    def write(self, data):
        self._written += len(data)
        if self._written >= self._minute_bytes:
            self._written = 0
            gc.collect()
            print("held", gc.mem_alloc())
        return self._file.write(data)

    def deinit(self):
        self._file.close()
