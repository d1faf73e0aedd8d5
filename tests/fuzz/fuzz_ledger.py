"""The ledger's desk: what an operator brings from others. What comes over the broker is in `fuzz_intake.py`."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from amos.protocol.catalogue import TYP_CATALOGUE
from amos.protocol.cose import TYP_MANIFEST, parse
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment, sign_enrolment
from amos.protocol.link import IDENTIFY_CONTEXT
from amos_ledger import registry
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder, init_folder
from amos_ledger.ledger import Ledger
from fuzz_chance import Chance, resigned, spoil, twisted
from fuzz_messages import TAKEN
from protocol_examples import Examples, Party

DEVICES = 48
NOON = 1_793_534_400
SITE = "harbour"
RATE_HZ = 48_000
SPAN = 60 * RATE_HZ
STEM_FRAMES = 10 * RATE_HZ
SCORE = hashlib.sha256(b"score").digest()

_TEMPLATE: list[tempfile.TemporaryDirectory[str]] = []


def enrolment_of(party: Party, operator: Party, **changes: object) -> bytes:
    """As an operator signs it."""
    nonce = bytes(16)
    facts: dict[str, object] = {
        "version": 1, "device_id": party.id, "public_key": party.public_key, "site": SITE, "name": "p", "tier": 1,
        "board": "linux", "voices": 8, "nonce": nonce, "possession": party.sign(IDENTIFY_CONTEXT + nonce),
        "unix_s": NOON,
    }  # fmt: skip
    return sign_enrolment(Enrolment(**(facts | changes)), operator.id, operator.sign)


def parties() -> list[Party]:
    """The devices; the examples' own four come first."""
    return [Party(10 + number) for number in range(DEVICES)]


def a_ledger() -> tempfile.TemporaryDirectory[str]:
    """A copy of a ledger with a pack and every device enrolled; making one waits for the disk many times."""
    if not _TEMPLATE:
        _TEMPLATE.append(tempfile.TemporaryDirectory(prefix="fuzz"))
        examples = Examples()
        path = Path(_TEMPLATE[0].name) / "ledger"
        folder = init_folder(path, "ledger.example/fuzz", examples.operator.public_key, examples.publisher.public_key)
        with folder.open_store() as store:
            registry.add_pack(folder, store, examples.messages["manifest"], examples.messages["catalogue"])
            for party in parties():
                registry.enrol(folder, store, enrolment_of(party, examples.operator))
            registry.publish(folder, store)
    copied = tempfile.TemporaryDirectory(prefix="fuzz")
    shutil.copytree(Path(_TEMPLATE[0].name) / "ledger", Path(copied.name) / "ledger")
    return copied


class Desk:
    """Enrolments, packs and catalogues that strangers made, or that somebody entitled signed and that are wrong."""

    NAME, SHARE, CASES = "ledger desk", 28, 600

    def __init__(self, chance: Chance):
        self._chance = chance
        self._home = a_ledger()
        self._folder = Folder(Path(self._home.name) / "ledger")
        self._store = self._folder.open_store()
        self._examples = Examples()
        self._others = [self._examples.messages[name] for name in sorted(self._examples.messages)]

    def case(self) -> str:
        chance, examples = self._chance, self._examples
        try:
            if chance.percent(50):
                party = Party(100 + chance.below(60))
                true = enrolment_of(party, examples.operator, unix_s=NOON + chance.below(9))
                registry.enrol(self._folder, self._store, self._wrong(true, examples.operator, TYP_ENROLMENT))
            else:
                documents = [examples.messages["manifest"], examples.messages["catalogue"]]
                at = chance.below(2)
                documents[at] = self._wrong(documents[at], examples.publisher, (TYP_MANIFEST, TYP_CATALOGUE)[at])
                registry.add_pack(self._folder, self._store, documents[0], documents[1])
        except LedgerError as error:
            return error.name
        return TAKEN

    def _wrong(self, true: bytes, party: Party, typ: str) -> bytes:
        chance = self._chance
        if chance.percent(40):
            return spoil(chance, true, self._others)
        payload = parse(true, 1 << 20).payload
        return resigned(chance, twisted(chance, payload), typ, party.id, party.sign)

    def finish(self) -> None:
        """What was taken can be published and is served again."""
        registry.publish(self._folder, self._store)
        self._store.close()
        Ledger(self._folder).tick()
        self._home.cleanup()


LEDGER_TARGETS = (Desk,)
