"""A ledger that has every kind of entry and every kind of row, and how to look at all of it."""

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from settled_world import showing

from amos.protocol.answer import ACCEPTED
from amos.protocol.delegated import Delegation
from amos.protocol.forgone import Forgone, sign_forgone
from amos.protocol.licence_pool import OPEN
from amos.protocol.loss import Loss, sign_loss
from amos.protocol.opt_outs import OptOuts
from amos.protocol.revocation import Revocation, sign_revocation
from amos.protocol.rotation import OPERATOR
from amos.protocol.segment import CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED
from amos.protocol.signing import sign_delegation, sign_opt_outs
from amos.protocol.topics import TIME
from amos.protocol.transfer import CORRECTION, INCOME, POOL, REFUND
from amos_ledger import registry, rotating
from amos_ledger.audit import follow_now
from amos_ledger.delegated import made_key, take_delegation, withdraw
from amos_ledger.forgoing import forgo
from amos_ledger.intake.reading import Message
from amos_ledger.losing import declare_loss
from amos_ledger.opt_outs import add_opt_outs
from amos_ledger.placing_sites import SitesWanted, place
from amos_ledger.records import Wanted
from amos_ledger.rulings import rule, ruling_on
from amos_ledger.settle_period import settle_period
from amos_ledger.store.place import SqlitePlace, StorePlace
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.transferring import Order, transfer
from amos_tools.device.rotate_operator import signed_rotation

NOON = 1_793_534_400
STEM_1 = sha256(b"stem 1").digest()[:16]
LATER = NOON + 40 * 86_400


def played(world: Any, segments: int = 6) -> Any:
    device = world.device()
    answers = world.take(device, *(device.seal() for _ in range(segments)))
    assert {answer.verdict for answer in answers} == {0}
    with world.folder.open_store() as store:
        follow_now(world.folder, store)
    return device


def everything(place: Path | StorePlace) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, but for what is worked out again when somebody asks."""
    if isinstance(place, PostgresPlace):
        with closing(place.open()) as database:
            named = "SELECT table_name FROM information_schema.tables WHERE table_schema = ?"
            tables = [name for (name,) in database.rows(named, (place.schema,))]
            found = {name: sorted(database.rows(f"SELECT * FROM {name}"), key=repr) for name in tables}
            found["log_head"] = database.rows("SELECT size FROM log_head")  # a store that takes a place counts itself
            return {name: rows for name, rows in found.items() if name != "earned"}
    path = place.path if isinstance(place, SqlitePlace) else place
    connection = sqlite3.connect(path)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = (name for name in tables if name != "earned")
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in kept}
    finally:
        connection.close()


def signed_opt_outs(world: Any, serial: int, issued_unix_s: int) -> bytes:
    opt_outs = OptOuts(version=1, serial=serial, issued_unix_s=issued_unix_s, ids=sha256(b"stem 0").digest()[:16])
    return bytes(sign_opt_outs(opt_outs, world.publisher.id, world.publisher.sign))


def delegate(world: Any) -> None:
    """A delegated key withdraws another stem."""
    ids = [STEM_1]
    keys = {"key": made_key(world.folder), "ledger": world.folder.public_key}
    made = Delegation(version=1, serial=1, ids=ids[0], since_unix_s=0, until_unix_s=LATER * 2, **keys)
    take_delegation(world.folder, sign_delegation(made, world.publisher.id, world.publisher.sign), NOON - 98)
    withdraw(world.folder, "ada", ids, NOON - 97)


def dated(device: Any, unix_s: int) -> bytes:
    return bytes(device.seal(clock=CLOCK_INFORMATIVE, anchor_unix_ms=unix_s * 1000, anchor_ms=0))


def later(world: Any, device: Any, *segments: bytes) -> None:
    with showing(world.folder, LATER):
        world.answers(world.ledger.take([device.message(segment) for segment in segments], LATER))


def give_up(world: Any) -> None:
    """A head over three more entries than there are was signed, and is lost."""
    with world.folder.open_store() as store:
        size = store.size()
    facts = {"version": 1, "unix_s": 1, "kept_size": size, "lost_size": size + 3, "lost_root": bytes(32)}
    forgo(world.folder, sign_forgone(Forgone(**facts), world.operator.id, world.operator.sign))


def rotate_operator(world: Any) -> None:
    """Another key of the operator's counts from here on."""
    old, world.operator = world.operator, type(world.operator)(99)
    origin = world.folder.trust.origin
    data = signed_rotation(OPERATOR, origin, 1, old.seed, world.operator.seed, NOON)
    with world.folder.open_store() as store:
        assert rotating.rotate_operator(world.folder, store, data)[1]


