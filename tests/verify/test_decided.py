"""Documents, quarantines and rulings in the log, as the verifier walks it."""

import hashlib

import pytest
from settled_world import OPERATOR, catalogue_bytes, manifest_bytes, signer

from amos.crypto import key_id, public_key
from amos.protocol.answer import ACCEPTED, QUARANTINED
from amos.protocol.document import CATALOGUE, document_entry
from amos.protocol.quarantine import LIFT, REJECT, Ruling, quarantine_entry, sign_ruling
from amos_ledger.registry import add_pack
from amos_ledger.rulings import rule, ruling_on
from amos_ledger.settle_period import settle_period
from amos_tools.verify.decided import Decided
from amos_tools.verify.errors import Difference

NOVEMBER = ("2026-11", 1_000_000_000, "EUR")
ROWS = [(0, 1000)]
SIZE = 13


def begun(november, reason: str = "fork: by hand") -> bytes:
    return quarantine_entry(november.players[0].device, 4, bytes(32), reason)


def ruling(november, **changes) -> bytes:
    facts = {"version": 1, "device_id": november.players[0].device, "quarantine": SIZE, "action": LIFT, "rejected": []}
    seed = changes.pop("seed", OPERATOR)
    said = Ruling(**(facts | {"reason": "x", "unix_s": 5} | changes))
    return sign_ruling(said, key_id(public_key(seed)), signer(seed))


def settle_and_verify(november) -> None:
    settle_period(november.folder, *NOVEMBER)
    november.verify("ann")


def test_a_quarantine_that_is_lifted_passes(november, dates) -> None:
    player, received = november.players[0], dates(2026, 11, 10)
    device = player.device
    with november.folder.open_store() as store, store.transaction():
        store.quarantines.begin(device, 4, bytes(32), "fork: by hand")
    first, second = (player.play(ROWS, dates(2026, 11, 9)) for _ in range(2))
    assert november.send(0, first, received) + november.send(0, second, received) == [QUARANTINED] * 2
    with november.folder.open_store() as store:
        done = rule(november.folder, store, ruling_on(store, device, None, "x", OPERATOR, lambda: 7))
    assert [outcome.verdict for outcome in done.outcomes] == [ACCEPTED] * 2
    settle_and_verify(november)


@pytest.mark.parametrize(
    "entries, at, said",
    [
        (
            lambda w: [quarantine_entry(b"n" * 16, 1, bytes(32), "x")],
            0,
            "quarantine.device: expected one enrolled before",
        ),
        (lambda w: [begun(w), begun(w)], 1, "quarantine.device: expected one not in quarantine"),
        (lambda w: [ruling(w)], 0, "ruling.quarantine: expected none, found 13"),
        (lambda w: [begun(w), ruling(w, quarantine=12)], 1, "ruling.quarantine: expected 13, found 12"),
        (lambda w: [begun(w), ruling(w, seed=b"m" * 32)], 1, "signature: expected one that verifies"),
        (lambda w: [begun(w), ruling(w), ruling(w)], 2, "ruling.quarantine: expected none, found 13"),
        (lambda w: [b"amos-quarantine/1 x\n"], 0, "expected a message of its format"),
        (lambda w: [b"amos-document/1 manifest 1\n"], 0, "expected a message of its format"),
        (
            lambda w: [document_entry(CATALOGUE, 1, bytes(32), 5)],
            0,
            "document.serial: expected one that no catalogue before",
        ),
    ],
)
def test_entries_that_do_not_follow_are_found(november, entries, at: int, said: str) -> None:
    november.append(*entries(november))
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(Difference) as caught:
        november.verify("ann")
    assert str(caught.value).startswith(f"entry {SIZE + at}: {said}")


def test_play_of_a_device_in_quarantine_is_found(november, dates) -> None:
    november.append(begun(november))
    november.play(0, ROWS, dates(2026, 11, 9), dates(2026, 11, 10))
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(
        Difference, match=r"usage\.device_id: expected one not in quarantine, found .*, in it since entry 13"
    ):
        november.verify("ann")


def test_a_rejected_segment_that_was_logged_is_found(november, dates) -> None:
    segment = november.players[0].play(ROWS, dates(2026, 11, 9))
    november.append(begun(november), ruling(november, action=REJECT, rejected=[hashlib.sha256(segment).digest()]))
    november.append(ruling(november))
    assert november.send(0, segment, dates(2026, 11, 10)) == [ACCEPTED], "its store knows nothing of these entries"
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(Difference, match="usage: expected one that the operator did not reject"):
        november.verify("ann")


def test_a_pack_that_was_not_named_is_found(november, monkeypatch, dates) -> None:
    with november.folder.open_store() as store:
        named = [entry for _index, entry in store.entries(0, SIZE) if entry.startswith(b"amos-document/2 manifest")]
        assert len(named) == 2
    monkeypatch.setattr(
        "amos_tools.verify.log.Decided.take_text", _without(named[0]), raising=True
    )  # as if the ledger had never logged it
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(Difference, match=r"usage\.pack: expected one whose manifest was named before"):
        november.verify("ann")


def _without(left_out: bytes):
    take_text = Decided.take_text
    return lambda self, index, entry, enrolled: entry == left_out or take_text(self, index, entry, enrolled)


def test_a_closing_by_an_older_catalogue_is_found(november) -> None:
    newer = catalogue_bytes(serial=2)
    (november.path / "audit/catalogues" / f"{hashlib.sha256(newer).hexdigest()}.cose").write_bytes(newer)
    november.append(document_entry(CATALOGUE, 2, hashlib.sha256(newer).digest(), 5))
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(Difference, match=r"entry 14: closing: closing\.catalogue_sha256|closing\.catalogue_sha256"):
        november.verify("ann")


def test_a_catalogue_under_another_serial_than_its_own_is_found(november) -> None:
    with november.folder.open_store() as store:
        data = store.latest_catalogue()
    assert data is not None
    november.append(document_entry(CATALOGUE, 9, hashlib.sha256(data).digest(), 5))
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(Difference, match=r"catalogue\.serial: expected 9, found 1"):
        november.verify("ann")


def test_a_later_catalogue_is_the_one_that_pays(november) -> None:
    with november.folder.open_store() as store:
        add_pack(november.folder, store, manifest_bytes(44_100), catalogue_bytes(serial=2))
    settle_and_verify(november)
