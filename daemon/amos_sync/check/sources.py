"""What a courier takes from files, servers and ports beside its broker: the pack, the opt-out list, its metrics."""

from collections.abc import Iterator
from typing import Any

from amos.crypto import verify
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos.protocol.link_courier_pack import PackToSend
from amos.protocol.manifest import open_manifest
from amos.protocol.opt_outs import open_opt_outs
from amos_metrics.errors import MetricsUnusable
from amos_metrics.server import serving
from amos_sync.check.finding import Finding, fine, wrong
from amos_sync.courier_settings import Settings
from amos_sync.errors import PackSourceError
from amos_sync.pack_source import FolderSource, open_source

_PACKS, _OPT_OUTS, _METRICS = "packs", "opt-outs", "metrics"


def check_packs(settings: Settings) -> list[Finding]:
    """Reads the manifest there, and in a folder every blob. Of a server the courier itself fetches the rest."""
    if settings.packs is None:
        return []
    source = open_source(settings.packs, settings.spool / "packs")
    try:
        signed = source.read_manifest()
        if settings.publisher_key is not None:
            open_manifest(signed, settings.publisher_key, verify)
        pack = PackToSend(signed)
        if isinstance(source, FolderSource):
            for sha256, size in pack.blobs:
                source.blob(sha256, size)
    except PackSourceError as error:
        advice = "name the folder or URL in which manifest.cose of a built pack lies (amos pack build), all of it"
        return [wrong(_PACKS, str(error), advice, _PACKS)]
    except ProtocolError as error:
        advice = "build the pack anew, or find out which publisher's key is right: players take it by no other"
        return [wrong(_PACKS, f"{source.name}: {error}", advice, _PACKS)]
    return [fine(_PACKS, f"{source.name}: pack {pack.manifest.serial} ({pack.manifest.name})")]


def check_opt_outs(settings: Settings) -> list[Finding]:
    """Reads the list, and looks who signed it."""
    path = settings.opt_outs
    if path is None:
        return []
    try:
        with path.open("rb") as file:
            data = file.read(OPT_OUTS_BYTES_MAX + 1)
    except OSError as error:
        advice = "have the publisher's list put there, or leave the setting out: the broker's is taken anyway"
        return [wrong(_OPT_OUTS, f"{path}: {error.strerror}", advice, _OPT_OUTS)]
    if len(data) > OPT_OUTS_BYTES_MAX:
        sentence = f"{path}: expected a list of at most {OPT_OUTS_BYTES_MAX} bytes"
        return [wrong(_OPT_OUTS, sentence, "name the publisher's signed list", _OPT_OUTS)]
    if settings.publisher_key is not None:
        try:
            open_opt_outs(data, settings.publisher_key, verify)
        except ProtocolError as error:
            return [wrong(_OPT_OUTS, f"{path}: {error}", "name the publisher's signed list", _OPT_OUTS)]
    return [fine(_OPT_OUTS, f"{path} can be read")]


def check_metrics(address: str | None, courier_runs: bool) -> list[Finding]:
    """Serves there for a moment, unless the courier does."""
    if address is None:
        return []
    if courier_runs:
        return [fine(_METRICS, f"{address}: the courier that runs here serves them")]
    try:
        with serving(address, _Nothing(), list):
            return [fine(_METRICS, f"{address} is free for them")]
    except MetricsUnusable as error:
        advice = "name a HOST:PORT of this machine that nothing else uses; the courier does not start without it"
        return [wrong(_METRICS, str(error), advice, _METRICS)]


class _Nothing:
    def collect(self) -> Iterator[Any]:
        yield from ()
