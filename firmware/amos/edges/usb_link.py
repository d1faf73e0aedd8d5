"""The board's link to its courier: a second USB serial channel, beside the prompt's (contract in `link_ports`).

`boot.py` calls `enable()` before the host has looked at the board, since adding a channel makes it look again;
`open_usb` then finds the channel here. The prompt keeps the first one, so that a board in the field can be updated.
"""

from amos.compat import const
from amos.edges.address import AddressError
from amos.edges.clock import SystemClock, sleep_ms
from amos.edges.link_line import Line
from amos.protocol.limits import REQUEST_BYTES_MAX
from amos.protocol.link_device import DeviceLink

READ_BYTES = 512
"""The input ring: two link frames of at most 256 bytes."""

_WRITE_BYTES = const(1024)

_channels: list = []


def enable() -> None:
    """Add the channel to the board's USB device. Once, from boot.py; needs `usb-device-cdc` of micropython-lib."""
    import usb.device  # pyright: ignore[reportMissingImports] (micropython-lib, on the board)
    from usb.device.cdc import CDCInterface  # pyright: ignore[reportMissingImports]

    # A timeout of 0: reads give what is there, writes what fits.
    channel = CDCInterface(timeout=0, txbuf=_WRITE_BYTES, rxbuf=READ_BYTES)
    usb.device.get().init(channel, builtin_driver=True)
    _channels.append(channel)


class UsbPort:
    """A port on `stream`: `read(size)` gives bytes or None at once, `write(data)` the count of what it took."""

    request_bytes_max = REQUEST_BYTES_MAX

    def __init__(self, stream, clock):
        self._stream = stream
        self._clock = clock
        self._line = Line(self._read, self._write)

    def link_of(self, player) -> DeviceLink:
        return DeviceLink(player, self.request_bytes_max)

    def poll(self, link, timeout_ms: int) -> bool:
        # The channel is Python's own, and moves bytes only while the scheduler runs: sleeping a millisecond lets it.
        until_ms = self._clock.now_ms() + timeout_ms
        while not self._line.serve(link):
            if self._clock.now_ms() >= until_ms:
                return False
            sleep_ms(1)
        return True

    def _read(self) -> bytes:
        return self._stream.read(READ_BYTES) or b""

    def _write(self, answer) -> int:
        return self._stream.write(answer) or 0


def open_usb() -> UsbPort:
    """The port on the channel that boot.py enabled. Raises `AddressError`."""
    if not _channels:
        raise AddressError("link: expected the USB channel that boot.py enables, found none")
    return UsbPort(_channels[-1], SystemClock())
