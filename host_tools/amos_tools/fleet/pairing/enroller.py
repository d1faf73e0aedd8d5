"""What a good code is for: the player's enrolment, as `amos device provision` signs and brings it."""

from dataclasses import dataclass
from pathlib import Path

from amos.protocol.link import OK, Response
from amos.protocol.link_courier_proof import Proof
from amos.protocol.pairing_host import Pairing
from amos_tools.device.enrolling import Ledger, Say, enrol
from amos_tools.device.place import Place, check
from amos_tools.device.records import Records
from amos_tools.fleet.pairing.codes import Code

FIRST_NAME = "player"
LEDGER_S = 8.0
"""For the ledger's receipt; a venue waits longer for the desk."""


@dataclass(frozen=True)
class Enroller:
    """`records` is where signed enrolments are kept."""

    seed: bytes
    operator_key: bytes
    records: Path
    ledger: Ledger

    def enrol(self, code: Code, request: Pairing, nonce: bytes, say: Say) -> str:
        """What the player is called at the code's site from then on. Raises what `amos_tools.device.enrolling.enrol`
        does."""
        records = Records(self.records, self.operator_key)
        response = Response(
            id=0,
            code=OK,
            device_id=request.device_id,
            public_key=request.public_key,
            signature=request.possession,
            board=request.board,
            voices=request.voices,
        )
        name = code.name or self._free_name(records, code.site, request.device_id)
        place = Place(code.site, name, code.tier)
        check(place, None, request.device_id, records.of_ledger(self.ledger.folder, request.device_id))
        enrol(place, Proof(response, nonce), self.seed, records, self.ledger, LEDGER_S, say)
        return name

    def _free_name(self, records: Records, site: str, device_id: bytes) -> str:
        """The first that nobody has there, or that this player has."""
        number, name = 1, FIRST_NAME
        while True:
            folder = self.ledger.folder
            held = [records.find(site, name), records.find_pending(site, name)]
            held += [records.in_ledger(folder, site, name)] if folder is not None else []
            if all(record is None or record.enrolment.device_id == device_id for record in held):
                return name
            number += 1
            name = f"{FIRST_NAME}-{number}"
