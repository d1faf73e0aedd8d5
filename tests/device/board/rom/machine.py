"""A board's `machine`: the I2S forgets what it is given and takes as long as it would sound."""

import sys
import time

CARD = FLASH = LINK_FD = None


def unique_id():
    with open("/unique_id", "rb") as file:
        return file.read()


def reset():
    sys.exit(42)


class Pin:
    def __init__(self, number):
        self.number = number


class SPI:
    def __init__(self, number, sck, mosi, miso):
        self.number = number


class I2S:
    TX = STEREO = 1

    def __init__(self, number, sck, ws, sd, mode, bits, format, rate, ibuf):
        self._bytes_per_ms = rate * 4 // 1000

    def write(self, data):
        time.sleep_ms(len(data) // self._bytes_per_ms)
        return len(data)

    def deinit(self):
        pass
