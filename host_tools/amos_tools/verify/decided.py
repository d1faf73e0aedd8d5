"""What the log says was in force: documents of the publisher, and quarantines until a ruling lifts them.

A log from before these were entries has none, and nothing is asked of what stands before the first.
"""

from collections.abc import Container
from dataclasses import dataclass, field

from amos.protocol.closing import Closing
from amos.protocol.document import CATALOGUE, read_document
from amos.protocol.quarantine import LIFT, Ruling, read_quarantine
from amos_tools.verify.errors import Difference


@dataclass
class Decided:
    """So far in the walk.

    manifests    SHA-256 of those named
    catalogues   serial → SHA-256
    quarantines  device → index of the entry since which it is in quarantine
    rejected     (device, SHA-256) of segments that never count
    paying_serial  the serial under which the last closing's catalogue was named
    """

    manifests: set[bytes] = field(default_factory=set)
    catalogues: dict[int, bytes] = field(default_factory=dict)
    quarantines: dict[bytes, int] = field(default_factory=dict)
    rejected: set[tuple[bytes, bytes]] = field(default_factory=set)
    paying_serial: int | None = None

    def take_text(self, index: int, entry: bytes, enrolled: Container[bytes]) -> bool:
        """Whether the entry is one of these texts, and noted. Raises `Difference`, `MessageError`."""
        document = read_document(entry)
        if document is not None:
            self._name(f"entry {index}: document", *document)
            return True
        begun = read_quarantine(entry)
        if begun is None:
            return False
        device_id = begun[0]
        if device_id not in enrolled:
            raise Difference(f"entry {index}: quarantine.device", "one enrolled before", device_id)
        if device_id in self.quarantines:
            raise Difference(f"entry {index}: quarantine.device", "one not in quarantine", device_id)
        self.quarantines[device_id] = index
        return True

    def _name(self, label: str, kind: str, serial: int, sha256: bytes, _unix_s: int | None) -> None:
        if kind != CATALOGUE:
            self.manifests.add(sha256)
            return
        if serial in self.catalogues:
            raise Difference(f"{label}.serial", "one that no catalogue before has", serial)
        self.catalogues[serial] = sha256

    def take_ruling(self, label: str, ruling: Ruling) -> None:
        """A ruling is about the quarantine in force. Raises `Difference`."""
        begun = self.quarantines.get(ruling.device_id)
        if begun != ruling.quarantine:
            raise Difference(f"{label}: ruling.quarantine", "none" if begun is None else begun, ruling.quarantine)
        if ruling.action == LIFT:
            del self.quarantines[ruling.device_id]
        self.rejected.update((ruling.device_id, sha256) for sha256 in ruling.rejected)

    def check_usage(self, label: str, device_id: bytes, sha256: bytes, pack: bytes) -> None:
        """A segment that counts is of no device in quarantine, was not rejected, and its pack was named before it."""
        if device_id in self.quarantines:
            found = f"{device_id.hex()}, in it since entry {self.quarantines[device_id]}"
            raise Difference(f"{label}: usage.device_id", "one not in quarantine", found)
        if (device_id, sha256) in self.rejected:
            raise Difference(f"{label}: usage", "one that the operator did not reject", sha256)
        if self.manifests and pack not in self.manifests:
            raise Difference(f"{label}: usage.pack", "one whose manifest was named before", pack)

    def check_closing(self, label: str, closing: Closing) -> None:
        """It pays by the latest catalogue; the serial that this one was named with is kept for who reads it."""
        if closing.readings_of is not None:
            return  # it has the catalogue of the closing whose readings it divides by
        self.paying_serial = max(self.catalogues, default=None)
        if self.catalogues:
            latest = self.catalogues[max(self.catalogues)]
            if closing.catalogue_sha256 != latest:
                raise Difference(f"{label}: closing.catalogue_sha256", latest, closing.catalogue_sha256)
