"""What an operator keeps of each place: the signed enrolment of the device that stands there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amos import crypto
from amos.edges.durable_host import write_whole
from amos.edges.private_host import make_private_folders
from amos.protocol.enrolment import Enrolment, open_enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import open_proved
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX
from amos.protocol.limits import ROTATION_BYTES_MAX
from amos.protocol.rotation import read_rotation
from amos_ledger.folder import Folder


class RecordError(Exception):
    """A kept enrolment cannot be read, or is not by this operator."""


@dataclass(frozen=True)
class Record:
    """A signed enrolment and what it says."""

    data: bytes
    enrolment: Enrolment


def is_enrolment(path: Path, operator_key: bytes) -> bool:
    """Whether the file is an enrolment that this operator signed, which may be signed anew. Raises OSError."""
    with path.open("rb") as file:
        data = file.read(ENROLMENT_BYTES_MAX + 1)
    try:
        open_enrolment(data, operator_key, crypto.verify)
    except ProtocolError:
        return False
    return True


class Records:
    """The folder of kept enrolments, one file for each place: `<site>.<name>.cose`.

    One that is on its way to the ledger waits in `<site>.<name>.pending`, so that a run that broke off goes on with it,
    and one that the ledger refuses never stands in the place. Where the operator's key was changed, the rotation is
    kept beside them (`*.rotation`), so that what an earlier key signed is known again.
    """

    def __init__(self, folder: Path, operator_key: bytes) -> None:
        self._folder = folder
        self._operator_key = operator_key

    def path(self, site: str, name: str) -> Path:
        """Where the enrolment of this place is. Neither name holds a dot."""
        return self._folder / f"{site}.{name}.cose"

    def find(self, site: str, name: str) -> Record | None:
        """The enrolment of the device at this place, if one is kept. Raises `RecordError`."""
        return self._read(self.path(site, name))

    def find_pending(self, site: str, name: str) -> Record | None:
        """The enrolment that is on its way for this place. Raises `RecordError`."""
        return self._read(self.path(site, name).with_suffix(".pending"))

    def stage(self, record: Record) -> None:
        """Durably note that it is on its way."""
        make_private_folders(self._folder)
        write_whole(self.path(record.enrolment.site, record.enrolment.name).with_suffix(".pending"), record.data, 0o600)

    def drop_pending(self, record: Record) -> None:
        """It has arrived, or was refused."""
        self.path(record.enrolment.site, record.enrolment.name).with_suffix(".pending").unlink(missing_ok=True)

    def _read(self, path: Path) -> Record | None:
        try:
            with path.open("rb") as file:
                return _opened(str(path), file.read(ENROLMENT_BYTES_MAX + 1), self._keys())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror}") from None

    def places_of(self, device_id: bytes) -> list[Record]:
        """What is kept of this device, at any place. Raises `RecordError`."""
        found = []
        for path in sorted(self._folder.glob("*.cose")) if self._folder.is_dir() else []:
            site, _dot, name = path.stem.partition(".")
            record = self.find(site, name)
            if record is not None and record.enrolment.device_id == device_id:
                found.append(record)
        return found

    def in_ledger(self, folder: Path, site: str, name: str) -> Record | None:
        """The enrolment of the device at this place in that ledger. Raises `RecordError`, `LedgerError`."""
        ledger = Folder(folder)
        with ledger.open_store() as store:
            keys = ledger.operator_line(store).keys
            if keys[-1] != self._operator_key:
                raise RecordError(f"{folder}: expected a ledger where this operator's key is in force, found another")
            device_id = store.chain.at_place(site, name)
            kept = store.chain.enrolment(device_id) if device_id else None
        return _opened(str(folder), kept[1], keys) if kept else None

    def of_ledger(self, folder: Path | None, device_id: bytes) -> list[Record]:
        """The enrolment of this device in that ledger. Raises `RecordError`, `LedgerError`."""
        if folder is None:
            return []
        ledger = Folder(folder)
        with ledger.open_store() as store:
            keys = ledger.operator_line(store).keys
            kept = store.chain.enrolment(device_id)
        return [_opened(str(folder), kept[1], keys)] if kept else []

    def keep(self, record: Record) -> None:
        """Durably put it in its place; the enrolment of another device that stood there gets that device's name."""
        enrolment = record.enrolment
        before = self.find(enrolment.site, enrolment.name)
        path = self.path(enrolment.site, enrolment.name)
        make_private_folders(self._folder)
        if before is not None and before.enrolment.device_id != enrolment.device_id:
            old = before.enrolment.device_id.hex()
            write_whole(path.with_suffix(f".{old}.cose"), before.data, 0o600)
        write_whole(path, record.data, 0o600)
        self.drop_pending(record)

    def _keys(self) -> list[bytes]:
        """The operator's key, and those before it, as far as rotations that are kept here (`*.rotation`) lead back."""
        before = {}
        for path in sorted(self._folder.glob("*.rotation")):
            try:
                data = path.read_bytes()[: ROTATION_BYTES_MAX + 1]
                rotation = open_proved(data, read_rotation(data).old_key, crypto.verify)
            except (ProtocolError, OSError) as error:
                raise RecordError(f"{path}: expected a rotation of an operator's key: {error}") from None
            before[rotation.new_key] = rotation.old_key
        keys = [self._operator_key]
        while keys[-1] in before and before[keys[-1]] not in keys:
            keys.append(before[keys[-1]])
        return keys


def _opened(where: str, data: bytes, keys: Sequence[bytes]) -> Record:
    refusal: ProtocolError | None = None
    for key in keys:
        try:
            return Record(data, open_enrolment(data, key, crypto.verify))
        except ProtocolError as error:
            refusal = refusal or error
    raise RecordError(f"{where}: expected an enrolment by this operator's key: {refusal}") from None
