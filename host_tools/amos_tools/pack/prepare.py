"""From a stem of the vault to what a pack holds of it: rate, tempo, key, no DC, codec.

What takes long (conforming, QOA) is kept in the vault's folder `conformed/` under a hash of all that it depends on, so
that building again is quick and gives the same bytes even after a library has changed.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amos.protocol.manifest import CODEC_PCM16, CODECS
from amos_tools.pack.conform import CONFORM_VERSION, Plan, conform
from amos_tools.pack.errors import PackStorageFailed
from amos_tools.pack.forecast import Profile, profile_of
from amos_tools.pack.level import played_mlufs
from amos_tools.pack.qoa import QOA_VERSION, encode_qoa
from amos_tools.stems import StemFacts
from amos_tools.vault import Vault
from amos_tools.vault.audio import Int16Frames, to_int16
from amos_tools.vault.loudness import measure_mlufs

CACHE_NAME = "conformed"
_MEAN_S_MIN = 2


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stem as the pack has it. `sha256` and `size_bytes` are the blob's; `key` and `tempo_mbpm` after conforming."""

    stem: StemFacts
    sha256: bytes
    size_bytes: int
    frames: int
    channels: int
    key: str | None
    tempo_mbpm: int | None
    peak: int
    played_mlufs: int
    profile: Profile


@dataclass(frozen=True, slots=True)
class Workshop:
    """Prepares stems for packs of one rate and codec; `put_blob` stores a blob and returns its SHA-256."""

    vault: Vault
    rate_hz: int
    codec: str
    put_blob: Callable[[bytes], bytes]

    def prepare(self, stem: StemFacts, plan: Plan | None) -> Prepared:
        """Raises a `PackBuildError`, or a `VaultError` for a damaged blob."""
        samples = self._samples(stem, plan)
        blob = self._blob(samples)
        frames, channels = samples.shape
        return Prepared(
            stem=stem,
            sha256=self.put_blob(blob),
            size_bytes=len(blob),
            frames=frames,
            channels=channels,
            key=plan.key if plan else stem.key,
            tempo_mbpm=plan.tempo_mbpm if plan else stem.tempo_mbpm,
            peak=max(int(samples.max()), -int(samples.min())),
            played_mlufs=played_mlufs(self._loudness_mlufs(stem, plan, samples), channels),
            profile=profile_of(samples, self.rate_hz),
        )

    def _samples(self, stem: StemFacts, plan: Plan | None) -> Int16Frames:
        at_rate = without_dc(resampled(self.vault.audio(stem), stem.rate_hz, self.rate_hz), self.rate_hz)
        if plan is None or not plan.changes:
            return at_rate
        facts = (CONFORM_VERSION, stem.sha256.hex(), self.rate_hz, plan)
        data = self._cached(repr(facts), lambda: conform(at_rate, plan, self.rate_hz).astype("<i2").tobytes())
        return np.frombuffer(data, "<i2").reshape(-1, stem.channels).astype(np.int16)

    def _blob(self, samples: Int16Frames) -> bytes:
        pcm = samples.astype("<i2", copy=False).tobytes()
        if CODECS.index(self.codec) == CODEC_PCM16:
            return pcm
        facts = (QOA_VERSION, self.rate_hz, samples.shape, hashlib.sha256(pcm).hexdigest())
        return self._cached(repr(facts), lambda: encode_qoa(samples, self.rate_hz))

    def _loudness_mlufs(self, stem: StemFacts, plan: Plan | None, samples: Int16Frames) -> int:
        return measure_mlufs(samples, self.rate_hz) if plan and plan.changes else stem.loudness_mlufs

    def _cached(self, facts: str, make: Callable[[], bytes]) -> bytes:
        """What `make` gave the first time it was asked for with these facts. A damaged file is made again."""
        path = self.vault.path / CACHE_NAME / hashlib.sha256(facts.encode()).hexdigest()
        try:
            kept = path.read_bytes()
        except OSError:
            kept = b""
        if kept and hashlib.sha256(kept[32:]).digest() == kept[:32]:
            return kept[32:]
        data = make()
        _keep(path, hashlib.sha256(data).digest() + data)
        return data


def resampled(samples: Int16Frames, from_hz: int, to_hz: int) -> Int16Frames:
    """Samples of shape (frames, channels) at another rate."""
    if from_hz == to_hz:
        return samples
    import soxr  # imported where it is used, as in amos_tools.vault.audio

    return to_int16(soxr.resample(samples.astype(np.float32) / np.float32(32768), from_hz, to_hz, quality="VHQ"))


def without_dc(samples: Int16Frames, rate_hz: int) -> Int16Frames:
    """Samples of shape (frames, channels) less their mean in whole steps: several of them would add up to an offset.

    In what is shorter than 2 s, the mean is rather that of a wave cut short, and stays.
    """
    offset = np.rint(samples.mean(axis=0)).astype(np.int32)
    if len(samples) < _MEAN_S_MIN * rate_hz or not offset.any():
        return samples
    centred: Int16Frames = np.clip(samples - offset, -32768, 32767).astype(np.int16)
    return centred


def _keep(path: Path, data: bytes) -> None:
    """A crash leaves a file too many or none; one that is not whole is not used."""
    try:
        path.parent.mkdir(exist_ok=True)
        handle, staged = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(staged).replace(path)
    except OSError as error:
        found = error.strerror or error
        raise PackStorageFailed(f"{path}: expected room and permission to write, found {found}") from None
