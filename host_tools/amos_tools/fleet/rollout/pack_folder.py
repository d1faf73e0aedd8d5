"""Which pack a folder holds, as players will know it."""

import hashlib
from pathlib import Path

from amos.protocol.cose import TYP_MANIFEST, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import Manifest
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.rollout.state import Pack
from amos_tools.fleet.wanted import place_of


def pack_of(folder: Path, place: str | None) -> Pack:
    """Its signature is the publisher's, whose key the desk need not know: players and couriers check it.

    Raises `FleetError`, OSError.
    """
    place = None if place is None else place_of(place)
    with (folder / "manifest.cose").open("rb") as file:
        data = file.read(MANIFEST_BYTES_MAX + 1)
    try:
        manifest = Manifest.decode(parse_typed(data, TYP_MANIFEST, MANIFEST_BYTES_MAX).payload)
    except ProtocolError as error:
        raise FleetError(f"{folder}: expected a pack: {error}") from None
    parts = [manifest.score_sha256, *sorted(stem.stem_id + stem.sha256 for stem in manifest.stems)]
    plays = hashlib.sha256(b"".join(parts)).hexdigest()
    return Pack(hashlib.sha256(data).hexdigest(), manifest.serial, plays, place)
