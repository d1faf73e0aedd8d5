"""A pack and a plan to a WAV file with its provenance."""

from pathlib import Path

from amos.crypto import verify
from amos.packs.folder import PackFolder
from amos.protocol.catalogue import Work, open_catalogue
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos_tools.pack.folder import CATALOGUE_NAME
from amos_tools.render.bext import bext
from amos_tools.render.engine import Rendered, render
from amos_tools.render.errors import CatalogueMissing
from amos_tools.render.plan import Plan
from amos_tools.render.provenance import Provenance, UsedStem, to_ixml
from amos_tools.render.wave_file import WaveFile


def render_file(pack: PackFolder, publisher: bytes, plan: Plan, out: Path, created_unix_s: int) -> Provenance:
    """Render `plan` to `out`; the same arguments give the same bytes. Raises a `RenderError`, `ProtocolError`.

    `publisher` is the public key that the pack was opened with; its catalogue, which names titles, artists and ISRCs,
    must be signed with the same.
    """
    works = read_works(pack, publisher)
    nothing = Rendered(bytes(32), {})
    size = len(bext(provenance(pack, publisher, plan, nothing, works), created_unix_s))
    with WaveFile(out, pack.manifest.rate_hz, size) as file:
        facts = provenance(pack, publisher, plan, render(pack, plan, file.write), works)
        file.finish(bext(facts, created_unix_s), to_ixml(facts))
    return facts


def read_works(pack: PackFolder, publisher: bytes) -> dict[bytes, Work]:
    """The works of the pack's catalogue by stem id. Raises `CatalogueMissing`."""
    path = Path(pack.path) / CATALOGUE_NAME
    try:
        with path.open("rb") as file:
            data = file.read(CATALOGUE_BYTES_MAX + 1)
        return {work.stem_id: work for work in open_catalogue(data, publisher, verify).works}
    except (OSError, ProtocolError) as error:
        raise CatalogueMissing(f"{path}: expected the publisher's catalogue, found {error}") from None


def provenance(
    pack: PackFolder, publisher: bytes, plan: Plan, rendered: Rendered, works: dict[bytes, Work]
) -> Provenance:
    """What the file will say of itself."""
    manifest = pack.manifest
    stems = []
    for index, intervals in rendered.intervals.items():
        stem = manifest.stems[index]
        work = works.get(stem.stem_id)
        if work is None:
            raise CatalogueMissing(f"catalogue: expected the work of stem {stem.stem_id.hex()}, found none")
        stems.append(UsedStem(index, stem.stem_id, stem.sha256, work.title, work.artist, work.isrc, tuple(intervals)))
    return Provenance(
        name=manifest.name,
        pack_id=pack.pack_id,
        pack_serial=manifest.serial,
        publisher=publisher,
        score_sha256=manifest.score_sha256,
        rate_hz=manifest.rate_hz,
        plan=plan,
        pcm_sha256=rendered.pcm_sha256,
        stems=tuple(stems),
    )
