"""No number that a signed message can carry ends a player: it is refused by name, or taken, and play goes on."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from extremes import EDGES, altered, changes, each_edge
from hypothesis import given
from hypothesis import strategies as st
from test_rights_in_play import (
    BLOCK_FRAMES,
    LEDGER,
    NOON_MS,
    PUBLISHER,
    Venue,
    opt_outs,
    pack,
    pack_folder,
    signed_anchor,
)

from amos import crypto
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.packs.folder import PackFolder, open_pack
from amos.packs.kept_state import KeptState
from amos.protocol.anchor import Anchor
from amos.protocol.cbor import dumps
from amos.protocol.errors import ProtocolError
from amos.protocol.frames import frame
from amos.protocol.link import REQUEST_NEEDS, Request
from amos.protocol.link_device import DeviceLink
from amos.protocol.manifest import Manifest, open_manifest
from amos.protocol.opt_outs import OptOuts
from amos.rights.lease_clock import LeaseClock
from protocol_player import fed

__all__ = ("pack", "pack_folder")  # fixtures


@pytest.fixture(scope="module")
def at_pack(pack_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    opened = open_pack(str(pack_folder), crypto.public_key(PUBLISHER), crypto.verify)
    yield Venue(opened, tmp_path_factory.mktemp("venue") / "player")
    opened.close()


def as_ledger(message: bytes) -> bytes:
    return crypto.sign(LEDGER, message)


def as_publisher(message: bytes) -> bytes:
    return crypto.sign(PUBLISHER, message)


def is_well(venue: Venue) -> None:
    """It plays, says so, and its next boot finds what it keeps."""
    venue.session.step(BLOCK_FRAMES)
    venue.device.status().encode()
    assert venue.device.rights.lease_clock.save()
    again = LeaseClock(TwoSlotMemory(venue.time.content), 0, NOON_MS)
    assert not again.lost and again.unix_ms is not None
    again.tick(10**9, NOON_MS)
    assert again.save()
    if venue.session.over() is not None:  # a lease has ended: the next session is about other numbers
        venue.finish()
        venue.device.rights.lease_clock.set(NOON_MS)
        venue.begin()


def take(venue: Venue, take_it: Any, data: bytes) -> None:
    try:
        take_it(data)
    except ProtocolError as error:
        assert str(error)
    is_well(venue)


def anchor_with(venue: Venue, values: dict[int, int]) -> bytes:
    nonce = venue.device.challenge()
    return altered(signed_anchor(nonce, NOON_MS), values, as_ledger)


def test_each_edge_of_an_anchor(at_pack: Venue) -> None:
    for values in each_edge(Anchor):
        take(at_pack, at_pack.device.take_anchor, anchor_with(at_pack, values))


@given(changes(Anchor))
def test_any_numbers_of_an_anchor(at_pack: Venue, values: dict[int, int]) -> None:
    take(at_pack, at_pack.device.take_anchor, anchor_with(at_pack, values))


def test_an_anchor_at_the_end_of_the_calendar_is_dated_and_one_beyond_is_refused_by_name(
    pack: PackFolder, tmp_path: Path
) -> None:
    venue = Venue(pack, tmp_path / "player")
    with pytest.raises(ProtocolError, match=r"anchor.unix_ms \(4\): expected an integer from 0 to 253402300799999"):
        venue.device.take_anchor(anchor_with(venue, {4: (1 << 64) - 1}))
    venue.device.take_anchor(anchor_with(venue, {4: 253402300799999}))
    venue.play(1)
    assert venue.finish()
    assert "lease" in (venue.session.over() or "")


def test_each_edge_of_an_opt_out_list(at_pack: Venue) -> None:
    for values in each_edge(OptOuts):
        take(at_pack, at_pack.device.take_opt_outs, altered(opt_outs(at_pack.pack, 1, 3), values, as_publisher))


@given(changes(Manifest), st.booleans())
def test_any_numbers_of_a_manifest(at_pack: Venue, values: dict[int, int], known: bool) -> None:
    data = altered((Path(at_pack.pack.path) / "manifest.cose").read_bytes(), values, as_publisher)
    try:
        manifest = open_manifest(data, crypto.public_key(PUBLISHER), crypto.verify)
    except ProtocolError as error:
        assert str(error)
        return
    rights, store = at_pack.device.rights, TwoSlotMemory()
    before, rights.lease_clock = rights.lease_clock, LeaseClock(store, 0, None)
    if known:
        rights.lease_clock.set(NOON_MS)
    licence = rights.grant(manifest)
    licence.withdraw()
    assert isinstance(licence.over(), str | None)
    at_pack.device.status().encode()
    for boot in range(2):
        rights.lease_clock.tick((boot + 1) << 40, (1 << 63) - 1)
        assert rights.lease_clock.save()
        assert not LeaseClock(TwoSlotMemory(store.content), 0, None).lost
    KeptState(serial=manifest.serial, pending=hashlib.sha256(data).digest()).encode()
    rights.lease_clock = before
    rights.grant(at_pack.pack.manifest)


def a_number(kind: str) -> st.SearchStrategy[Any]:
    if kind == "uint":
        return st.sampled_from(EDGES)
    if kind == "int":
        return st.sampled_from([-(1 << 31) - 1, -(1 << 31), -1, 0, (1 << 31) - 1, 1 << 31, (1 << 64) - 1])
    return st.binary(max_size=64)


@given(st.data())
def test_any_numbers_of_a_request_are_answered(at_pack: Venue, data: st.DataObject) -> None:
    link = DeviceLink(at_pack.device)
    verb = data.draw(st.sampled_from(sorted(REQUEST_NEEDS)))
    asked: dict[int, Any] = {1: 7, 2: verb}
    for key, name, kind, _bound in Request.FIELDS:
        if name in REQUEST_NEEDS[verb]:
            asked[key] = data.draw(a_number(kind.rstrip("?")))
    assert fed(link, bytes(frame(dumps(asked))))
    is_well(at_pack)