def move(world: Any, kind: str, between: tuple[str, str], period: str | None) -> None:
    """A transfer of five euros, more than some payee has."""
    transfer(world.folder, Order(kind, "EUR", *between, 5_000_000, "a reason", period, overdraw=True))


def with_every_kind(world: Any) -> Any:
    """Enrolments, a rotation of the operator's key, a replacement, a revocation, batches, segments of all standings, a
    loss, another pack and catalogue, opt-out lists of both kinds, quarantines with rulings, held segments, evidence, a
    head given up, a closing, a pool of its own, and transfers."""
    plain, forked, lost, early, sounding = (world.device(number) for number in range(1, 6))
    world.take(plain, *(plain.seal() for _ in range(3)), dated(plain, NOON - 900), dated(plain, NOON + 10**8))
    anchor_ms = (NOON - 700) * 1000
    nonce = Message(sounding.topic(TIME), bytes(16), bytes(32), 16)
    assert world.ledger.date([nonce], anchor_ms) != [None]
    facts = {"version": 2, "output_kind": 1, "pace": 1, "seed_root": bytes(32), "pcm_sha256": bytes([1]) * 32}
    times = {"clock": CLOCK_SYNCHRONISED, "anchor_unix_ms": anchor_ms, "anchor_ms": 0}
    (accepted,) = world.take(sounding, sounding.seal(**facts, **times))
    assert accepted.verdict == ACCEPTED, accepted.detail
    twin = type(forked)(2, world.pack.id)
    world.take(forked, forked.seal(), twin.seal([(0, 0, 9)]), forked.seal())
    with world.folder.open_store() as store:
        for named in ([sha256(twin.sealed[0]).hexdigest()], None):
            rule(world.folder, store, ruling_on(store, forked.key.id, named, "x", world.operator.seed, lambda: NOON))
    for _ in range(2):
        lost.seal()
    world.take(lost, lost.seal(lost_first=1, lost_last=2, lost_reason=1), dated(lost, NOON + 5))
    add_opt_outs(world.folder, signed_opt_outs(world, 1, NOON - 99))
    delegate(world)
    world.publish(type(world.pack).make(world.publisher, number=2, stems=5, serial=2))
    settle_period(world.folder, "2026-11", 10**9, "EUR")
    withdraw(world.folder, "ada", [STEM_1], NOON - 96, back=True)
    withdraw(world.folder, "ben", [STEM_1], NOON - 95)
    move(world, INCOME, ("income/sync", POOL), "2026-12")
    place(
        world.folder,
        SitesWanted(OPEN, "inns", ["harbour"], LATER, "licence 7"),
        world.operator.seed,
        lambda: NOON + 600,
    )
    for source in ("enterprise", "buyout"):
        move(world, INCOME, (f"income/{source}", "pool/inns"), "2026-12")
    move(world, CORRECTION, ("pool/inns", POOL), "2026-12")
    move(world, REFUND, (POOL, "income/sync"), "2026-12")
    later(world, plain, plain.seal())
    give_up(world)
    rotate_operator(world)
    move(world, CORRECTION, ("payee/ada", "payee/ben"), None)
    hole = Loss(version=1, device_id=plain.key.id, first=90, last=99, unix_s=1)
    declare_loss(world.folder, sign_loss(hole, world.operator.id, world.operator.sign))
    with world.folder.open_store() as store:
        gone = Revocation(version=1, device_id=lost.key.id, unix_s=NOON + 60)
        registry.revoke(world.folder, store, sign_revocation(gone, world.operator.id, world.operator.sign))
    world.enrol(early, unix_s=NOON + 5, predecessor=lost.key.id)
    later(world, lost, dated(lost, NOON + 90))
    early.seal(lost_first=5, lost_last=5, lost_reason=1, sequence=6)
    later(world, early, early.sealed[-1])
    bad = type(plain)(9, world.pack.id)
    world.enrol(bad)
    later(world, bad, bad.seal(rows=[(0, 0, 99)], session=7), bad.seal(session=3))
    with showing(world.folder, LATER + 86_400):
        world.ledger.date([Message(plain.topic(TIME), bytes(16), bytes(32), 16)], (LATER + 86_400) * 1000)
    world.ledger.tick()
    world.ledger.close()
    with world.folder.open_store() as store:
        with store.transaction():
            store.chain.heads.want(Wanted(plain.key.id, 1, "cafe", bytes(32)))
            late = "SELECT min(leaf_index), (SELECT max(size) FROM head) FROM usage"
            store.chain._database.run(f"INSERT INTO receipted_later {late}")
        follow_now(world.folder, store)
    return plain
