"""A small real ledger to report of: three players at two venues, credits in its catalogue, an opt-out in November."""

import shutil
from copy import copy, deepcopy
from pathlib import Path

from settled_world import (
    PUBLISHER,
    RATES,
    SPLITS,
    STEMS,
    Player,
    World,
    manifest_bytes,
    play_november,
    showing,
    signer,
    unix_s,
)

from amos.crypto import key_id, public_key
from amos.protocol.answer import ACCEPTED
from amos.protocol.catalogue import Catalogue, Composer, Share, Work, sign_catalogue
from amos.protocol.envelope_host import wrap
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos.protocol.topics import USAGE, device_topic
from amos_ledger.audit import follow_now
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.opt_outs import add_opt_outs
from amos_ledger.public import Public
from amos_ledger.registry import add_pack, enrol
from amos_ledger.settlement.venues import Venue, Venues
from amos_tools.report.terms import Terms
from amos_tools.report.usage import PeriodUsage, read_period
from amos_tools.verify.published import Published

INCOME_MICRO = 1_000_000_007
PERIOD = "2026-11"
BY_NAME = Terms(Venues("name", stated={"cafe": Venue("=Café, “Blau”", "BE", "DE")}), territory="NO", licence="L-7")
BY_KEY = Terms(Venues("pseudonym", b"k" * 32))


def credited(serial: int = 2, first: list[tuple[str, int]] | None = None) -> bytes:
    """The catalogue of `settled_world` with credits of its first two works; the third's title begins like a formula.
    `first`: other splits of the first work."""
    works = [
        Work(
            stem_id=stem_id,
            title=["Fog", "Tide|low\ttide\\", "=1+1", "Gone"][number],
            artist="Ann & Bob",
            isrc="QZES72600001" if number == 0 else None,
            splits=[Share(payee=payee, ppm=ppm) for payee, ppm in splits],
        )
        for number, (stem_id, splits) in enumerate(zip(STEMS, SPLITS, strict=True))
    ]
    works[0].iswc, works[0].publisher, works[0].label, works[0].upc = "T0345246801", "Kite", "Harbour", "036000291452"
    if first is not None:
        works[0].splits = [Share(payee=payee, ppm=ppm) for payee, ppm in first]
    works[0].composers = [Composer(name="Ada North", ipi="00014107338"), Composer(name="Cy|Reed")]
    works[0].ai_use, works[0].training = 0, False
    works[1].ai_use = 2
    signed: bytes = sign_catalogue(
        Catalogue(version=2, serial=serial, works=works), key_id(public_key(PUBLISHER)), signer(PUBLISHER)
    )
    return signed


def join_harbour(world: World) -> None:
    """A third player, at another venue."""
    player = Player(b"Z" * 32, "deck-1", RATES[0])
    world.players.append(player)
    with world.folder.open_store() as store:
        enrol(world.folder, store, player.enrolment(site="harbour"))


def play_harbour(world: World, rows: list[tuple[int, int]], played: int | None, received: int) -> None:
    player = world.players[2]
    message = Message.of(device_topic("harbour", player.device, USAGE), wrap(player.play(rows, played)))
    ledger = Ledger(world.folder)
    try:
        with showing(world.folder, received):
            assert [reply.answer.verdict for reply in ledger.take([message], received)] == [ACCEPTED]
    finally:
        ledger.close()


def make(path: Path) -> World:
    world = World(path)
    play_november(world)
    with world.folder.open_store() as store:
        add_pack(world.folder, store, manifest_bytes(RATES[0]), credited(), unix_s=1)
    join_harbour(world)
    noon, received = unix_s(2026, 11, 7, 12), unix_s(2026, 11, 8)
    listed = list_opt_outs(1, noon + 3600, [STEMS[1]])
    add_opt_outs(world.folder, sign_opt_outs(listed, key_id(public_key(PUBLISHER)), signer(PUBLISHER)))
    play_harbour(world, [(0, 12_345), (1, 4_410)], noon, received)
    play_harbour(world, [(1, 44_100), (3, 100)], noon + 7200, received)
    play_harbour(world, [(2, 777)], None, received)
    return world


def copied(world: World, path: Path) -> World:
    other = copy(world)
    other.path = Path(shutil.copytree(world.path, path))
    other.folder, other.players = Folder(other.path), deepcopy(world.players)
    return other


def publish(world: World) -> None:
    """Bring the audit folder up to the log."""
    with world.folder.open_store() as store:
        with world.folder.publishing():
            Public(world.folder).publish(store, lambda _step: None)
        follow_now(world.folder, store)


def usage_of(world: World, period: str = PERIOD) -> PeriodUsage:
    return read_period(Published(world.folder.path / "audit"), world.keys, period, keep_placements=True)
