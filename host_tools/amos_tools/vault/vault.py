"""A vault: stems with the facts their artists state, stored by SHA-256."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np

from amos_tools.stems import StemFacts
from amos_tools.vault import errors
from amos_tools.vault.audio import Audio, StoredFrames, to_float
from amos_tools.vault.blobs import Blobs
from amos_tools.vault.catalogue import Catalogue
from amos_tools.vault.facts import StatedFacts, check_splits, field_named, parse_facts, stated_texts
from amos_tools.vault.findings import Finding, found_in, found_in_file
from amos_tools.vault.limits import VAULT_RATES_HZ
from amos_tools.vault.loudness import measure_mlufs
from amos_tools.vault.usable import usable_audio
from amos_tools.vault.wav import wav_bytes, wav_samples

_CATALOGUE = "vault.sqlite"
_COMMIT_STEMS = 32
"""Stems per transaction of a batch: a commit costs two fsyncs, a crash repeats at most these imports."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a batch did: stems stored (in the order given), refusals, one per file, and what was heard in the others."""

    imported: tuple[StemFacts, ...]
    refused: tuple[errors.VaultError, ...]
    warned: tuple[Finding, ...] = ()


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
        stem, _findings = self._prepare(Path(path), facts)
        self._catalogue.put([stem])
        return stem

    def import_samples(self, samples: StoredFrames, facts: StatedFacts) -> StemFacts:
        """Import `samples` of shape (frames, channels) at the vault's rate, of 16 bits (int16) or 24 (int32), as
        `import_file` does."""
        stem = self._store(samples, facts)
        self._catalogue.put([stem])
        return stem

    def import_files(
        self, files: Sequence[tuple[Path, StatedFacts]], advance: Callable[[], object] = lambda: None
    ) -> ImportReport:
        """Import many; a bad file is refused and the rest go on. Decoding uses all cores; `advance` is called after
        each file."""
        batch = _Batch({stem.stem_id: stem for stem in self.stems()})
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
            for start in range(0, len(files), _COMMIT_STEMS):
                part = files[start : start + _COMMIT_STEMS]
                for (path, facts), made in zip(part, workers.map(self._try_prepare, part), strict=True):
                    batch.take(path, facts, made)
                    advance()
                self._catalogue.put(batch.ready())
        return ImportReport(tuple(batch.imported), tuple(batch.refused), tuple(batch.warned))

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
        changes = {field_named(name): text for name, text in changes.items()}
        if "opt_in" in changes:
            expected = "any other field: an import with opt_in gives consent, amos vault optout ends it"
            raise errors.NotEditable(None, "opt_in", expected, changes["opt_in"])
        edited = [_edited(stem, changes) for stem in stems]
        self._catalogue.put(edited)
        return edited

    def opt_out(self, stem_ids: Sequence[bytes]) -> None:
        """End the opt-in of these stems; durable when it returns. `opt_in` begins it again."""
        self._catalogue.opt_out(stem_ids)

    def opt_in(self, stem_ids: Sequence[bytes]) -> None:
        """Begin the opt-in of these stems again; durable when it returns. One that has not ended stays as it is.

        All of it or nothing. Raises `NeverOptedIn` for a stem that nobody ever consented to, or that is not here: only
        an import is a first consent.
        """
        never = self._catalogue.opt_in(stem_ids)
        if never:
            expected = "one that was opted in once; an import with opt_in yes is the first consent"
            raise errors.NeverOptedIn(self.path, "stem", expected, never[0].hex())

    def remove(self, stems: Sequence[StemFacts]) -> None:
        """Forget these stems and their audio; durable when it returns. Raises `StillOwed` if one was ever opted in."""
        published = {stem.stem_id for stem in self.published_stems()}
        for stem in stems:
            if stem.stem_id in published:
                expected = "a stem that was never opted in; amos vault optout ends the consent to others"
                raise errors.StillOwed(stem.stem_id.hex(), "stem", expected, stem.title)
        self._catalogue.put([], removed=[stem.stem_id for stem in stems])
        for stem in stems:
            self._blobs.remove(stem.sha256)

    def replace(self, stem: StemFacts, path: Path | str) -> tuple[StemFacts, list[Finding]]:
        """Other audio for a stem: a stem of its own with the same facts, while the consent to the older one ends.

        What the older one has earned stays its own; one that was never opted in is forgotten. All of it or nothing, and
        durable when it returns. Raises a `VaultError`; `ConsentEnded` for a stem that was replaced or opted out before,
        `SameStem` if the audio is that of a stem already.
        """
        held = self.stems()
        published = any(stem.stem_id == other.stem_id for other in self.published_stems())
        if published and not stem.opt_in:
            raise errors.ConsentEnded(stem.stem_id.hex(), "stem", _consenting(stem, held), "one that was ended")
        facts = parse_facts(str(path), stated_texts(stem))
        made, findings = self._prepare(Path(path), facts, anew=True)
        for other in held:
            if other.stem_id == made.stem_id:
                expected = "audio that the vault lacks (amos vault optin brings a stem back)"
                raise errors.SameStem(path, "audio", expected, f"that of {other.title}")
        if published:
            self._catalogue.put([made, replace(stem, opt_in=False)])
        else:
            self._catalogue.put([made], removed=[stem.stem_id])
            self._blobs.remove(stem.sha256)
        return made, findings

    def blob_path(self, sha256: bytes) -> Path:
        """The file of a blob: a WAV."""
        return self._blobs.path(sha256)

    def audio(self, stem: StemFacts) -> StoredFrames:
        """A stem's samples of shape (frames, channels), hash checked: int16, or int32 for 24 bits. Raises
        `BlobDamaged`."""
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

    def _try_prepare(self, item: tuple[Path, StatedFacts]) -> "Made | errors.VaultError":
        try:
            return self._prepare(*item)
        except errors.VaultError as error:
            return error

    def _prepare(self, path: Path, facts: StatedFacts, anew: bool = False) -> "Made":
        """`anew`: a stem of its own, whatever the vault took in of the same file before."""
        check_splits(str(path), facts.splits)
        audio = usable_audio(path, self.rate_hz)
        samples = to_float(audio.samples)
        findings = found_in_file(str(path), audio)
        findings += found_in(str(path), samples, self.rate_hz, facts.tempo_mbpm, facts.beats)
        return self._store(audio.samples if anew else self._known(audio), facts), findings

    def _known(self, audio: Audio) -> StoredFrames:
        """A stem that a vault took in with 16 bits of what the file has stays that stem: payments name it."""
        if self._holds(audio.samples) or not self._holds(audio.rounded):
            return audio.samples
        return audio.rounded

    def _holds(self, samples: StoredFrames) -> bool:
        return self._blobs.path(hashlib.sha256(wav_bytes(samples, self.rate_hz)).digest()).is_file()

    def _store(self, samples: StoredFrames, facts: StatedFacts) -> StemFacts:
        """Store the blob durably and return the facts of its row."""
        check_splits(None, facts.splits)
        known = samples.dtype in (np.int16, np.int32)
        if not known or samples.ndim != 2 or samples.shape[1] not in (1, 2) or len(samples) == 0:
            found = f"{samples.dtype} of shape {samples.shape}"
            raise errors.UnreadableAudio(None, "samples", "int16 or int32 of shape (frames, 1 or 2)", found)
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
            tags=facts.tags,
        )


