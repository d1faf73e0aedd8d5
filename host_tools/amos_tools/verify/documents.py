"""What the publisher signed, as it lies beside the published log: verified by the pinned key, each read once."""

from functools import lru_cache

from amos.crypto import verify
from amos.protocol.catalogue import Catalogue, open_catalogue
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos.protocol.limits import MANIFEST_BYTES_MAX
from amos.protocol.manifest import Manifest, open_manifest
from amos_tools.verify.counted import counted
from amos_tools.verify.errors import Difference
from amos_tools.verify.published import Published


class Documents:
    """Manifests by pack, catalogues by SHA-256. Raises `Difference` for one by another key."""

    def __init__(self, published: Published, publisher_key: bytes) -> None:
        self._published = published
        self._key = publisher_key
        self.manifest = lru_cache(maxsize=None)(self._manifest)

    def _manifest(self, pack: bytes) -> Manifest:
        data = self._published.read_hashed("manifests", pack, MANIFEST_BYTES_MAX)
        try:
            return open_manifest(data, self._key, verify)
        except ProtocolError as error:
            raise Difference(f"manifest {pack.hex()}", "one by the pinned publisher key", error) from None

    def catalogue(self, sha256: bytes) -> Catalogue:
        """The one with this hash."""
        data = self._published.read_hashed("catalogues", sha256, CATALOGUE_BYTES_MAX)
        try:
            return open_catalogue(data, self._key, verify)
        except ProtocolError as error:
            raise Difference("catalogue", "one by the pinned publisher key", error) from None

    def said(self) -> str:
        """What was looked at."""
        return f"catalogue and {counted(self.manifest.cache_info().currsize, 'manifest')} by the pinned publisher key"
