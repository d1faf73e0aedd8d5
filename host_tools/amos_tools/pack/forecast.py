"""How loud a score will play: BS.1770 over what the VM places, from the power of its stems, without rendering.

Stems are taken for uncorrelated, so their powers add; ducks and the limiter are left out. On the starter pack it is
within 0.3 LU of what a meter finds in ten rendered minutes (`tests/sound/test_sound_quality.py`).
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from amos.score.score import Score
from amos.score.vm import Vm
from amos.sound.envelope import Envelope
from amos.sound.events import Start, Stop
from amos.sound.fade_numpy import node_gains
from amos_tools.pack.profile import HOPS_PER_S, Profile, integrated_mlufs

FORECAST_S = 1800
"""Half an hour of music: from one seed to another ten minutes differ by 0.2 LU."""

_SEED = hashlib.sha256(b"amos/1/forecast").digest()


def forecast_mlufs(
    score: Score, stem_frames: Sequence[int], gains_q15: Sequence[int], profiles: Sequence[Profile]
) -> int:
    """Integrated loudness of half an hour of the score, in thousandths of a LUFS; -70000 for silence."""
    hop = score.rate_hz // HOPS_PER_S
    power = np.zeros(FORECAST_S * HOPS_PER_S)
    voices: dict[int, _Sounding] = {}
    vm = Vm(score, list(stem_frames), list(gains_q15), _SEED)
    for event in vm.advance(FORECAST_S * HOPS_PER_S * hop):
        if isinstance(event, Start):
            if event.voice in voices:
                voices[event.voice].add_to(power)
            voices[event.voice] = _Sounding(event, profiles[event.stem], hop)
        elif isinstance(event, Stop) and event.voice in voices:
            voices[event.voice].stop(event, power)
    for sounding in voices.values():
        sounding.add_to(power)
    return integrated_mlufs(power)


class _Sounding:
    """One placement: its power, hop by hop, is its stem's times the square of its gain."""

    def __init__(self, start: Start, profile: Profile, hop: int) -> None:
        self._start = start
        self._profile = profile
        self._hop = hop
        self._done = 0  # hops of the placement that are added
        # Hops after which the stem begins again, and those that there are of it.
        self._round = max(1, start.loop // hop) if start.loop else len(profile)
        self._hops = start.frames // hop + 1 if start.loop else len(profile) - start.offset // hop
        self._envelope = Envelope()
        self._envelope.begin(start)

    def stop(self, event: Stop, power: NDArray[np.float64]) -> None:
        pos = event.frame - self._start.frame
        if self._envelope.takes_stop(pos, event.fade):
            self._add_until(pos, power)
            self._envelope.stop(pos, event.fade, event.linear)

    def add_to(self, power: NDArray[np.float64]) -> None:
        self._add_until(self._envelope.end, power)

    def _add_until(self, pos: int, power: NDArray[np.float64]) -> None:
        first = (self._start.frame + self._hop // 2) // self._hop
        until = min(self._hops, (pos + self._hop // 2) // self._hop, len(power) - first)
        hops = np.arange(self._done, until)
        if len(hops):
            middles = np.minimum(hops * self._hop + self._hop // 2, pos)
            gains = node_gains(self._envelope, middles) / 32768
            places = (self._start.offset // self._hop + hops) % self._round
            power[first + hops] += self._profile[places] * np.square(gains)
        self._done = max(self._done, until)
