"""A vault: stems with the facts their artists state, stored by SHA-256."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np

from amos_tools.render.marks import carries_mark
from amos_tools.stems import StemFacts
from amos_tools.vault import errors
from amos_tools.vault.audio import Int16Frames, read_audio
from amos_tools.vault.blobs import Blobs
from amos_tools.vault.catalogue import Catalogue
from amos_tools.vault.facts import StatedFacts, check_splits, parse_facts, stated_texts
from amos_tools.vault.limits import VAULT_RATES_HZ
from amos_tools.vault.loudness import measure_mlufs
from amos_tools.vault.wav import wav_bytes, wav_samples

_CATALOGUE = "vault.sqlite"
_COMMIT_STEMS = 32
"""Stems per transaction of a batch: a commit costs two fsyncs, a crash repeats at most these imports."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a batch did: stems stored (in the order given) and refusals, one per file."""

    imported: tuple[StemFacts, ...]
    refused: tuple[errors.VaultError, ...]


class Vault:
    """The vault in the folder `path`. Use as a context manager, or `close()`.

    A stem's blob is durable before its row commits (stage, commit, then return), so a crash anywhere leaves no row
    without its blob. Importing the same audio again updates its facts.
    """

    def __init__(self, path: Path | str) -> None:
        """Open; raises `NotAVault` or `CatalogueDamaged`."""
        self.path = Path(path)
        self._catalogue = Catalogue.open(self.path / _CATALOGUE)
        self._blobs = Blobs(self.path)

    @classmethod
    def init(cls, path: Path | str, rate_hz: int = 44_100) -> "Vault":
        """Make an empty vault for stems at `rate_hz` and open it. Raises `VaultExists`."""
        path = Path(path)
        if rate_hz not in VAULT_RATES_HZ:
            raise errors.BadSampleRate(path, "rate", " or ".join(map(str, VAULT_RATES_HZ)) + " Hz", rate_hz)
        if (path / _CATALOGUE).exists():
            raise errors.VaultExists(path, "folder", "no vault yet", _CATALOGUE)
        try:
            Blobs(path).create()
        except OSError as error:
            found = error.strerror or error
            raise errors.StorageFailed(path, "folder", "room and permission to write", found) from None
        Catalogue.create(path / _CATALOGUE, rate_hz).close()
        return cls(path)

    @property
    def rate_hz(self) -> int:
        """The sample rate of every blob."""
        return self._catalogue.rate_hz

    def import_file(self, path: Path | str, facts: StatedFacts) -> StemFacts:
        """Import one audio file; durable when it returns. Raises a `VaultError`."""
        stem = self._prepare(Path(path), facts)
        self._catalogue.put([stem])
        return stem

    def import_samples(self, samples: Int16Frames, facts: StatedFacts) -> StemFacts:
        """Import int16 `samples` of shape (frames, channels) at the vault's rate, as `import_file` does."""
        stem = self._store(samples, facts)
        self._catalogue.put([stem])
        return stem

    def import_files(self, files: Sequence[tuple[Path, StatedFacts]]) -> ImportReport:
        """Import many; a bad file is refused and the rest go on. Decoding uses all cores."""
        imported: list[StemFacts] = []
        refused: list[errors.VaultError] = []
        stated: dict[bytes, StatedFacts] = {}
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
            for start in range(0, len(files), _COMMIT_STEMS):
                batch = files[start : start + _COMMIT_STEMS]
                ready: list[StemFacts] = []
                for (path, facts), stem in zip(batch, workers.map(self._try_prepare, batch), strict=True):
                    if isinstance(stem, errors.VaultError):
                        refused.append(stem)
                    elif stated.setdefault(stem.stem_id, facts) != facts:
                        expected = "the same facts for the same audio"
                        refused.append(errors.ConflictingFacts(path, "audio", expected, f"also {facts.title!r}"))
                    else:
                        ready.append(stem)
                self._catalogue.put(ready)
                imported += ready
        return ImportReport(tuple(imported), tuple(refused))

    def stems(self) -> list[StemFacts]:
        """Every stem, opted in or not, in the order of stem ids."""
        return self._catalogue.stems()

    def published_stems(self) -> list[StemFacts]:
        """The stems that are or ever were opted in: those whose play may still have to be paid."""
        return self._catalogue.stems(published_only=True)

    def edit(self, stems: Sequence[StemFacts], changes: Mapping[str, str]) -> list[StemFacts]:
        """Give these stems other facts: `changes` has texts as a sidecar has them, an empty one takes a fact away.

        All of it or nothing, and durable when it returns. Raises the `VaultError` of the first text that is wrong, and
        `NotEditable` for `opt_in`.
        """
        if "opt_in" in changes:
            expected = "any other field: an import with opt_in gives consent, amos vault optout ends it"
            raise errors.NotEditable(None, "opt_in", expected, changes["opt_in"])
        edited = [_edited(stem, changes) for stem in stems]
        self._catalogue.put(edited)
        return edited

    def opt_out(self, stem_ids: Sequence[bytes]) -> None:
        """End the opt-in of these stems; durable when it returns. Importing with `opt_in` yes begins it again."""
        self._catalogue.opt_out(stem_ids)

    def blob_path(self, sha256: bytes) -> Path:
        """The file of a blob: a WAV."""
        return self._blobs.path(sha256)

    def audio(self, stem: StemFacts) -> Int16Frames:
        """A stem's samples, int16 of shape (frames, channels), hash checked. Raises `BlobDamaged`."""
        return wav_samples(self._blobs.get(stem.sha256), stem.channels)

    def close(self) -> None:
        """Close the catalogue."""
        self._catalogue.close()

    def __enter__(self) -> "Vault":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try_prepare(self, item: tuple[Path, StatedFacts]) -> StemFacts | errors.VaultError:
        try:
            return self._prepare(*item)
        except errors.VaultError as error:
            return error

    def _prepare(self, path: Path, facts: StatedFacts) -> StemFacts:
        check_splits(str(path), facts.splits)
        if carries_mark(path):
            raise errors.EngineOutput(path, "origin", "a recording by people", "the provenance of engine output")
        return self._store(read_audio(path, self.rate_hz), facts)

    def _store(self, samples: Int16Frames, facts: StatedFacts) -> StemFacts:
        """Store the blob durably and return the facts of its row."""
        check_splits(None, facts.splits)
        if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] not in (1, 2) or len(samples) == 0:
            found = f"{samples.dtype} of shape {samples.shape}"
            raise errors.UnreadableAudio(None, "samples", "int16 of shape (frames, 1 or 2)", found)
        sha256 = self._blobs.put(wav_bytes(samples, self.rate_hz))
        return StemFacts(
            stem_id=sha256[:16],
            sha256=sha256,
            title=facts.title,
            artist=facts.artist,
            role=facts.role,
            key=facts.key,
            tempo_mbpm=facts.tempo_mbpm,
            beats=facts.beats,
            rate_hz=self.rate_hz,
            frames=samples.shape[0],
            channels=samples.shape[1],
            loudness_mlufs=measure_mlufs(samples, self.rate_hz),
            opt_in=facts.opt_in,
            splits=facts.splits,
            isrc=facts.isrc,
            credits=facts.credits,
        )


def _edited(stem: StemFacts, changes: Mapping[str, str]) -> StemFacts:
    facts = parse_facts(stem.stem_id.hex(), {**stated_texts(stem), **changes})
    return replace(
        stem,
        title=facts.title,
        artist=facts.artist,
        role=facts.role,
        key=facts.key,
        tempo_mbpm=facts.tempo_mbpm,
        beats=facts.beats,
        splits=facts.splits,
        isrc=facts.isrc,
        credits=facts.credits,
    )
