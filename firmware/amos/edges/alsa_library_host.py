"""ALSA's PCM interface as the player uses it: libasound through ctypes (https://www.alsa-project.org/alsa-doc/alsa-lib).

libasound2 comes with every Raspberry Pi OS; a binding of our own needs no compiler, and gives what PortAudio and aplay
keep to themselves: how many of the frames written have not sounded yet.
"""

import ctypes
import errno
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_uint, c_ulong, c_void_p

from amos.edges.address import AddressError

LIBRARY = "libasound.so.2"

_PLAYBACK = 0
_NONBLOCK = 1
_S16_LE = 2
_INTERLEAVED = 3
_CHANNELS = 2
STATE_PREPARED = 2

_SIGNATURES = {
    "snd_config_update": (),
    "snd_config_search": (c_void_p, c_char_p, POINTER(c_void_p)),
    "snd_pcm_open": (POINTER(c_void_p), c_char_p, c_int, c_int),
    "snd_pcm_set_params": (c_void_p, c_int, c_int, c_uint, c_uint, c_int, c_uint),
    "snd_pcm_get_params": (c_void_p, POINTER(c_ulong), POINTER(c_ulong)),
    "snd_pcm_sw_params_malloc": (POINTER(c_void_p),),
    "snd_pcm_sw_params_current": (c_void_p, c_void_p),
    "snd_pcm_sw_params_get_boundary": (c_void_p, POINTER(c_ulong)),
    "snd_pcm_sw_params_set_silence_size": (c_void_p, c_void_p, c_ulong),
    "snd_pcm_sw_params": (c_void_p, c_void_p),
    "snd_pcm_state": (c_void_p,),
    "snd_pcm_writei": (c_void_p, c_char_p, c_ulong),
    "snd_pcm_delay": (c_void_p, POINTER(c_long)),
    "snd_pcm_avail": (c_void_p,),
    "snd_pcm_wait": (c_void_p, c_int),
    "snd_pcm_start": (c_void_p,),
    "snd_pcm_prepare": (c_void_p,),
    "snd_pcm_nonblock": (c_void_p, c_int),
    "snd_pcm_drain": (c_void_p,),
    "snd_pcm_drop": (c_void_p,),
    "snd_pcm_close": (c_void_p,),
}


class RanDry(Exception):
    """The device had nothing left to play, or slept (EPIPE, ESTRPIPE): all frames written are gone. Call `prepare`."""


def load(name: str = LIBRARY) -> ctypes.CDLL:
    """libasound. Raises `AddressError` in one line that says what to install."""
    try:
        library = ctypes.CDLL(name)
    except OSError:
        raise AddressError("out: alsa: expected %s; install it: apt install libasound2" % name) from None
    for function, arguments in _SIGNATURES.items():
        getattr(library, function).argtypes = arguments
    library.snd_pcm_writei.restype = library.snd_pcm_avail.restype = c_long
    library.snd_strerror.restype = c_char_p
    library.snd_pcm_sw_params_free.argtypes = (c_void_p,)
    # ALSA prints five lines for each device it does not find, and one that is gone is looked for every second. A C
    # function that takes no notice of its arguments keeps it quiet; our own message has the reason.
    library.snd_lib_error_set_handler.argtypes = (c_void_p,)
    library.snd_lib_error_set_handler(ctypes.cast(ctypes.CDLL(None).getpid, c_void_p))
    return library


def is_known(library: ctypes.CDLL, device: str) -> bool:
    """Whether ALSA's configuration has an output of that name. An output in it may come back, as when its card is
    plugged in again; one that is not in it can never open. `Pcm` refuses a definition in place of a name, and a
    configuration that cannot be read."""
    name = device.partition(":")[0]
    if not name.replace("_", "").replace("-", "").isalnum() or library.snd_config_update() < 0:
        return True
    found = c_void_p()
    top = c_void_p.in_dll(library, "snd_config")
    return bool(library.snd_config_search(top, b"pcm." + os.fsencode(name), byref(found)) != -errno.ENOENT)


class Pcm:
    """An open playback device: int16 stereo, non-blocking. Every method raises OSError, which says what ALSA said.

    buffer_frames, period_frames   what the device made of what was asked for
    """

    def __init__(self, library: ctypes.CDLL, device: str, rate_hz: int, buffer_frames: int) -> None:
        self._library = library
        self._handle = c_void_p()
        self._check(library.snd_pcm_open(byref(self._handle), os.fsencode(device), _PLAYBACK, _NONBLOCK))
        try:
            latency_us = buffer_frames * 1_000_000 // rate_hz
            self._call("set_params", _S16_LE, _INTERLEAVED, _CHANNELS, rate_hz, 1, latency_us)
            buffer, period = c_ulong(), c_ulong()
            self._call("get_params", byref(buffer), byref(period))
            self.buffer_frames, self.period_frames = buffer.value, period.value
            self._silence_what_has_sounded()
        except OSError:
            self.close()
            raise

    def _silence_what_has_sounded(self) -> None:
        """So that a device that runs dry is silent until it notices, and does not repeat its buffer."""
        params, boundary = c_void_p(), c_ulong()
        self._check(self._library.snd_pcm_sw_params_malloc(byref(params)))
        try:
            self._call("sw_params_current", params)
            self._check(self._library.snd_pcm_sw_params_get_boundary(params, byref(boundary)))
            self._call("sw_params_set_silence_size", params, boundary)
            self._call("sw_params", params)
        finally:
            self._library.snd_pcm_sw_params_free(params)

    def write(self, pcm: bytes, frames: int) -> int:
        """Frames taken at once, of the first `frames` of `pcm`; 0 when there is no room. Raises `RanDry`."""
        result: int = self._library.snd_pcm_writei(self._handle, pcm, frames)
        return 0 if result == -errno.EAGAIN else self._check(result)

    def delay(self) -> int:
        """Frames written that have not sounded yet. Raises `RanDry`."""
        frames = c_long()
        self._call("delay", byref(frames))
        return frames.value

    def waiting(self) -> int:
        """Frames in the buffer; `delay` is these and what the device has taken out and not played. Raises `RanDry`."""
        return max(0, self.buffer_frames - self._call("avail"))

    def wait(self, timeout_ms: int) -> bool:
        """Whether there is room within that time. Raises `RanDry`."""
        return self._call("wait", timeout_ms) > 0

    def start_if_waiting(self) -> None:
        """Let what was written sound, if the device has not begun to."""
        if self._library.snd_pcm_state(self._handle) == STATE_PREPARED:
            self._call("start")

    def prepare(self) -> None:
        """Be ready to begin anew."""
        self._call("prepare")

    def drain(self) -> None:
        """Wait until everything written has sounded."""
        self._call("nonblock", 0)
        self._call("drain")

    def close(self) -> None:
        """Stop at once and release the device."""
        self._library.snd_pcm_drop(self._handle)
        self._library.snd_pcm_close(self._handle)

    def _call(self, function: str, *arguments: object) -> int:
        return self._check(getattr(self._library, "snd_pcm_" + function)(self._handle, *arguments))

    def _check(self, result: int) -> int:
        if result in (-errno.EPIPE, -errno.ESTRPIPE):
            raise RanDry
        if result < 0:
            raise OSError(-result, self._library.snd_strerror(result).decode(errors="replace"))
        return result
