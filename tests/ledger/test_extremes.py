"""No number that a signed message can carry ends the ledger or gets a traceback: it is refused by name, or taken."""

from typing import Any

import pytest
from extremes import EDGES, altered, changes, each_edge
from hypothesis import given

from amos.protocol import answer
from amos.protocol.catalogue import Catalogue
from amos.protocol.cbor import loads
from amos.protocol.cose import parse
from amos.protocol.enrolment import Enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.manifest import Manifest
from amos.protocol.segment import Usage
from amos_ledger import registry
from amos_ledger.errors import LedgerError
from amos_ledger.intake.reading import Message
from amos_ledger.settlement.periods import period_of

NOON = 1_793_534_400


class Numbers:
    """Devices nobody has used: each extreme condemns or moves the one that sends it."""

    count = 1000


def fresh_device(world: Any) -> Any:
    Numbers.count += 1
    return world.device(Numbers.count)


def send_usage(world: Any, values: dict[int, int]) -> None:
    device = fresh_device(world)
    segment = altered(device.seal(anchor_unix_ms=NOON * 1000, anchor_ms=0, clock=1), values, device.key.sign)
    (found,) = world.take(device, segment)
    if found.verdict == answer.MALFORMED:
        assert "expected" in found.detail
    assert found.verdict != answer.UNAVAILABLE, found.detail
    again = world.take(device, segment)
    assert len(again) == 1


@given(changes(Usage))
def test_any_numbers_of_a_segment(shared_world: Any, values: dict[int, int]) -> None:
    send_usage(shared_world, values)


@pytest.mark.parametrize("key", [3, 9, 12, 14, 15])
def test_each_edge_of_the_numbers_that_are_stored_and_added(shared_world: Any, key: int) -> None:
    device = fresh_device(shared_world)
    segment = device.seal(anchor_unix_ms=NOON * 1000, anchor_ms=0, clock=1)
    for value in EDGES:
        (found,) = shared_world.take(device, altered(segment, {key: value}, device.key.sign))
        assert found.verdict != answer.UNAVAILABLE, (value, found.detail)
    assert shared_world.totals()


def test_each_edge_of_an_enrolment(shared_world: Any) -> None:
    device = shared_world.device(999, enrolled=False)
    for values in each_edge(Enrolment):
        data = altered(device.enrolment(shared_world.operator), values, shared_world.operator.sign)
        with shared_world.folder.open_store() as store:
            try:
                registry.enrol(shared_world.folder, store, data)
            except LedgerError as error:
                assert "expected" in str(error)
        (reply,) = shared_world.ledger.take([Message.of(device.topic("enrolment"), data)], NOON)
        assert reply.answer.verdict != answer.UNAVAILABLE
    assert shared_world.totals()


@given(changes(Manifest), changes(Catalogue))
def test_any_numbers_of_a_pack_and_its_catalogue(
    shared_world: Any, of_pack: dict[int, int], of_list: dict[int, int]
) -> None:
    pack = shared_world.pack
    manifest = altered(pack.manifest, of_pack, shared_world.publisher.sign)
    catalogue = altered(pack.catalogue, of_list, shared_world.publisher.sign)
    with shared_world.folder.open_store() as store:
        try:
            registry.add_pack(shared_world.folder, store, manifest, catalogue)
        except LedgerError as error:
            assert "expected" in str(error)


@given(changes(Usage))
def test_a_segment_that_decodes_accrues_to_a_period(offline_usage: bytes, values: dict[int, int]) -> None:
    payload = loads(parse(offline_usage, 1 << 16).payload) | values
    try:
        usage = Usage.from_map(payload)
    except ProtocolError as error:
        assert "expected" in str(error)
        return
    assert len(period_of(usage, NOON)) == 7


@pytest.fixture(scope="module")
def offline_usage(shared_world: Any) -> bytes:
    device = shared_world.device(998, enrolled=False)
    return bytes(device.seal(anchor_unix_ms=NOON * 1000, anchor_ms=0, clock=1))
