"""Quarantine begins, is ruled on and ends as entries of the log; what was kept meanwhile is decided anew."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from accrued import leaves
from typer.testing import CliRunner

from amos.protocol import answer
from amos.protocol.quarantine import LIFT, REJECT, Ruling, read_quarantine, sign_ruling
from amos_ledger.errors import RulingRefused
from amos_ledger.rulings import Ruled, rule, ruling_on
from amos_tools.cli import app

NOON = 1_793_534_400
KEPT = (answer.FORK, answer.QUARANTINED)


def forked(world: Any) -> tuple[Any, list[bytes], bytes]:
    """(device, segments 1 to 4 of which the first is accepted, another segment 1)."""
    device = world.device()
    twin = type(device)(1, world.pack.id)
    first = device.seal()
    forged = twin.seal([(0, 0, 777)])
    later = [device.seal() for _ in range(3)]
    assert [found.verdict for found in world.take(device, first, forged, *reversed(later))] == [
        answer.ACCEPTED, answer.FORK, *[answer.QUARANTINED] * 3
    ]  # fmt: skip
    return device, [first, *later], forged


def ruled(world: Any, device: Any, named: list[str] | None = None) -> Ruled:
    with world.folder.open_store() as store:
        data = ruling_on(store, device.key.id, named, "looked into", world.operator.seed, lambda: NOON)
        return rule(world.folder, store, data)


def hash_of(segment: bytes) -> str:
    return sha256(segment).hexdigest()


def test_its_beginning_is_an_entry_of_the_log_once(world: Any) -> None:
    device, _segments, forged = forked(world)
    with world.folder.open_store() as store:
        found = [read_quarantine(entry) for _index, entry in store.entries(0, store.size())]
    (begun,) = [item for item in found if item is not None]
    assert begun[:3] == (device.key.id, 1, bytes.fromhex(hash_of(forged)))
    assert begun[3] == world.totals().devices[0].quarantine
    assert world.totals().log_size == len(found) == 7


def test_a_rejected_twin_and_a_lifted_quarantine_let_the_rest_count_in_order(world: Any) -> None:
    device, segments, forged = forked(world)
    assert ruled(world, device, [hash_of(forged)[:8]]).outcomes == ()
    assert [outcome.verdict for outcome in ruled(world, device).outcomes] == [answer.ACCEPTED] * 3
    totals = world.totals()
    assert (totals.accepted, totals.quarantined, totals.evidence, totals.held) == (4, [], 1, 0)
    receipts = {found.sequence: found.receipt for found in world.answers(world.ledger.tick())}
    assert set(receipts) == {2, 3, 4}
    for number, segment in enumerate(segments, 1):
        (again,) = world.take(device, segment)
        assert again.verdict == answer.DUPLICATE and again.receipt == receipts.get(number, again.receipt)
        world.check_receipt(segment, again.receipt)


def test_what_is_rejected_is_final_and_quarantines_nobody_again(world: Any) -> None:
    device, _segments, forged = forked(world)
    ruled(world, device, [hash_of(forged)])
    ruled(world, device)
    world.ledger.tick()
    (again,) = world.take(device, forged)
    assert again.verdict == answer.QUARANTINED and again.detail == "rejected by the operator, entry 7 of the log"
    assert (world.totals().quarantined, world.totals().evidence) == ([], 1)
    assert [found.verdict for found in world.take(device, device.seal())] == [answer.ACCEPTED]


def test_lifting_without_rejecting_what_proves_a_fork_begins_another(world: Any) -> None:
    device, _segments, _forged = forked(world)
    done = ruled(world, device)
    assert done.again is not None and done.again.startswith("fork: sequence 1")
    assert [outcome.verdict for outcome in done.outcomes] == [answer.FORK, *[answer.QUARANTINED] * 3]
    assert (world.totals().accepted, world.totals().evidence, world.totals().log_size) == (1, 4, 9)


def test_play_under_a_lifted_quarantine_accrues_as_if_decided_when_it_came(world: Any) -> None:
    device, _segments, forged = forked(world)
    ruled(world, device, [hash_of(forged)])
    ruled(world, device)
    with world.folder.open_store() as store:
        assert store.periods() == ["2026-11"] and len(leaves(store, "2026-11")) == 4
        assert [unix_s for unix_s in store.batches()] == [NOON]


def test_a_ruling_that_does_not_fit_changes_nothing(world: Any) -> None:
    device, _segments, forged = forked(world)
    facts = {"version": 1, "device_id": device.key.id, "quarantine": 6, "action": LIFT, "rejected": [], "reason": "x"}
    size = world.totals().log_size

    def said(party: Any = world.operator, **changes: Any) -> bytes:
        return sign_ruling(Ruling(**(facts | {"unix_s": NOON} | changes)), party.id, party.sign)

    for data, expected in (
        (said(world.publisher), "signature: expected one by key"),
        (said(quarantine=5), "ruling.quarantine: expected the one in force"),
        (said(device_id=bytes(16)), "in force is none"),
        (said(action=REJECT, rejected=[bytes(32)]), "ruling.rejected: expected segments kept as evidence"),
        (b"", "ruling:"),
    ):
        with world.folder.open_store() as store, pytest.raises(RulingRefused, match=expected):
            rule(world.folder, store, data)
    assert (world.totals().log_size, len(world.totals().quarantined)) == (size, 1)
    with world.folder.open_store() as store:
        done = rule(world.folder, store, said(action=REJECT, rejected=[bytes.fromhex(hash_of(forged))]))
        lifted = said()
        rule(world.folder, store, lifted)
        with pytest.raises(RulingRefused, match="in force is none"):
            rule(world.folder, store, lifted)
    assert done.leaf_index == size


@pytest.mark.parametrize("named", [[""], ["abc"], ["0" * 64], ["zz" * 8], []])
def test_segments_are_named_by_enough_of_their_hash(world: Any, named: list[str]) -> None:
    device, _segments, _forged = forked(world)
    with pytest.raises(RulingRefused):
        ruled(world, device, named)


def run(*words: object) -> Any:
    return CliRunner().invoke(app, ["ledger", *map(str, words)])


def test_by_command(world: Any, tmp_path: Path) -> None:
    device, _segments, forged = forked(world)
    key, folder, name = tmp_path / "operator.key", world.path, device.key.id.hex()
    key.write_bytes(world.operator.seed)
    word = ["--reason", "looked into", "--operator-key-file", key]
    listed = json.loads(run("quarantine", "list", folder, "--json").output)["quarantines"]
    assert [(item["device_id"], item["evidence"], item["leaf_index"]) for item in listed] == [(name, 4, 6)]
    assert "fork: sequence 1" in run("quarantine", "list", folder).output
    shown = json.loads(run("quarantine", "show", folder, name, "--json").output)
    assert [item["sequence"] for item in shown["evidence"]] == [1, 2, 3, 4] and shown["reason"].startswith("fork")
    assert hash_of(forged)[:16] in run("quarantine", "show", folder, name).output
    again = run("quarantine", "lift", folder, name, *word)
    assert again.exit_code == 0 and "in quarantine again: fork: sequence 1" in again.output
    rejected = run("quarantine", "reject", folder, name, hash_of(forged)[:12], *word, "--json")
    assert json.loads(rejected.output)["rejected"] == [hash_of(forged)]
    lifted = run("quarantine", "lift", folder, name, *word)
    assert "decided anew as accepted: 3" in lifted.output and "again" not in lifted.output
    assert run("quarantine", "list", folder).output == "no device is in quarantine\n"
    assert "rejected by entry" in run("quarantine", "show", folder, name).output
    refused = run("quarantine", "lift", folder, name, *word)
    assert (refused.exit_code, refused.stderr.split(":")[0]) == (1, "RulingRefused")


def test_what_waits_is_shown_with_what_it_waits_for(world: Any, make_pack: Any) -> None:
    device, other = world.device(), world.device(2)
    device.seal()
    other.pack = make_pack(world.publisher, number=9).id
    world.take(device, device.seal())
    world.take(other, other.seal())
    found = json.loads(run("held", world.path, "--json").output)["held"]
    names = ("sequence", "verdict", "waits_for_sequence", "waits_for_pack")
    waiting = [tuple(item[name] for name in names) for item in found]
    assert waiting == [(2, "gap", 1, None), (1, "unknown pack", None, other.pack.hex())]
    assert all(item["received_unix_s"] == NOON for item in found)
    text = run("held", world.path).output
    assert "sequence 2 waits for sequence 1, since 2026-11-01 12:00:00 UTC" in text
    assert f"waits for pack {other.pack.hex()}" in text
