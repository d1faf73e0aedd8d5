"""The board's SD card on SPI: packs, settings and journal. The internal flash is never written while music plays.

Contract: when `mount` returns, the card's file system stands at the path, and `mounted` gives the card; it raises
OSError when there is no card, or none that the driver knows. 20 MHz is the clock for which six compressed voices were
reckoned (263 KB/s); the driver's own default is 1.32 MHz.
"""

# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
# The stubs here are the unix port's, whose `machine` is not a board's.

BAUDRATE_HZ_MIN = 1_000_000
BAUDRATE_HZ_MAX = 25_000_000
"""SD cards' default speed mode ends here."""

_cards: list = []


def mount(path: str, spi: dict):
    """Mount the card at `path`; its block device. `spi`: id, sck, mosi, miso, cs, baudrate_hz. Raises OSError."""
    import vfs
    from machine import SPI, Pin
    from sdcard import SDCard  # pyright: ignore[reportMissingImports] (micropython-lib, on the board)

    baudrate_hz = spi["baudrate_hz"]
    if not BAUDRATE_HZ_MIN <= baudrate_hz <= BAUDRATE_HZ_MAX:
        raise OSError("SD card: expected %d to %d Hz, found %d" % (BAUDRATE_HZ_MIN, BAUDRATE_HZ_MAX, baudrate_hz))
    bus = SPI(spi["id"], sck=Pin(spi["sck"]), mosi=Pin(spi["mosi"]), miso=Pin(spi["miso"]))
    card = SDCard(bus, Pin(spi["cs"]), baudrate=baudrate_hz)
    vfs.mount(card, path)
    _cards[:] = [(card, baudrate_hz)]
    return card


def mounted():
    """The block device of the card that was mounted last. Raises OSError when none was."""
    if not _cards:
        raise OSError("SD card: expected one that is mounted, found none")
    return _cards[0][0]


def restart() -> None:
    """Make the card that was mounted last ready anew, after it was away. Raises OSError when it is not there."""
    if not _cards:
        raise OSError("SD card: expected one that is mounted, found none")
    card, baudrate_hz = _cards[0]
    card.init_card(baudrate_hz)
