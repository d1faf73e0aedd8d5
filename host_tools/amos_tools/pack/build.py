"""Builds a pack: the script's stems at its rate, tempo and key, the score, and a manifest that signs for both."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from amos.crypto import key_id, public_key, sign, verify
from amos.packs.folder import MANIFEST_NAME
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.limits import MANIFEST_BYTES_MAX, STEMS_MAX
from amos.protocol.manifest import CODECS, VERSION, Manifest, PackStem, open_manifest
from amos.protocol.signing import sign_manifest
from amos.score.score import Score, decode_score
from amos_tools.pack import errors
from amos_tools.pack.catalogue import export_catalogue
from amos_tools.pack.conform import Plan, Target, plan_for
from amos_tools.pack.ends import Hole
from amos_tools.pack.fades import fades_over
from amos_tools.pack.folder import PackWriter
from amos_tools.pack.level import SHORT_MLU_MAX
from amos_tools.pack.lift import Lifted
from amos_tools.pack.prepare import Prepared, Workshop
from amos_tools.pack.profile import Profile
from amos_tools.pack.shape_loss import NAMED_MDB, Loss, shapes_over
from amos_tools.pack.working import Working, find_working
from amos_tools.stems import ROLES, StemFacts
from amos_tools.tags import AS_RECORDED, has_tag
from amos_tools.vault import Vault


class CompiledScript(Protocol):
    """What the builder needs of a compiled script (`amos_tools.script.Compiled`)."""

    @property
    def score(self) -> bytes:
        """Encoded score."""

    @property
    def stems(self) -> Sequence[StemFacts]:
        """The stem table, in the order the score counts."""

    @property
    def targets(self) -> Sequence[Target]:
        """What each of these stems is brought to. A stem may stand in the table several times, each for another."""


@dataclass(frozen=True, slots=True)
class PackSummary:
    """What was built. `pack_id` is the SHA-256 of the signed manifest; `variants` are its rows, which have so many
    `stems`. `held_up`: those that fade in their own files, and by how many thousandths of a decibel at most their ends
    were held up. `holes`: those that stay soft at an end under fades of their layers, and why. `losses`: what shapes
    take of those that are hardly heard in one of their layers."""

    path: Path
    pack_id: bytes
    serial: int
    stems: int
    variants: int
    blob_bytes: int
    working: Working
    target_mlufs: int
    levelled: tuple[tuple[StemFacts, Lifted], ...]
    held_up: tuple[tuple[StemFacts, int], ...]
    holes: tuple[tuple[StemFacts, Hole], ...]
    losses: tuple[tuple[StemFacts, Loss], ...]

    @property
    def amplified(self) -> list[tuple[StemFacts, Lifted]]:
        """The stems that play louder than the vault has them."""
        return [(stem, level) for stem, level in self.levelled if level.gain_mdb > 0]

    @property
    def limited(self) -> list[tuple[StemFacts, Lifted]]:
        """The stems whose highest peaks were taken down."""
        return [(stem, level) for stem, level in self.levelled if level.limited_mdb]

    @property
    def short(self) -> list[tuple[StemFacts, Lifted]]:
        """The stems whose peaks or noise keep them from the loudness of the others."""
        return [(stem, level) for stem, level in self.levelled if level.short_mdb > SHORT_MLU_MAX]

    @property
    def heard(self) -> list[tuple[StemFacts, Lifted]]:
        """The stems that the forecast has heard."""
        return [self.levelled[index] for index in self.working.sampled]


def build_pack(
    compiled: CompiledScript,
    vault: Vault,
    out_dir: Path | str,
    *,
    publisher_seed: bytes,
    serial: int,
    board_class: str,
    lease_end_unix_s: int,
    codec: str = "pcm16",
    issued_unix_s: int | None = None,
) -> PackSummary:
    """Build the pack into `out_dir`, atomically: a reader finds the pack that was there or this one, whole.

    `codec` is pcm16 or qoa. `issued_unix_s` is when it is made: a player without a clock counts the lease from there,
    or, where it is None, from a month before its end. The same inputs give the same bytes. Raises a `PackBuildError`,
    or a `VaultError` for a damaged blob.
    """
    out_dir = Path(out_dir)
    if codec not in CODECS:
        raise errors.NotRepresentable(f"codec: expected {' or '.join(CODECS)}, found {codec}")
    score = _score(compiled)
    stems = _checked_stems(compiled, vault)
    writer = PackWriter(out_dir)
    try:
        workshop = Workshop(vault, score.rate_hz, score.peak_mdb, codec, writer.put_blob)
        working, prepared = _prepared(stems, compiled, workshop)
        records = [_record(stem, codec, lease_end_unix_s) for stem in prepared]
        manifest = Manifest(
            version=VERSION + any(stem.stem.role == "vocals" for stem in prepared),
            serial=serial,
            name=score.name,
            rate_hz=score.rate_hz,
            board_class=board_class,
            voices=score.voices,
            lease_end_unix_s=lease_end_unix_s,
            score_sha256=writer.put_blob(compiled.score),
            score_bytes=len(compiled.score),
            stems=records,
            issued_unix_s=issued_unix_s,
        )
        signed = _signed(manifest, publisher_seed)
        _refuse_rollback(out_dir, signed, serial, public_key(publisher_seed))
        catalogue = export_catalogue(vault, publisher_seed, serial)
    except (Exception, KeyboardInterrupt):
        writer.abandon()
        raise
    writer.commit(signed, catalogue)
    blob_bytes = len(compiled.score) + sum({record.sha256: record.size_bytes for record in records}.values())
    return PackSummary(
        path=out_dir,
        pack_id=hashlib.sha256(signed).digest(),
        serial=serial,
        stems=len({record.stem_id for record in records}),
        variants=len(records),
        blob_bytes=blob_bytes,
        working=working,
        target_mlufs=score.target_mlufs,
        levelled=tuple((stem.stem, stem.lifted) for stem in prepared),
        held_up=tuple((stem.stem, stem.hold.mdb) for stem in prepared if stem.hold.mdb),
        holes=tuple((stem.stem, hole) for stem in prepared for hole in stem.hold.holes),
        losses=tuple((stem.stem, stem.loss) for stem in prepared if stem.loss and stem.loss.mdb > NAMED_MDB),
    )


def stretched_stems(compiled: CompiledScript) -> list[StemFacts]:
    """The stems of the script that a pack has at another tempo or in another key."""
    plans = [(stem, plan_for(stem, target)) for stem, target in zip(compiled.stems, compiled.targets, strict=True)]
    return list({stem.stem_id: stem for stem, plan in plans if plan is not None and plan.changes}.values())


@dataclass(frozen=True, slots=True)
class TableStem:
    """A stem as a pack would have it. `profile` is of the samples that the pack has, before `gain_q15`; `loss` is what
    that shape of its layers takes which takes most."""

    stem: StemFacts
    frames: int
    gain_q15: int
    profile: Profile
    loss: Loss | None


def stem_table(compiled: CompiledScript, vault: Vault) -> tuple[list[TableStem], Working]:
    """The stems exactly as a pack would have them, and how loud it would play, without building one.

    Raises a `PackBuildError`, or a `VaultError` for a damaged blob.
    """
    score = _score(compiled)
    workshop = Workshop(vault, score.rate_hz, score.peak_mdb, "pcm16", lambda blob: hashlib.sha256(blob).digest())
    working, prepared = _prepared(_checked_stems(compiled, vault), compiled, workshop)
    return [TableStem(stem.stem, stem.frames, stem.gain_q15, stem.profile, stem.loss) for stem in prepared], working


def artist_id(artist: str) -> bytes:
    """The artist as a manifest names them: the first 16 bytes of the SHA-256 of the name in UTF-8."""
    return hashlib.sha256(artist.encode()).digest()[:16]


def _prepared(stems: list[StemFacts], compiled: CompiledScript, workshop: Workshop) -> tuple[Working, list[Prepared]]:
    """The loudness that stems are brought to, and every stem as the pack has it."""
    score = _score(compiled)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
        plans = [plan_for(stem, target) for stem, target in zip(stems, compiled.targets, strict=True)]
        lengths = [_length(stem, plan, score.rate_hz) for stem, plan in zip(stems, plans, strict=True)]
        fades = [
            0 if has_tag(stem, AS_RECORDED) else fade
            for stem, fade in zip(stems, fades_over(score, lengths), strict=True)
        ]
        measured = list(workers.map(workshop.measure, stems, plans, fades, shapes_over(score)))
        working = find_working(score, measured, workshop)
        return working, list(workers.map(lambda stem: workshop.finish(stem, working.mlufs), measured))


def _length(stem: StemFacts, plan: Plan | None, rate_hz: int) -> int:
    frames = stem.frames * rate_hz // stem.rate_hz
    return plan.frames(frames, rate_hz) if plan else frames


def _score(compiled: CompiledScript) -> Score:
    try:
        score = decode_score(compiled.score)
    except ProtocolError as error:
        raise errors.ScoreMismatch(f"score: {error}") from None
    if score.stems != len(compiled.stems):
        raise errors.ScoreMismatch(f"score: expected {score.stems} stems in the table, found {len(compiled.stems)}")
    for index, first in enumerate(score.variants or ()):
        if compiled.stems[index].stem_id != compiled.stems[first].stem_id:
            raise errors.ScoreMismatch(f"score: expected variants of one stem, found {compiled.stems[index].title}")
    return score


def _checked_stems(compiled: CompiledScript, vault: Vault) -> list[StemFacts]:
    """The vault's own rows for the table, consent checked again: it may have ended since the script was compiled."""
    table = compiled.stems
    once = {(stem.stem_id, target) for stem, target in zip(table, compiled.targets, strict=True)}
    if not 1 <= len(table) <= STEMS_MAX or len(once) != len(table):
        raise errors.BadStemTable(f"stems: expected 1 to {STEMS_MAX}, each once, found {len(table)}")
    held = {stem.stem_id: stem for stem in vault.stems()}
    stems = []
    for stem in table:
        current = held.get(stem.stem_id)
        if current is None or current.sha256 != stem.sha256:
            raise errors.StemGone(f"{stem.title}: expected stem {stem.stem_id.hex()} in the vault, found none")
        if not (stem.opt_in and current.opt_in):
            raise errors.NotOptedIn(f"{stem.title}: expected opt-in by {stem.artist}, found none")
        stems.append(current)
    return stems


