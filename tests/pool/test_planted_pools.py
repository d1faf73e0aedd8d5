"""What is planted in pools of their own is found and named: membership, a row, a sum, an entry, a closing."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pool_worlds import HOTEL, MICRO, MIDDLE, SEPTEMBER, copied, income, play, put, settle, world_of_two_sites
from settled_world import OPERATOR, PUBLISHER, World, signer
from statement_bytes import statement_bytes

from amos.crypto import key_id, public_key
from amos.protocol.closing import COMMUNAL, sign_closing
from amos.protocol.licence_pool import OPEN, PLACE, LicencePool, PlacedSite, sign_pool
from amos.protocol.transfer import Transfer, sign_transfer
from amos_ledger import close_period
from amos_ledger.errors import PeriodClosed, PoolRefused
from amos_ledger.readings_work import PlayedSums
from amos_ledger.registry import enrol, publish
from amos_ledger.settlement import division
from amos_ledger.settlement.membership import Membership, SequencesOfPool
from amos_ledger.transferring import Order, transfer
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference, VerifyError
from amos_tools.verify.published import Published

Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A month that is open, with a pool of its own and a move. Only copied."""
    world = world_of_two_sites(tmp_path_factory.mktemp("planted") / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 10, SEPTEMBER + 600)
    play(world, 1, 1, 20, SEPTEMBER + 600)
    put(world, PLACE, COMMUNAL, "inn", at=MIDDLE)
    play(world, 1, 1, 30, MIDDLE + 60)
    income(world, HOTEL, 700)
    income(world, COMMUNAL, 10)
    return world


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    return copied(made, tmp_path / "ledger")


def found(world: World, title: str = "2025-09-hotels-EUR") -> str:
    """What the full check of a statement says no to."""
    data = statement_bytes(next((world.path / "public/statements" / title).glob("*.json.gz")))
    with pytest.raises(VerifyError) as refused:
        Audit(Published(world.path / "audit"), world.keys).check(data)
    return str(refused.value)


def a_move_that_is_forgotten(patch: Patch) -> None:
    pool_of = Membership.pool_of_site
    patch.setattr(
        Membership, "pool_of_site", lambda self, site, leaf, _unix_s: pool_of(self, site, leaf, SEPTEMBER + 1)
    )


def segments_exchanged(patch: Patch) -> None:
    """As many in each pool as there are, but others."""
    pool_of = Membership.pool_of
    other = {HOTEL: COMMUNAL, COMMUNAL: HOTEL}

    def lying(self: Any, device_id: bytes, leaf: int, unix_s: int) -> str:
        told = pool_of(self, device_id, leaf, unix_s)
        return other[told] if self.placed(device_id) else told

    patch.setattr(Membership, "pool_of", lying)


def a_number_of_the_other_pool(patch: Patch) -> None:
    chosen = SequencesOfPool.chosen

    def lying(*words: Any) -> Iterator[tuple[bytes, int]]:
        yield from ((device, sequence + 1) for device, sequence in chosen(*words))

    patch.setattr(SequencesOfPool, "chosen", lying)


def a_frame_more(patch: Patch) -> None:
    add_cells = PlayedSums.add_cells

    def lying(self: Any, stems: Any, devices: Any, kinds: Any, amounts: Any) -> None:
        add_cells(self, stems, devices, kinds, amounts._replace(frames=amounts.frames + 1))

    patch.setattr(PlayedSums, "add_cells", lying)
    patch.setattr(close_period, "_checked", lambda _store, drafted: drafted[0])


def a_micro_unit(patch: Patch) -> None:
    init = division.Division.__init__

    def lying(self: Any, *words: Any) -> None:
        init(self, *words)
        self.amounts = [self.amounts[0] + 1, self.amounts[1] - 1]

    patch.setattr(division.Division, "__init__", lying)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (a_move_that_is_forgotten, r"entry \d+: closing\.segments: expected 1, found 2"),
        (segments_exchanged, r"closing\.(ticks|devices_root)|row"),
        (a_number_of_the_other_pool, r"^closing\.devices_root: "),
        (a_frame_more, r"^closing\.ticks: "),
        (a_micro_unit, r"^core\.amount: "),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_what_the_ledger_makes_up_is_found(
    world: World, monkeypatch: Patch, plant: Callable[[Patch], None], said: str
) -> None:
    with monkeypatch.context() as patch:
        plant(patch)
        settle(world, HOTEL)
    assert re.search(said, found(world))


def forged(patch: Patch, **fields: object) -> None:
    def crooked(closing: Any, kid: bytes, sign_message: Any) -> bytes:
        vars(closing).update(fields)
        closing.fault = lambda: None
        return sign_closing(closing, kid, sign_message)

    patch.setattr(close_period, "sign_closing", crooked)


@pytest.mark.parametrize(
    ("fields", "title", "said"),
    [
        ({"version": 4, "pool": COMMUNAL}, "2025-09-EUR", "closing.version: expected 6, as there are several pools"),
        ({"pool": "ships"}, "2025-09-ships-EUR", "closing.pool: expected one of communal, hotels"),
        ({"pool": COMMUNAL}, "2025-09-EUR", "closing.income_micro: expected 10000000"),
        ({"segments": 3}, "2025-09-hotels-EUR", "closing.segments: expected 1, found 3"),
    ],
)
def test_a_closing_of_another_kind_is_found(
    world: World, monkeypatch: Patch, fields: dict[str, object], title: str, said: str
) -> None:
    with monkeypatch.context() as patch:
        forged(patch, **fields)
        settle(world, HOTEL)
    assert said in found(world, title)


