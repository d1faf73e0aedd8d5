"""Sticks of strangers, as large as they like: shops whose segments the ledger has taken keep their place."""

import hashlib
import time
from itertools import count
from pathlib import Path

import pytest
from sync_journals import sealed
from sync_shops import stick_command
from test_stick_brings import Two, a_shop_and_a_hub  # noqa: F401 (a fixture)
from test_stick_strange import made_up

from amos.protocol import bundle_host as bundles
from amos.protocol.bundle_host import BundleItem
from amos.protocol.envelope_host import wrap
from amos.protocol.segment import claimed_device_id
from amos_sync import carried_room, spool_carried
from amos_sync.carried_room import CarriedRoom
from amos_sync.outbox import Outbox, State
from amos_sync.spool import Spool


def usage(many: int, begin: int = 0) -> list[BundleItem]:
    """Of so many devices that nobody knows."""
    items = []
    for number in range(begin, begin + many):
        (data,) = sealed(b"stranger %23d" % number, 1)
        items.append(BundleItem(kind=bundles.USAGE, device_id=claimed_device_id(data), content=wrap(data)))
    return items


def brought(two: Two, items: list[BundleItem], site: str = "evil") -> None:
    """To the hub, on a stick of its own, and taken in."""
    for path in two.stick.glob("amos/*.bundle"):
        path.unlink()
    (two.stick / "amos").mkdir(exist_ok=True)
    (two.stick / "amos" / f"{site}-{'0' * 16}-000.bundle").write_bytes(made_up(*items, site=site))
    two.carry("hub")


def carried_sites(two: Two) -> dict[bytes, str]:
    rows = two.hub.spool._database.execute("SELECT device, site FROM carried_devices").fetchall()
    return {bytes(device): site for device, site in rows}


def test_a_crowd_of_strangers_keeps_no_shop_out(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that was there before, whose receipts wait, nor one that comes after."""
    monkeypatch.setattr(carried_room, "CARRIED_DEVICES_MAX", 40)
    device_id = two.player.device_id
    two.run(lambda: two.shop.spool.open_entries == 3 and two.hub.mqtt.up)
    times = [BundleItem(kind=bundles.TIME, device_id=bytes([n]) * 16, content=bytes(16)) for n in range(60)]
    brought(two, times)
    assert len(carried_sites(two)) <= 40
    for path in two.stick.glob("amos/*.bundle"):
        path.unlink()
    two.put("shop")
    two.carry("hub")
    two.run(lambda: len(two.ledger.segments) == 3 and not two.hub.outbox.carrying)
    assert carried_sites(two)[device_id] == "shop"
    brought(two, [BundleItem(kind=bundles.TIME, device_id=device_id, content=bytes(16))])
    brought(two, [BundleItem(kind=bundles.TIME, device_id=bytes([n]) * 16, content=bytes(16)) for n in range(99, 199)])
    assert carried_sites(two)[device_id] == "shop"
    for path in two.stick.glob("amos/*.bundle"):
        path.unlink()
    two.put("hub")
    two.carry("shop")
    two.run(lambda: not two.player.segments)


def test_what_was_not_taken_is_said_with_its_cause(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    two.run(lambda: two.hub.mqtt.up)
    monkeypatch.setattr("amos_sync.spool_carried.CARRIED_ENTRIES_MAX", 5)
    monkeypatch.setattr(two.hub, "_sending", two.shop._sending)  # nothing goes, as without a network
    brought(two, [*usage(9), BundleItem(kind=bundles.USAGE, device_id=bytes(16), content=b"\x01garbage")])
    path = next(two.stick.glob("amos/*.bundle"))
    left = two.folder / "hub" / "inbox" / (hashlib.sha256(path.read_bytes()).hexdigest()[:32] + ".bundle")
    monkeypatch.setattr("amos_sync.cli_stick.wait_taken", lambda taken, _wait_s: taken == [left])
    monkeypatch.setattr("amos_sync.cli_stick.spool_in_use", lambda _folder: True)
    facts = stick_command("import", "--from", two.stick, "--spool", two.folder / "hub", "--wait-s", "1", ends=1)
    assert facts["import"]["untaken"] == {"space": 4, "broken": 1}
    words = " ".join(facts["words"])
    assert "4 items of it were not taken, since what is carried for other shops has no more room" in words
    assert "1 items of it are not what they should be" in words and "about all of it" not in words
    assert two.heard("a stick of evil: 4 items of it were not taken, since")


def test_the_site_that_has_most_gives_way_and_never_what_the_ledger_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_carried, "CARRIED_ENTRIES_MAX", 30)
    spool, outbox = Spool(tmp_path / "spool"), Outbox(64)
    room, numbers = CarriedRoom(spool, outbox), count(1)

    def bring(site: str, items: list[BundleItem]) -> int:
        taken = 0
        room.begin(site)
        for item in items:
            device_id, content = item.device_id or b"", item.content or b""
            if room.for_segment(device_id, len(content)) and room.for_device(device_id):
                spool.carried.stage_device(device_id, site, int(time.time()))
                sha256 = hashlib.sha256(content).digest()
                slot = spool.carried.stage(device_id, next(numbers), (sha256, sha256), (len(content),) * 2, content)
                outbox.add(slot)
                taken += 1
        return taken

    known = usage(6)
    assert bring("good", known) == 6
    for slot in outbox.all():
        slot.state = State.RECEIPTED
        spool.stage_answer(slot, receipt=b"receipt", leaf_index=1)
    assert bring("evil", usage(40, begin=100)) == 24
    assert bring("new", usage(3, begin=200)) == 3
    assert bring("worse", usage(40, begin=300)) > 0
    kept = {slot.device_id for slot in outbox.all()}
    assert {item.device_id for item in known} <= kept
    assert {item.device_id for item in usage(3, begin=200)} <= kept
    assert len(kept) == spool.carried.entries <= 30
    assert bring("good", [*usage(1), *usage(6, begin=400)]) == 7
    spool.commit()
    spool.close()