def _record(prepared: Prepared, codec: str, lease_end_unix_s: int) -> PackStem:
    stem = prepared.stem
    return PackStem(
        stem_id=stem.stem_id,
        sha256=prepared.sha256,
        size_bytes=prepared.size_bytes,
        codec=CODECS.index(codec),
        frames=prepared.frames,
        channels=prepared.channels,
        role=ROLES.index(stem.role),
        key=prepared.key,
        tempo_mbpm=prepared.tempo_mbpm,
        gain_q15=prepared.gain_q15,
        artist_id=artist_id(stem.artist),
        lease_end_unix_s=lease_end_unix_s,
    )


def _signed(manifest: Manifest, publisher_seed: bytes) -> bytes:
    publisher = key_id(public_key(publisher_seed))
    try:
        signed = sign_manifest(manifest, publisher, lambda message: sign(publisher_seed, message))
    except LocalError as error:
        raise errors.NotRepresentable(str(error)) from None
    if len(signed) > MANIFEST_BYTES_MAX:
        raise errors.NotRepresentable(f"manifest: expected at most {MANIFEST_BYTES_MAX} bytes, found {len(signed)}")
    return signed


def _refuse_rollback(folder: Path, signed: bytes, serial: int, publisher: bytes) -> None:
    path = folder / MANIFEST_NAME
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            there = file.read(MANIFEST_BYTES_MAX + 1)
        if there == signed:
            return
        found = open_manifest(there, publisher, verify).serial
    except (OSError, ProtocolError) as error:
        raise errors.UnreadablePack(f"{path}: expected this publisher's manifest, found {error}") from None
    if serial <= found:
        raise errors.SerialNotNewer(f"{folder}: expected a serial above {found}, found {serial} for other contents")