Made = tuple[StemFacts, list[Finding]]


class _Batch:
    """Sorts what an import made into stems, refusals and findings, each file against those before it."""

    def __init__(self, held: dict[bytes, StemFacts]) -> None:
        self.imported: list[StemFacts] = []
        self.refused: list[errors.VaultError] = []
        self.warned: list[Finding] = []
        self._held = held
        self._seen: dict[bytes, tuple[Path, StatedFacts]] = {}
        self._ready: list[StemFacts] = []

    def take(self, path: Path, facts: StatedFacts, made: Made | errors.VaultError) -> None:
        if isinstance(made, errors.VaultError):
            self.refused.append(made)
            return
        stem, findings = made
        first, stated = self._seen.setdefault(stem.stem_id, (path, facts))
        if stated != facts:
            expected = "the same facts for the same audio"
            found = f"also {facts.title!r}, and {stated.title!r} for {first.name}"
            self.refused.append(errors.ConflictingFacts(path, "audio", expected, found))
            return
        self.warned += findings + self._doubles(path, first, stem)
        self._ready.append(stem)

    def ready(self) -> list[StemFacts]:
        """What was taken since it was asked before."""
        ready, self._ready = self._ready, []
        self.imported += ready
        return ready

    def _doubles(self, path: Path, first: Path, stem: StemFacts) -> list[Finding]:
        """The same audio under two names: in this import, or here and in the vault."""
        held = self._held.get(stem.stem_id)
        if first != path:
            found = f"that of {first.name}: one stem"
        elif held is not None and (held.title, held.artist) != (stem.title, stem.artist):
            found = f"that of {held.title!r} by {held.artist}, which is called {stem.title!r} instead"
        else:
            return []
        return [Finding(str(path), "SameAudio", "audio", "audio of its own", found)]


def _consenting(ended: StemFacts, held: Sequence[StemFacts]) -> str:
    """What to replace instead of a stem whose consent has ended."""
    named = (ended.title, ended.artist)
    newer = [stem.stem_id.hex()[:8] for stem in held if stem.opt_in and (stem.title, stem.artist) == named]
    if newer:
        return f"a stem that is opted in, such as {newer[0]}, which has its title now"
    return "a stem that is opted in; amos vault import with opt_in yes takes other audio in"


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
        tags=facts.tags,
    )
