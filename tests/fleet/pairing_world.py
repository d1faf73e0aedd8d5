"""A desk that answers venues, a ledger beside it, and players that sign as the real ones do; no broker."""

import secrets
from pathlib import Path
from typing import Any

from noise_pack import OPERATOR, PUBLISHER

from amos import crypto
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.pairing_host import Pairing, PairingAnswer, nonce_of
from amos_ledger.folder import init_folder
from amos_mqtt.broker import broker_at
from amos_sync.sealed_code import seal
from amos_tools.device.enrolling import Ledger
from amos_tools.fleet.pairing.answerer import Answerer
from amos_tools.fleet.pairing.book import Book
from amos_tools.fleet.pairing.codes import Code
from amos_tools.fleet.pairing.enroller import Enroller

OPERATOR_KEY = crypto.public_key(OPERATOR)
CAFE, BAR = "harbour-cafe", "station-bar"


class NewPlayer:
    """By its number; `signs` as whatever it is asked."""

    def __init__(self, number: int) -> None:
        self.seed = bytes((number,)) * 32
        self.public_key = crypto.public_key(self.seed)
        self.device_id = crypto.key_id(self.public_key)

    def asks(self, code: str, site: str = CAFE, operator_key: bytes = OPERATOR_KEY, **other: Any) -> bytes:
        """A request, as a courier makes it; `other` fields are as told."""
        salt = secrets.token_bytes(16)
        possession = crypto.sign(self.seed, IDENTIFY_CONTEXT + nonce_of(code, salt, site))
        facts = {"version": 1, "site": site, "sealed": seal(code, salt, operator_key), "public_key": self.public_key}
        facts |= {"possession": possession, "board": "linux", "voices": 8}
        return Pairing(**(facts | other)).encode()


class DeskWorld:
    """`told` is the trail, `said` what goes to who runs it."""

    def __init__(self, folder: Path, **ledger: Any) -> None:
        self.folder = folder
        self.ledger = init_folder(folder / "ledger", "ledger.example/desk", OPERATOR_KEY, crypto.public_key(PUBLISHER))
        self.told: list[tuple[str, str, str, str]] = []
        self.said: list[str] = []
        where = ledger or {"folder": folder / "ledger"}
        self.enroller = Enroller(OPERATOR, OPERATOR_KEY, folder / "enrolments", Ledger(self.ledger.public_key, **where))
        self.restart()

    def restart(self) -> None:
        self.book = Book(self.folder)
        tell = lambda *line: self.told.append(line)  # noqa: E731
        self.desk = Answerer(broker_at("127.0.0.1:9"), self.book, self.enroller, tell, self.said.append)

    def draw(self, site: str = CAFE, name: str = "", days: int = 7) -> Code:
        return self.book.draw(site, name, 0, days, secrets.token_hex(8), "Flo")

    def answer(self, player: NewPlayer, request: bytes, site: str = CAFE) -> PairingAnswer:
        return self.desk.answer(site, player.device_id, request)

    def give(self, player: NewPlayer, code: str, site: str = CAFE) -> PairingAnswer:
        """The answer to this player's code there."""
        return self.answer(player, player.asks(code, site), site)

    def place_of(self, player: NewPlayer) -> tuple[str, str] | None:
        """(site, name) of the player in the ledger."""
        with self.ledger.open_store() as store:
            device = store.chain.device(player.device_id)
            return None if device is None else (device.site, device.name)
