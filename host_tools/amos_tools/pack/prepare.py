"""From a stem of the vault to what a pack holds of it: rate, tempo, key, length, no DC, level, codec.

What takes long (conforming, fitting, QOA) is kept in the vault's folder `conformed/` under a hash of all that it
depends on, so that building again is quick and gives the same bytes even after a library has changed.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amos.protocol.manifest import CODEC_PCM16, CODECS
from amos_tools.pack import errors
from amos_tools.pack.conform import CONFORM_VERSION, Plan, conform, is_loop, loop_frames
from amos_tools.pack.ends import Hold, held_up
from amos_tools.pack.fit import FIT_VERSION, fitted
from amos_tools.pack.level import UNITY_Q15, linear
from amos_tools.pack.lift import Level, Lifted, Terms, lifted
from amos_tools.pack.profile import Profile, integrated_mlufs, momentary_mlufs, profile_of
from amos_tools.pack.qoa import QOA_VERSION, encode_qoa
from amos_tools.pack.quantise import quantised
from amos_tools.pack.seam import with_seam
from amos_tools.pack.shape_loss import SILENT_MDB, Loss, ShapedIn, greatest_loss
from amos_tools.stems import StemFacts
from amos_tools.vault import Vault
from amos_tools.vault.audio import FloatFrames, Int16Frames, to_float
from amos_tools.vault.limits import SILENT_PEAK
from amos_tools.vault.offset import offset_of

CACHE_NAME = "conformed"
ONE_SHOT_S_MAX = 10
"""What has no beats and is no longer is heard as one event, and as loud as its loudest moment."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A stem at the pack's rate, tempo and key, as loud as it is by itself. `peak` is of full scale 1;
    `hold` is how its ends were held up, for fades of `fade_frames` take their place; `loss` what takes most of it
    among the shapes of its layers."""

    stem: StemFacts
    plan: Plan | None
    fade_frames: int
    hold: Hold
    frames: int
    peak: float
    one_shot: bool
    profile: Profile
    loss: Loss | None

    @property
    def mlufs(self) -> int:
        """How loud it is as it sounds, mono on both sides; a one-shot by its loudest moment."""
        return momentary_mlufs(self.profile) if self.one_shot else integrated_mlufs(self.profile)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stem as the pack has it. `sha256` and `size_bytes` are the blob's; `key` and `tempo_mbpm` after conforming.

    `profile` is of the blob, but for what the limiter took from its peaks.
    """

    stem: StemFacts
    sha256: bytes
    size_bytes: int
    frames: int
    channels: int
    key: str | None
    tempo_mbpm: int | None
    gain_q15: int
    hold: Hold
    loss: Loss | None
    lifted: Lifted
    profile: Profile