def test_a_period_is_settled_once_and_each_pool_closed_once(world: World, tmp_path: Path) -> None:
    settle(world, HOTEL)
    following = settle(copied(world, tmp_path / "settled"), COMMUNAL).closed.result.closing
    for number, (fields, said) in enumerate(
        [
            ({"readings_of": None}, "closing.period: expected one not closed before"),
            ({"pool": HOTEL}, "closing.period: expected one not closed before"),
            ({"readings_of": 3}, "closing.readings_of: expected"),
            ({"carry_in_micro": 1, "pool_micro": 10 * MICRO + 1}, "closing.carry_in_micro: expected 0"),
            ({"segments": 1}, "closing.segments: expected 2, found 1"),
            ({"catalogue_sha256": bytes(32)}, "closing.catalogue_sha256: expected"),
        ]
    ):
        other, closing = copied(world, tmp_path / str(number)), copy.copy(following)
        vars(closing).update(fields)
        other.append(sign_closing(closing, other.folder.key_id, other.folder.sign))
        with other.folder.open_store() as store:
            publish(other.folder, store)
        assert said in found(other)


def entry(seed: bytes = OPERATOR, **changes: object) -> bytes:
    facts: dict[str, Any] = {
        **{"version": 1, "number": 3, "pool": HOTEL, "action": PLACE, "sites": [PlacedSite(site="cafe")]},
        **{"from_unix_s": SEPTEMBER, "reason": "x", "unix_s": SEPTEMBER},
    }
    return sign_pool(LicencePool(**facts | changes), key_id(public_key(seed)), signer(seed))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (entry(PUBLISHER), "signature"),
        (entry(number=2), "pool.number: expected 3, found 2"),
        (entry(number=4), "pool.number: expected 3, found 4"),
        (entry(action=OPEN), "pool.pool: expected a name that no pool before has, found hotels"),
        (entry(pool="ships"), "pool.pool: expected one of communal, hotels, found ships"),
    ],
)
def test_an_entry_that_does_not_go_on_is_found(world: World, data: bytes, said: str) -> None:
    world.append(data)
    settle(world, HOTEL)
    assert said in found(world)


@pytest.mark.parametrize(
    ("debit", "credit", "kind"), [("income/sync", "pool/ships", "income"), ("carry/ships", "payee/ann", "correction")]
)
def test_money_of_a_pool_that_is_not_open_is_found(world: World, debit: str, credit: str, kind: str) -> None:
    moved = Transfer(
        **{"version": 3, "number": 3, "unix_s": 1, "kind": kind, "currency": "EUR", "debit": debit, "credit": credit},
        **{"amount_micro": 1, "reason": "x", "reference": "r", "period": "2025-10"},
    )
    world.append(sign_transfer(moved, world.folder.key_id, world.folder.sign))
    with world.folder.open_store() as store:
        store.transfers.note(3, store.size() - 1)
    try:
        settle(world, HOTEL)
    except ValueError:
        return  # the ledger's own books refuse it
    assert "expected one of communal, hotels, found ships" in found(world)


def test_a_statement_with_another_pool_is_no_statement(world: World) -> None:
    path = next(iter(settle(world, HOTEL).statements.values()))
    for field, value in (("name", COMMUNAL), ("carry_account", "carry/EUR"), ("segments", 2)):
        whole = json.loads(statement_bytes(path))
        whole["core"]["pool"][field] = value
        data = (json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
        with pytest.raises(Difference, match=rf"^core\.pool\.{field}: "):
            Audit(Published(world.path / "audit"), world.keys).check(data)


def test_orders_that_have_no_meaning_are_refused_and_change_nothing(world: World) -> None:
    with world.folder.open_store() as store:
        before = store.size()
    for action, name, sites, said in (
        (OPEN, HOTEL, ("cafe",), "expected a name that no pool has, found hotels, which is open"),
        (PLACE, "ships", ("inn",), "pool: expected one of communal, hotels, found ships"),
        (PLACE, HOTEL, ("moon",), "site: expected one at which a device is or was enrolled, found moon"),
        (OPEN, COMMUNAL, (), "pool: expected another than communal"),
    ):
        with pytest.raises(PoolRefused, match=said):
            put(world, action, name, *sites, at=MIDDLE + 3600)
    with pytest.raises(PoolRefused, match="expected one that is open \\(communal, hotels\\), found ships"):
        income(world, "ships", 1)
    with pytest.raises(PoolRefused, match="found ships"):
        settle(world, "ships")
    with pytest.raises(PoolRefused, match="found ships"):
        transfer(world.folder, Order("correction", "EUR", "carry/ships", "payee/ann", 1, "x"))
    with world.folder.open_store() as store:
        assert store.size() == before
    settle(world, HOTEL)
    with pytest.raises(PeriodClosed, match="expected an open period, found 2025-09 of pool hotels closed in EUR"):
        income(world, HOTEL, 1)
    income(world, COMMUNAL, 1)


def test_a_site_that_lost_its_players_can_be_moved(world: World) -> None:
    with world.folder.open_store() as store:
        enrol(world.folder, store, world.players[1].enrolment(site="cafe", unix_s=MIDDLE + 3600))
    assert put(world, PLACE, HOTEL, "inn", at=MIDDLE + 7200).fresh


def test_an_order_given_again_is_the_one_before(world: World) -> None:
    first = put(world, PLACE, HOTEL, "cafe", at=MIDDLE + 3600)
    again = put(world, PLACE, HOTEL, "cafe", at=MIDDLE + 7200)
    assert first.fresh and not again.fresh and again.leaf_index == first.leaf_index
    assert put(world, PLACE, COMMUNAL, "cafe", at=MIDDLE + 7200).fresh
    assert put(world, PLACE, HOTEL, "cafe", at=MIDDLE + 7300).fresh
