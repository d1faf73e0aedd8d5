"""What the ledger refuses or holds comes home by stick, with what to do about it, and ends when it is done."""

import hashlib

import pytest
from sync_shops import stick_command
from test_outbox import A, a_slot, outbox_of, send_all
from test_stick_brings import Two, a_shop_and_a_hub  # noqa: F401 (a fixture)
from test_stick_strange import made_up
from typer.testing import CliRunner

from amos.protocol import answer as answers
from amos.protocol import bundle_host as bundles
from amos.protocol.answer import GAP, SENTENCES, UNKNOWN_DEVICE, Answer
from amos.protocol.bundle_host import BundleItem
from amos.protocol.envelope_host import wrap
from amos_sync.cli import app
from amos_sync.outbox import WAIT_MS, State
from amos_sync.report import report

ADVICE = SENTENCES[UNKNOWN_DEVICE]


def words(facts: dict[str, object]) -> str:
    return " ".join(facts["words"])  # type: ignore[arg-type]


def test_a_refusal_comes_home_and_gives_way_to_the_receipt(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    device_id, spool = two.player.device_id, two.folder / "shop"
    monkeypatch.setitem(WAIT_MS, UNKNOWN_DEVICE, (1000, 1000))
    enrolled, two.ledger.enrolled = two.ledger.enrolled, {}
    two.run(lambda: two.shop.spool.open_entries == 3 and two.hub.mqtt.up)
    two.put("shop")
    two.carry("hub")
    two.run(lambda: report(two.folder / "hub")["carried"] == {"waiting": 0, "answered": 3})
    monkeypatch.setattr("amos_sync.cli_stick.wait_taken", lambda _taken, _wait_s: True)
    monkeypatch.setattr("amos_sync.cli_stick.spool_in_use", lambda _folder: True)
    said = words(stick_command("import", "--from", two.stick, "--spool", two.folder / "hub", "--wait-s", "1"))
    assert f"3 recordings refused by the ledger: unknown device. {ADVICE}" in said and "about all of it" not in said
    facts = stick_command("export", "--to", two.stick, "--spool", two.folder / "hub")
    assert facts["export"]["refusals"] == [{"site": "shop", "players": 1}] and facts["export"]["answers"] == []
    assert "Receipts" not in words(facts) and "1 player of shop got no receipt" in words(facts)

    brought = two.carry("shop")
    assert f"3 recordings refused by the ledger: unknown device. {ADVICE}" in words(brought)
    assert "Answers for 1 player of shop: taken." in words(brought)
    two.run(lambda: two.heard(f"segment 1 (3 in all): unknown device. {ADVICE}"))
    two.run(lambda: report(spool)["devices"][0]["refused"] == 3)
    shown = CliRunner().invoke(app, ["status", "--spool", str(spool)]).stdout
    assert f"{device_id.hex()[:8]}: segment 1: unknown device. {ADVICE}" in shown
    again = stick_command("export", "--to", two.stick, "--spool", spool)
    assert again["export"]["segments"] == 3 and again["export"]["refused"] == {"unknown device": 3}
    two.restart()
    assert report(spool)["devices"][0]["refused"] == 3, "over a restart too"

    two.ledger.enrolled = enrolled
    two.run(lambda: len(two.ledger.segments) == 3 and not two.hub.outbox.carrying)
    two.run(lambda: {slot.state for slot in two.hub.outbox.all()} == {State.RECEIPTED} and not two.hub.spool.staged)
    two.put("hub")
    two.carry("shop")
    two.run(lambda: not two.player.segments)


def test_a_hold_comes_home(two: Two) -> None:
    two.run(lambda: two.shop.spool.open_entries == 3)
    message = wrap(two.player.segments[2])
    said = Answer(
        message_sha256=hashlib.sha256(message).digest(), verdict=GAP, device_id=two.player.device_id, sequence=2
    )
    item = BundleItem(kind=bundles.ANSWER, device_id=two.player.device_id, content=said.encode())
    (two.stick / "amos").mkdir()
    (two.stick / "amos" / ("liar-" + "0" * 16 + "-000.bundle")).write_bytes(made_up(item))
    two.carry("shop")
    two.run(lambda: report(two.folder / "shop")["devices"][0]["held"] == 1)
    two.run(lambda: two.heard(SENTENCES[GAP]))


@pytest.mark.parametrize("verdict", sorted(set(range(len(answers.VERDICTS))) - set(answers.RECEIPTED)))
def test_what_a_stick_says_delays_no_segment(verdict: int) -> None:
    outbox = outbox_of(a_slot(1), a_slot(2), a_slot(3))
    first, other, _third = outbox.open_slots(A)
    assert outbox.told(first, verdict, 1000) is first
    assert first.state is (State.HELD if verdict in answers.HELD else State.REFUSED)
    assert outbox.told(first, verdict, 1000) is first
    assert sorted(send_all(outbox, 1000)) == [1, 2, 3]
    assert outbox.told(other, verdict, 1000) is None, "the ledger is asked itself"