@dataclass(frozen=True, slots=True)
class Workshop:
    """Prepares stems for packs of one rate, peak and codec; `put_blob` stores a blob and returns its SHA-256."""

    vault: Vault
    rate_hz: int
    peak_mdb: int
    codec: str
    put_blob: Callable[[bytes], bytes]

    def measure(self, stem: StemFacts, plan: Plan | None, fade_frames: int, shapes: Sequence[ShapedIn]) -> Measured:
        """`fade_frames` as of `fades_over`, `shapes` as of `shapes_over`. Raises a `PackBuildError`, or a `VaultError`
        for a damaged blob."""
        samples, hold = self._samples(stem, plan, fade_frames)
        peak = float(np.max(np.abs(samples)))
        if peak < SILENT_PEAK:
            raise errors.SilentStem(f"{stem.title}: expected something that is heard, found silence throughout")
        loss = greatest_loss(samples, self.rate_hz, shapes)
        if loss is not None and loss.mdb > SILENT_MDB:
            raise errors.ShapedSilent(
                f"{stem.title}: expected something that is heard in section `{loss.place.section}`, found that"
                f" {loss.place.words()} there leaves nothing of it: give that layer another, or a pool without the stem"
            )
        one_shot = stem.beats is None and len(samples) <= ONE_SHOT_S_MAX * self.rate_hz
        profile = profile_of(samples, self.rate_hz)
        return Measured(stem, plan, fade_frames, hold, len(samples), peak, one_shot, profile, loss)

    def finish(self, measured: Measured, working_mlufs: int) -> Prepared:
        """The stem at the working loudness, its blob stored. Raises as `measure` does."""
        stem, plan = measured.stem, measured.plan
        level = self.level(measured, working_mlufs)
        pcm = quantised(level.samples, stem.sha256)
        blob = self._blob(pcm)
        frames, channels = pcm.shape
        return Prepared(
            stem=stem,
            sha256=self.put_blob(blob),
            size_bytes=len(blob),
            frames=frames,
            channels=channels,
            key=plan.key if plan else stem.key,
            tempo_mbpm=plan.tempo_mbpm if plan else stem.tempo_mbpm,
            gain_q15=level.gain_q15,
            hold=measured.hold,
            loss=measured.loss,
            lifted=level.report,
            profile=measured.profile * (linear(level.report.gain_mdb) * UNITY_Q15 / level.gain_q15) ** 2,
        )

    def level(self, measured: Measured, working_mlufs: int) -> Level:
        """The stem's samples at the working loudness, and the gain in play. Raises as `measure` does."""
        samples, _hold = self._samples(measured.stem, measured.plan, measured.fade_frames)
        return lifted(samples, measured.mlufs, measured.peak, working_mlufs, self._terms(measured))

    def cached(self, facts: str, make: Callable[[], bytes]) -> bytes:
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

    def _samples(self, stem: StemFacts, plan: Plan | None, fade_frames: int) -> tuple[FloatFrames, Hold]:
        samples = self._conformed(stem, plan)
        hold = Hold()
        if stem.beats is None or is_loop(stem):  # the end of any other is its ring-out
            samples, hold = held_up(samples, self.rate_hz, fade_frames)
        return with_seam(samples) if is_loop(stem) else samples, hold

    def _conformed(self, stem: StemFacts, plan: Plan | None) -> FloatFrames:
        stored = resampled(to_float(self.vault.audio(stem)), stem.rate_hz, self.rate_hz)
        at_rate = without_dc(stored, self.rate_hz)
        if plan is not None and plan.changes:
            facts: tuple[object, ...] = (CONFORM_VERSION, stem.sha256.hex(), self.rate_hz, plan)
            return self._cached_samples(facts, lambda: conform(at_rate, plan, self.rate_hz), stem.channels)
        if not is_loop(stem) or stem.beats is None or stem.tempo_mbpm is None:
            return at_rate
        frames = loop_frames(stem.beats, stem.tempo_mbpm, self.rate_hz)
        if frames == len(at_rate):
            return at_rate
        facts = ("fit", FIT_VERSION, stem.sha256.hex(), self.rate_hz, frames)
        return self._cached_samples(facts, lambda: fitted(at_rate, frames), stem.channels)

    def _terms(self, measured: Measured) -> Terms:
        return Terms(self.rate_hz, self.peak_mdb, measured.one_shot, is_loop(measured.stem))

    def _blob(self, samples: Int16Frames) -> bytes:
        pcm = samples.astype("<i2", copy=False).tobytes()
        if CODECS.index(self.codec) == CODEC_PCM16:
            return pcm
        facts = (QOA_VERSION, self.rate_hz, samples.shape, hashlib.sha256(pcm).hexdigest())
        return self.cached(repr(facts), lambda: encode_qoa(samples, self.rate_hz))

    def _cached_samples(self, facts: tuple[object, ...], make: Callable[[], FloatFrames], channels: int) -> FloatFrames:
        data = self.cached(repr(facts), lambda: make().astype("<f4").tobytes())
        return np.frombuffer(data, "<f4").reshape(-1, channels).astype(np.float32)


def resampled(samples: FloatFrames, from_hz: int, to_hz: int) -> FloatFrames:
    """Samples of shape (frames, channels) at another rate."""
    if from_hz == to_hz:
        return samples
    import soxr  # imported where it is used, as in amos_tools.vault.audio

    result: FloatFrames = soxr.resample(samples, from_hz, to_hz, quality="VHQ")
    return result


def without_dc(samples: FloatFrames, rate_hz: int) -> FloatFrames:
    """Samples of shape (frames, channels) less their offset in whole steps: several of them would add up."""
    steps = (np.rint(offset_of(samples, rate_hz) * 32768) / 32768).astype(np.float32)
    return np.clip(samples - steps, -1, 1) if steps.any() else samples


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
        raise errors.PackStorageFailed(f"{path}: expected room and permission to write, found {found}") from None
