"""A key that the operator revokes: what it plays from then on is evidence, never paid."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from amos.protocol import answer
from amos.protocol.revocation import Revocation, sign_revocation
from amos.protocol.segment import CLOCK_INFORMATIVE
from amos_ledger import registry
from amos_ledger.errors import EnrolmentRefused, RevocationRefused
from amos_tools.cli import app

NOON = 1_793_534_400


def revocation(party: Any, device: Any, unix_s: int = NOON) -> bytes:
    said = Revocation(version=1, device_id=device.key.id, unix_s=unix_s)
    return sign_revocation(said, party.id, party.sign)


def revoke(world: Any, data: bytes) -> bool:
    with world.folder.open_store() as store:
        _said, fresh = registry.revoke(world.folder, store, data)
        registry.publish(world.folder, store)
    return fresh


def dated(device: Any, unix_s: int) -> bytes:
    """A segment that began at this moment."""
    return bytes(device.seal(clock=CLOCK_INFORMATIVE, anchor_unix_ms=unix_s * 1000, anchor_ms=0))


def test_what_began_later_is_evidence_and_what_began_before_counts_whenever_it_comes(world: Any) -> None:
    device = world.device(unix_s=NOON - 900)
    kept, under_way, later = (dated(device, NOON + seconds) for seconds in (-120, -60, 1))
    assert [found.verdict for found in world.take(device, kept)] == [answer.ACCEPTED]
    assert revoke(world, revocation(world.operator, device)) is True
    found = world.take(device, under_way, later, kept)
    assert [one.verdict for one in found] == [answer.ACCEPTED, answer.RETIRED, answer.DUPLICATE]
    totals = world.totals()
    assert (totals.accepted, totals.evidence, totals.quarantined) == (2, 1, [])
    assert totals.devices[0].retired_unix_s == NOON and totals.log_size == 8


def test_it_is_an_entry_of_the_log_once(world: Any) -> None:
    device = world.device(unix_s=NOON - 900)
    data = revocation(world.operator, device)
    assert (revoke(world, data), revoke(world, data), world.totals().log_size) == (True, False, 5)
    with world.folder.open_store() as store:
        assert list(store.entries(4, 5)) == [(4, data)]
    assert revoke(world, revocation(world.operator, device, NOON - 60)) is True, "the theft was found to be earlier"
    assert revoke(world, data) is False, "and the first word does not take that back"
    assert world.totals().devices[0].retired_unix_s == NOON - 60


@pytest.mark.parametrize("unix_s", [NOON, NOON + 60])
def test_nobody_moves_it_to_a_later_instant(world: Any, unix_s: int) -> None:
    device = world.device(unix_s=NOON - 900)
    revoke(world, revocation(world.operator, device, NOON - 1))
    with pytest.raises(RevocationRefused, match=f"expected before {NOON - 1}"):
        revoke(world, revocation(world.operator, device, unix_s))
    assert world.totals().log_size == 5


def test_only_the_operator_revokes_and_only_what_is_enrolled(world: Any) -> None:
    device, stranger = world.device(unix_s=NOON - 900), world.device(2, enrolled=False)
    for data, expected in (
        (revocation(world.publisher, device), "signature: expected one by key"),
        (revocation(world.operator, stranger), "expected an enrolled device"),
        (device.enrolment(world.operator), "typ: expected amos-revocation"),
        (b"", "revocation:"),
    ):
        with pytest.raises(RevocationRefused, match=expected):
            revoke(world, data)
    assert (world.totals().log_size, world.totals().devices[0].retired_unix_s) == (4, None)


def test_a_revoked_key_is_never_enrolled_again_and_another_device_takes_its_place(world: Any) -> None:
    device = world.device(unix_s=NOON - 900)
    revoke(world, revocation(world.operator, device))
    with pytest.raises(EnrolmentRefused, match="was revoked; give it a new key"):
        world.enrol(device, unix_s=NOON + 60)
    successor = world.device(2, unix_s=NOON + 60, predecessor=device.key.id)
    assert [found.verdict for found in world.take(successor, dated(successor, NOON))] == [answer.ACCEPTED]
    old = next(one for one in world.totals().devices if one.successor)
    assert old.device_id == device.key.id.hex()
    assert old.retired_unix_s == NOON, "from the revocation on, not the replacement"


def test_one_that_was_replaced_may_be_revoked_for_an_earlier_instant(world: Any) -> None:
    device = world.device(unix_s=NOON - 900)
    world.device(2, unix_s=NOON, predecessor=device.key.id)
    revoke(world, revocation(world.operator, device, NOON - 300))
    (found,) = world.take(device, dated(device, NOON - 200))
    assert found.verdict == answer.RETIRED


def test_by_command(world: Any, tmp_path: Path) -> None:
    device = world.device(unix_s=NOON - 900)
    key, out, ledger = tmp_path / "operator.key", tmp_path / "stolen.cose", str(world.path)
    key.write_bytes(world.operator.seed)
    words = ["device", "revoke", device.key.id.hex(), "--operator-key-file", str(key), "--out", str(out)]
    said = CliRunner().invoke(app, [*words, "--since", "2026-11-01T12:00:00"])
    assert said.exit_code == 0 and "is revoked from 2026-11-01 12:00:00 UTC on" in said.output
    assert out.read_bytes() == revocation(world.operator, device, NOON)
    for state in ("revoked", "was revoked before"):
        said = CliRunner().invoke(app, ["ledger", "revoke", ledger, str(out)])
        assert said.exit_code == 0 and f"{state}: what it plays after 2026-11-01 12:00:00 UTC" in said.output
    said = CliRunner().invoke(app, ["ledger", "status", ledger])
    assert "retired at 2026-11-01 12:00:00 UTC" in said.output


@pytest.mark.parametrize("digits", ["", "12", "g" * 32, "a b " * 8, "0" * 33])
def test_a_device_that_is_none_is_refused_in_a_sentence(tmp_path: Path, digits: str) -> None:
    key = tmp_path / "operator.key"
    key.write_bytes(bytes(32))
    words = ["device", "revoke", digits, "--operator-key-file", str(key), "--out", str(tmp_path / "out")]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 1 and "expected its 32 hexadecimal digits" in said.output
