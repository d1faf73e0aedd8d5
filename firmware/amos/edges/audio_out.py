"""The outputs without a sound card, and which one an address means. `audio_sink` has the contract."""

from amos.compat import MICROPYTHON
from amos.edges.address import AddressError
from amos.edges.audio_sink import FRAME_BYTES
from amos.protocol.segment import OUTPUT_KINDS


class NullSink:
    """Nowhere, as fast as it is rendered."""

    clocked = fades = False
    underruns = held_bytes_max = 0

    def __init__(self):
        self._frames = 0

    def write(self, pcm, last: bool = False) -> int:
        self._frames += len(pcm) // FRAME_BYTES
        return self._frames

    def close(self) -> int:
        return self._frames


def output_kind_of(address: str) -> int:
    """One of `segment.OUTPUT_KIND_*`, 0 for an address that no output has."""
    kind = address.partition(":")[0]
    return OUTPUT_KINDS.index(kind) if kind in OUTPUT_KINDS else 0


def open_sink(config, rate_hz: int, clock):
    """The sink for `config.out`: `wav:PATH`, `null`, on Linux `alsa:DEVICE`, on boards `i2s:PINS`; or that of the
    program that embeds the player.

    With pace `clocked`, one without a clock of its own is slowed down to real time. Raises `AddressError`,
    `OutputGone`, OSError.
    """
    sink = config.open_output(rate_hz) if config.open_output else _open(config, rate_hz, clock)
    if config.pace == "free" or sink.clocked:
        return sink
    from amos.edges.clocked_sink import AHEAD_MS, ClockedSink

    return ClockedSink(sink, rate_hz, clock, AHEAD_MS * rate_hz // 1000)


def _open(config, rate_hz: int, clock):
    address = config.out
    kind, _colon, rest = address.partition(":")
    if kind == "wav" and rest:
        from amos.edges.wav_out import open_wav

        return open_wav(rest, rate_hz)
    if kind == "alsa" and not MICROPYTHON:
        from amos.edges.alsa_host import open_alsa

        return open_alsa(rest or "default", rate_hz, config, clock)
    if kind == "i2s" and MICROPYTHON:
        from amos.edges.i2s_out import open_i2s

        return open_i2s(rest, rate_hz)
    if address == "null":
        return NullSink()
    more = "i2s:PINS" if MICROPYTHON else "alsa:DEVICE"
    raise AddressError("out: expected wav:PATH, null or %s, found %s" % (more, address))
