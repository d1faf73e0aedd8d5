"""A device that proved its key gets its place: the enrolment is signed, kept, and brought to the ledger."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amos.protocol.link_courier_proof import Proof
from amos_cli.keys import public_key_of
from amos_cli.output import UsageError
from amos_ledger.folder import Folder
from amos_mqtt.broker import Broker
from amos_tools.device.deliver import Delivered, EnrolmentRefusedError, into_folder, over_broker
from amos_tools.device.place import Place, check, enrolment_for
from amos_tools.device.records import Record, Records

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ledger:
    """Where enrolments go: a ledger's folder on this machine, or a broker; neither: to be brought by hand."""

    public_key: bytes
    folder: Path | None = None
    broker: Broker | None = None


def ledger_of(folder: Path | None, broker: Broker | None, key: str | None) -> Ledger:
    """That of a command line's options. Raises `UsageError`, `LedgerError`."""
    known = Folder(folder).public_key.hex() if folder is not None else None
    if known is not None and key not in (None, known):
        raise UsageError(f"--ledger-key: expected {known} of {folder}, found {key}")
    return Ledger(pinned_key("--ledger-key", known or key), folder, broker)


def pinned_key(option: str, text: str | None) -> bytes:
    """A public key that is pinned. Raises `UsageError`."""
    if text is None:
        raise UsageError(f"expected {option} HEX, or --ledger DIR, which knows it; found neither")
    return public_key_of(text, option)


def enrol(
    place: Place, identity: Proof, operator_seed: bytes, records: Records, ledger: Ledger, wait_s: float, say: Say
) -> Record:
    """The enrolment in force. What broke off goes on, and what is done is done once. Each step is said.

    Raises `PlaceError`, `RecordError`, `DeliveryError` (`EnrolmentRefusedError` for good), `LedgerError`, `LocalError`
    and OSError.
    """
    record = _signed(place, identity, operator_seed, records, ledger, say)
    try:
        _delivered(record, records, ledger, wait_s, say)
    except EnrolmentRefusedError:
        records.drop_pending(record)
        raise
    records.keep(record)
    return record


def _signed(place: Place, identity: Proof, operator_seed: bytes, records: Records, ledger: Ledger, say: Say) -> Record:
    kept = records.find(place.site, place.name)
    pending = records.find_pending(place.site, place.name)
    holder = records.in_ledger(ledger.folder, place.site, place.name) if ledger.folder is not None else None
    place = place.settled_by(holder or kept, identity.device_id)
    check(place, holder or kept, identity.device_id, records.places_of(identity.device_id))
    mine = [record for record in (holder, kept, pending) if record and record.enrolment.device_id == identity.device_id]
    latest = max(mine, key=lambda record: record.enrolment.unix_s, default=holder or kept)
    record = enrolment_for(place, latest, identity, operator_seed, int(time.time()))
    facts = f"{place.name} at {place.site}, tier {place.tier}"
    if record.enrolment.predecessor is not None:
        facts += f", in the place of {record.enrolment.predecessor.hex()}"
    if any(record.data == before.data for before in mine):
        say(f"enrolment: was signed for {facts}")
    else:
        records.stage(record)
        say(f"enrolment: signed for {facts}")
    return record


def _delivered(record: Record, records: Records, ledger: Ledger, wait_s: float, say: Say) -> None:
    if ledger.folder is not None:
        done: Delivered = into_folder(ledger.folder, record.data)
    elif ledger.broker is not None:
        done = over_broker(ledger.broker, record.data, record.enrolment, ledger.public_key, wait_s)
    else:
        path = records.path(record.enrolment.site, record.enrolment.name)
        say(f"ledger: bring it the enrolment with: amos ledger enrol LEDGER {path}")
        return
    say("ledger: enrolled; play counts from here on" if done.fresh else "ledger: had it; nothing changed")
