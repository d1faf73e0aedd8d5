"""Opt-outs by a delegated key: what it may say, what the ledger and its log make of it, and what a thief has of it."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from delegating import NOW, STEM, delegation
from typer.testing import CliRunner

from amos.crypto import key_id, public_key, sign, verify
from amos.protocol import topics
from amos.protocol.catalogue import Catalogue, Share, Work, sign_catalogue
from amos.protocol.cose import CoseError
from amos.protocol.delegated import is_delegated, open_delegated, stem_ids_of
from amos.protocol.opt_outs import open_opt_outs
from amos.protocol.signing import list_delegated, list_opt_outs, sign_delegated, sign_opt_outs
from amos_ledger import delegated, registry
from amos_ledger.cli import app
from amos_ledger.delegated import KEY_NAME, NEXT_KEY_NAME, desk_of, made_key, take_delegation, withdraw, withdraw_for
from amos_ledger.delegation_told import delegation_due
from amos_ledger.errors import KeyUnusable, OptOutsRefused, RolledBack
from amos_ledger.folder import Folder
from amos_ledger.opt_outs import DELEGATED, OptOutPublisher, add_opt_outs, published
from amos_ledger.registry import add_pack
from amos_ledger.scrub import scrub
from amos_ledger.settlement.standing import OptOutHistory, decode_opt_outs
from amos_tools.verify.standing import Lists, withdrawn

NOON, DAY_S = 1_793_534_400, 86_400


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """One database is enough, but where the store keeps who withdrew what."""
    return str(getattr(request, "param", "sqlite"))


def delegated_to(world: Any) -> None:
    take_delegation(world.folder, delegation(world), NOW)


def in_force(world: Any) -> set[bytes]:
    """What the published list silences, as anybody reads it who trusts the publisher."""
    data = published(world.folder, DELEGATED)
    return set(stem_ids_of(open_delegated(data, world.publisher.public, verify, world.folder.line.keys)))


def lists(world: Any) -> list[Any]:
    with world.folder.open_store() as store:
        return [decode_opt_outs(data) for data in store.opt_outs.all(store.size())]


def test_stems_are_withdrawn_and_brought_back_in_the_log_and_in_public(world: Any) -> None:
    with pytest.raises(OptOutsRefused, match="expected the publisher's delegation, found none"):
        withdraw(world.folder, "ada", STEM[:1], NOW)
    delegated_to(world)
    assert in_force(world) == set()
    assert withdraw(world.folder, "ada", STEM[:2], NOW + 1) and in_force(world) == set(STEM[:2])
    assert not withdraw(world.folder, "ada", STEM[:2], NOW + 2), "they were before"
    assert withdraw(world.folder, "ada", STEM[:1], NOW + 3, back=True) and in_force(world) == {STEM[1]}
    assert [(item.serial, item.issued_unix_s, len(item)) for item in lists(world)] == [
        (NOW, NOW, 0), (NOW + 1, NOW + 1, 2), (NOW + 3, NOW + 3, 1),
    ]  # fmt: skip
    with pytest.raises(
        OptOutsRefused, match=r"expected at most 60 s ahead of this clock, 1799999\d+, found 1800000003"
    ):
        withdraw(world.folder, "ada", STEM[:1], NOW - 58)
    withdraw(world.folder, "ada", STEM[:1], NOW - 57)
    last = lists(world)[-1]
    assert (last.issued_unix_s, last.serial) == (NOW + 3, NOW + 4), (
        "a clock that was set back dates none before the last"
    )
    with world.folder.open_store_to_read() as store:
        assert desk_of(world.folder, store).withdrawn == dict.fromkeys(STEM[:2], "ada")
    assert (world.path / KEY_NAME).stat().st_mode & 0o777 == 0o600


def test_what_the_delegation_does_not_say_is_refused_by_name(world: Any) -> None:
    for said, wrong in (
        ("delegation: signature", {"signer": world.operator}),
        ("delegation.key: expected this ledger's", {"key": world.publisher.public}),
        ("delegation.ledger: expected the key of this ledger that is in force", {"ledger": world.publisher.public}),
        (
            "expected a list issued from .* to 1799999999, found 1800000000",
            {"since_unix_s": 5, "until_unix_s": NOW - 1},
        ),
    ):
        with pytest.raises(OptOutsRefused, match=said):
            take_delegation(world.folder, delegation(world, **wrong), NOW)
    assert published(world.folder, DELEGATED) is None and lists(world) == []
    delegated_to(world)
    with pytest.raises(
        OptOutsRefused, match=f"expected only stems that it names, found {STEM[3].hex()}; have the publisher"
    ):
        withdraw(world.folder, "ada", [STEM[3]], NOW)
    with pytest.raises(OptOutsRefused, match=r"to 2027-01-15 08:16:40 UTC, found 2027-.* have the .* --serial 2"):
        withdraw(world.folder, "ada", STEM[:1], NOW + 1001)
    with pytest.raises(OptOutsRefused, match="expected one that pays cleo, found none"):
        withdraw_for(world.folder, "cleo", STEM[:1], NOW)
    assert in_force(world) == set() and withdraw_for(world.folder, "ada", STEM[:1], NOW)


def test_a_lost_key_is_told_with_what_comes_next(world: Any) -> None:
    delegated_to(world)
    (world.path / KEY_NAME).unlink()
    with pytest.raises(KeyUnusable, match="make another with amos ledger opt-out-key and have the publisher"):
        withdraw(world.folder, "ada", STEM[:1], NOW)
    made_key(world.folder)
    with pytest.raises(OptOutsRefused, match=r"found .*; have the publisher delegate to this ledger's"):
        withdraw(world.folder, "ada", STEM[:1], NOW)
    take_delegation(world.folder, delegation(world, 2), NOW)
    assert withdraw(world.folder, "ada", STEM[:1], NOW)


def test_all_that_a_delegation_forgot_is_named_at_once(world: Any) -> None:
    delegated_to(world)
    withdraw(world.folder, "ada", STEM[:3], NOW)
    both = " ".join(sorted(stem_id.hex() for stem_id in STEM[:2]))
    with pytest.raises(OptOutsRefused, match=f"expected also {both}, which payees withdrew"):
        take_delegation(world.folder, delegation(world, 2, STEM[2:]), NOW)


def test_another_delegation_ends_the_one_before_and_forgets_no_withdrawal(world: Any) -> None:
    delegated_to(world)
    withdraw(world.folder, "ada", STEM[:1], NOW)
    stolen = (world.path / KEY_NAME).read_bytes()
    old = lists(world)[-1].delegation
    following = made_key(world.folder, renew=True)
    assert following != public_key(stolen) and made_key(world.folder, renew=True) == following
    assert made_key(world.folder) == public_key(stolen), "in force until the delegation that names the next"
    assert withdraw(world.folder, "ada", STEM[:2], NOW) and withdraw(world.folder, "ada", [STEM[1]], NOW, back=True)
    with pytest.raises(OptOutsRefused, match=r"delegation\.serial: expected above 1, found 1"):
        take_delegation(world.folder, delegation(world, key=following), NOW)
    with pytest.raises(OptOutsRefused, match=f"expected also {STEM[0].hex()}, which payees withdrew"):
        take_delegation(world.folder, delegation(world, 2, STEM[1:3]), NOW)
    second = delegation(world, 2, key=following)
    assert take_delegation(world.folder, second, NOW)[1] and not take_delegation(world.folder, second, NOW)[1]
    assert in_force(world) == set(STEM[:1]) and made_key(world.folder) == following
    assert not (world.path / NEXT_KEY_NAME).exists()
    (world.path / NEXT_KEY_NAME).write_bytes((world.path / KEY_NAME).read_bytes())
    (world.path / KEY_NAME).write_bytes(stolen)
    assert withdraw(world.folder, "ada", STEM[:2], NOW), "killed before the key had given way"
    assert made_key(world.folder) == following and withdraw(world.folder, "ada", [STEM[1]], NOW, back=True)
    theirs = sign_delegated(
        list_delegated(1 << 60, NOW, [], old), key_id(public_key(stolen)), lambda message: sign(stolen, message)
    )
    opening = world.publisher.public, verify, world.folder.line.keys
    thief, own = (open_delegated(data, *opening) for data in (theirs, lists_bytes(world)[-1]))
    assert thief.rank < own.rank, "players that have the newer list refuse the thief's"
    forged = list_delegated(9, NOW, [], second)
    with pytest.raises(Exception, match="signature"):
        open_delegated(
            sign_delegated(forged, key_id(public_key(stolen)), lambda message: sign(stolen, message)),
            world.publisher.public,
            verify,
            world.folder.line.keys,
        )
    listed = list_opt_outs(1, NOW, STEM[:1])
    add_opt_outs(world.folder, sign_opt_outs(listed, world.publisher.id, world.publisher.sign))
    assert take_delegation(world.folder, delegation(world, 3, STEM[1:3]), NOW)[1], "the publisher's list names it now"


def lists_bytes(world: Any) -> list[bytes]:
    with world.folder.open_store() as store:
        return [data for data in store.opt_outs.all(store.size()) if is_delegated(data)]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"], indirect=True)
def test_who_withdrew_a_stem_brings_it_back_or_the_publisher(world: Any) -> None:
    """Stem 1 pays Ada and Ben."""
    delegated_to(world)
    assert withdraw_for(world.folder, "ben", [STEM[1]], NOW)
    assert not withdraw_for(world.folder, "ada", [STEM[1]], NOW), "it is silent"
    with pytest.raises(OptOutsRefused, match="expected ben to bring it back, who withdrew it, found ada"):
        withdraw_for(world.folder, "ada", [STEM[1]], NOW, back=True)
    with world.folder.open_store_to_read() as store:
        desk = desk_of(world.folder, store)
    assert desk.may_change(STEM[1], "ben", NOW) and not desk.may_change(STEM[1], "ada", NOW)
    take_delegation(world.folder, delegation(world, 2), NOW)
    with pytest.raises(OptOutsRefused, match="expected ben"):
        withdraw_for(world.folder, "ada", [STEM[1]], NOW, back=True)
    assert withdraw_for(world.folder, "ben", [STEM[1]], NOW, back=True)
    assert withdraw_for(world.folder, "ada", [STEM[1]], NOW) and lists(world)[-1].payee == "ada"
    listed = list_opt_outs(1, NOW, [STEM[1]])
    add_opt_outs(world.folder, sign_opt_outs(listed, world.publisher.id, world.publisher.sign))
    assert take_delegation(world.folder, delegation(world, 3, []), NOW)[0].ids is None, "the publisher ends it"
    assert in_force(world) == set()
    with pytest.raises(OptOutsRefused, match="expected only stems that it names"):
        withdraw_for(world.folder, "ada", [STEM[1]], NOW)


@pytest.mark.parametrize("again", ["withdraw", "delegation", "publication"])
def test_what_the_log_says_is_published_whatever_stands_in_the_file(world: Any, again: str) -> None:
    """Killed between the log and the file; and other bytes than ours."""
    delegated_to(world)
    path, device = world.folder.public / DELEGATED, world.device()
    world.take(device, device.seal())
    before = path.read_bytes()
    withdraw(world.folder, "ada", STEM[:1], NOW)
    expected = path.read_bytes()
    for found in (before, b"", b"x" * 40_000, None):
        path.unlink()
        if found is not None:
            path.write_bytes(found)
        if again == "withdraw":
            assert not withdraw(world.folder, "ada", STEM[:1], NOW)
        elif again == "delegation":
            assert not take_delegation(world.folder, delegation(world), NOW)[1]
        else:
            world.restart()
            world.take(device, device.seal())
        assert path.read_bytes() == expected


def test_a_ledger_at_work_publishes_what_another_process_only_logged(world: Any, monkeypatch: Any) -> None:
    delegated_to(world)
    device = world.device()
    world.take(device, device.seal())
    monkeypatch.setattr(delegated, "write_opt_outs", lambda *_: None)
    withdraw(world.folder, "ada", STEM[:1], NOW)
    assert in_force(world) == set()
    world.ledger.tick()
    assert in_force(world) == set(STEM[:1])


def test_a_ledger_that_lost_its_last_lists_goes_on_above_them(world: Any, tmp_path: Path) -> None:
    delegated_to(world)
    copy = shutil.copytree(world.path, tmp_path / "copy")
    for number in range(3):
        withdraw(world.folder, "ada", STEM[:2], NOW + number, back=number == 1)
    lost = lists(world)[-1]
    folder = Folder(copy)
    assert withdraw(folder, "ada", STEM[:1], NOW + 60)
    with folder.open_store() as store:
        found = decode_opt_outs(store.opt_outs.delegated(store.size()) or b"")
    assert found.serial > lost.serial


def test_a_clock_that_ran_ahead_lets_nobody_withdraw_in_vain(world: Any) -> None:
    """What is withdrawn is silent at once, so it must not earn until the list's own time."""
    times = {"since_unix_s": 5, "until_unix_s": NOW * 2}
    take_delegation(world.folder, delegation(world, **times), NOON - 50 * DAY_S)
    device = world.device()
    world.ledger.take([device.message(device.seal())], NOON)
    with pytest.raises(OptOutsRefused, match=f"expected at most 60 s ahead of this clock, .*, found {NOON - DAY_S}"):
        withdraw(world.folder, "ada", STEM[:1], NOON - 2 * DAY_S)
    withdraw(world.folder, "ada", STEM[:1], NOON - DAY_S - 60)
    assert lists(world)[-1].issued_unix_s == NOON - DAY_S, "nobody dates one back by more than a day"
    withdraw(world.folder, "ada", STEM[:2], NOON + 9 * DAY_S)
    with pytest.raises(OptOutsRefused, match="ran ahead"):
        withdraw(world.folder, "ada", STEM[:1], NOON, back=True)
    take_delegation(world.folder, delegation(world, 2, **times), NOON)
    assert lists(world)[-1].issued_unix_s == NOON, "a clock that ran ahead"
    history = OptOutHistory(lists(world))
    assert [history.withdrawn(STEM[1], NOON + at) for at in (-1, 0, 59, 60)] == [False, False, False, True]
    assert history.withdrawn(STEM[0], NOON - 60) and not history.withdrawn(STEM[0], NOON - DAY_S + 59)


def test_entries_that_a_clock_ahead_made_bind_until_the_publisher_passes_over_them(world: Any) -> None:
    times = {"since_unix_s": 5, "until_unix_s": NOON + 900 * DAY_S}
    take_delegation(world.folder, delegation(world, **times), NOON)
    device = world.device()
    world.ledger.take([device.message(device.seal())], NOON + 300 * DAY_S)
    with world.folder.open_store() as store:
        with store.transaction():
            store.chain.anchors.accept_clock(NOON * 1000)
        size = store.size()
    for _ in range(2):
        with pytest.raises(OptOutsRefused, match=f"found {NOON + 299 * DAY_S}.*--batches-from {size}"):
            withdraw(world.folder, "ada", STEM[:1], NOON + 60)
    with pytest.raises(OptOutsRefused, match="--batches-from"):
        take_delegation(world.folder, delegation(world, 2, **times), NOON + 60)
    assert in_force(world) == set() and len(lists(world)) == 1
    take_delegation(world.folder, delegation(world, 2, batches_from=size, **times), NOON + 60)
    assert withdraw(world.folder, "ada", STEM[:1], NOON + 70) and lists(world)[-1].issued_unix_s == NOON + 70
    world.ledger.take([device.message(device.seal())], NOON + 3 * DAY_S)
    with pytest.raises(OptOutsRefused, match=f"found {NOON + 2 * DAY_S}"):
        withdraw(world.folder, "ada", STEM[:2], NOON + DAY_S)
    assert scrub(world.folder) == []


def test_a_stem_that_its_withdrawer_sold_is_brought_back_by_whom_it_pays(world: Any) -> None:
    """Stem 1 pays Ada and Ben, then Ada and Cleo."""
    delegated_to(world)
    withdraw_for(world.folder, "ben", STEM[1:3], NOW)
    pays = dict.fromkeys(STEM, ("ada", "ben")) | {STEM[1]: ("ada", "cleo")}
    works = [
        Work(stem_id=stem, title="t", artist="a", isrc=None, splits=[Share(payee=who, ppm=500_000) for who in payees])
        for stem, payees in sorted(pays.items())
    ]
    sold = sign_catalogue(Catalogue(version=1, serial=2, works=works), world.publisher.id, world.publisher.sign)
    with world.folder.open_store() as store:
        add_pack(world.folder, store, world.pack.manifest, sold, 1)
        desk = desk_of(world.folder, store)
    assert [desk.may_change(STEM[1], payee, NOW) for payee in pays[STEM[1]]] == [True, True]
    assert [desk.may_change(STEM[2], payee, NOW) for payee in pays[STEM[2]]] == [False, True]
    with pytest.raises(OptOutsRefused, match="expected ben to bring it back"):
        withdraw_for(world.folder, "ada", [STEM[2]], NOW, back=True)
    with pytest.raises(OptOutsRefused, match="expected one that pays ben, found none"):
        withdraw_for(world.folder, "ben", [STEM[1]], NOW, back=True)
    assert withdraw_for(world.folder, "cleo", [STEM[1]], NOW, back=True) and in_force(world) == {STEM[2]}


def test_both_are_retained_and_the_file_comes_back_from_the_log(world: Any) -> None:
    delegated_to(world)
    told: list[tuple[str, bytes, bool]] = []
    publisher = OptOutPublisher(world.folder, lambda *said: not told.append(said))
    publisher.tell(1)
    publisher.tell(1)
    withdraw(world.folder, "ada", STEM[:1], NOW)
    publisher.tell(1)
    assert told == [(topics.DELEGATED_OPT_OUTS, data, True) for data in lists_bytes(world)]
    kept = published(world.folder, DELEGATED)
    (world.folder.public / DELEGATED).unlink()
    wrong = CliRunner().invoke(app, ["fsck", str(world.path)])
    assert wrong.exit_code == 1 and f"{DELEGATED}: is not there" in " ".join(wrong.output.split())
    device = world.device()
    world.take(device, device.seal())
    assert published(world.folder, DELEGATED) == kept, "the next publication writes it"


@pytest.mark.parametrize(
    "spans, played, is_withdrawn",
    [
        ([("publisher", 100, True)], 160, True),
        ([("delegated", 100, True)], 160, True),
        ([("delegated", 100, True)], 159, False),
        ([("delegated", 100, True), ("publisher", 150, False)], 500, True),
        ([("publisher", 100, True), ("delegated", 150, False)], 500, True),
        ([("delegated", 100, True), ("delegated", 200, False)], 200, False),
        ([("delegated", 100, True), ("publisher", 190, True), ("delegated", 200, False)], 230, True),
        ([("publisher", 100, True), ("publisher", 150, False), ("delegated", 150, True)], 180, True),
        ([("delegated", 100, True), ("delegated", 900, False), ("delegated", 200, True)], 950, True),
        ([("delegated", 100, False), ("delegated", 900, True), ("delegated", 200, False)], 1000, False),
        ([("delegated", 100, True), ("delegated", 100, False)], 170, False),
        ([], 500, False),
    ],
)
def test_ledger_and_verifier_agree_on_what_both_kinds_make(
    spans: list[tuple[str, int, bool]], played: int, is_withdrawn: bool
) -> None:
    made = [
        list_opt_outs(number, at, STEM[:1] if names else [])
        if kind == "publisher"
        else list_delegated(number, at, STEM[:1] if names else [], b"x")
        for number, (kind, at, names) in enumerate(spans)
    ]
    assert OptOutHistory(made).withdrawn(STEM[0], played) is is_withdrawn
    assert withdrawn(Lists(made), STEM[0], played) is is_withdrawn


def test_the_commands_do_the_same(world: Any, tmp_path: Path) -> None:
    key = run("opt-out-key", world.path)
    assert key == made_key(world.folder).hex() and run("opt-out-key", world.path) == key
    now_s = int(time.time())
    (tmp_path / "d").write_bytes(delegation(world, since_unix_s=now_s - 9, until_unix_s=now_s + 40 * DAY_S))
    assert run("delegation", world.path, tmp_path / "d").startswith("delegation 1 in force: 3 stems, until ")
    assert "was in force before" in run("delegation", world.path, tmp_path / "d")
    digits = STEM[0].hex()[:8]
    assert run("withdraw", world.path, digits, "--payee", "ada") == f"{STEM[0].hex()} withdrawn"
    assert run("withdraw", world.path, digits, "--payee", "ada") == f"{STEM[0].hex()} withdrawn before"
    assert in_force(world) == set(STEM[:1])
    assert run("withdraw", world.path, digits, "--payee", "ada", "--back") == f"{STEM[0].hex()} brought back"
    for words, said in (
        (("withdraw", world.path, digits, "--payee", "cleo"), "expected the id of one stem that pays cleo, found none"),
        (("withdraw", world.path, "ab", "--payee", "ada"), "found none"),
        (("delegation", world.path, os.devnull), "OptOutsRefused: delegation"),
    ):
        done = CliRunner().invoke(app, list(map(str, words)))
        assert done.exit_code and said in " ".join(done.output.split()), done.output
    assert run("opt-out-key", world.path, "--new") != key


def test_each_stem_is_told_of_by_itself(world: Any) -> None:
    now_s = int(time.time())
    take_delegation(world.folder, delegation(world, since_unix_s=now_s - 9, until_unix_s=now_s + 40 * DAY_S), now_s)
    one, two, three = (stem_id.hex() for stem_id in STEM[:3])
    run("withdraw", world.path, one, "--payee", "ada")
    assert run("withdraw", world.path, one, two, "--payee", "ada").split("\n") == [
        f"{one} withdrawn before", f"{two} withdrawn",
    ]  # fmt: skip
    assert run("withdraw", world.path, two, three, "--payee", "ada", "--back").split("\n") == [
        f"{two} brought back", f"{three} was not withdrawn",
    ]  # fmt: skip


def test_the_operator_is_told_what_is_delegated_and_when_another_is_due(world: Any) -> None:
    assert "delegation" not in run("status", world.path)
    now_s = int(time.time())
    until_s = now_s + 31 * DAY_S
    take_delegation(world.folder, delegation(world, since_unix_s=now_s - 9, until_unix_s=until_s), now_s)
    said = "delegation 1: payees may withdraw 3 stems until "
    shown = run("status", world.path)
    assert said in shown and "0 of them withdrawn" in shown and "have the publisher sign" not in shown
    world.ledger.close()
    rotated, key = run("rotate-key", world.path, "--unasked"), Folder(world.path).public_key.hex()
    due = f"have the publisher sign another: amos pack delegate --serial 2 --ledger-key {key}"
    withdrawn = run("withdraw", world.path, STEM[0].hex(), "--payee", "ada", "--unasked")
    for output in (rotated, withdrawn, run("status", world.path)):
        assert "delegation 1 names a key of this ledger that gave way" in output and due in output, output
    world.folder = Folder(world.path)
    facts = json.loads(run("status", world.path, "--json"))["delegation"]
    assert (facts["serial"], facts["until_unix_s"], facts["stems"], facts["withdrawn"]) == (1, until_s, 3, 1)
    renewed = {"since_unix_s": now_s - 9, "until_unix_s": now_s + 29 * DAY_S}
    take_delegation(world.folder, delegation(world, 2, **renewed), now_s)
    assert "delegation 2 ends at " in run("status", world.path)
    take_delegation(world.folder, delegation(world, 3, since_unix_s=now_s - 9, until_unix_s=now_s + 9), now_s)
    with world.folder.open_store_to_read() as store:
        (ended,) = delegation_due(world.folder, store, now_s + 10)
    assert "delegation 3 has ended, so that payees withdraw nothing" in ended and "--serial 4" in ended


def test_a_store_that_is_behind_what_is_published_takes_no_list(world: Any, tmp_path: Path) -> None:
    """Put back from a copy where nothing was served, so that nobody else can tell."""
    delegated_to(world)
    world.ledger.close()
    copy = shutil.copy(world.path / "ledger.sqlite", tmp_path / "copy")
    withdraw(world.folder, "ada", STEM[2:3], NOW)
    with world.folder.open_store() as store:
        registry.publish(world.folder, store)
    for path in world.path.glob("ledger.sqlite*"):
        path.unlink()
    shutil.copy(copy, world.path / "ledger.sqlite")
    folder, listed = Folder(world.path), list_opt_outs(1, NOW, STEM[:1])
    size = size_of(folder)
    for change in (
        lambda: withdraw(folder, "ada", STEM[:1], NOW + 1),
        lambda: take_delegation(folder, delegation(world, 2), NOW + 1),
        lambda: add_opt_outs(folder, sign_opt_outs(listed, world.publisher.id, world.publisher.sign)),
    ):
        with pytest.raises(RolledBack, match="put the newer store back"):
            change()
    assert size_of(folder) == size and in_force(world) == {STEM[2]}


def size_of(folder: Folder) -> int:
    with folder.open_store_to_read() as store:
        return store.size()


def run(*words: object) -> str:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_an_older_reader_refuses_the_list_by_its_type(world: Any) -> None:
    delegated_to(world)
    with pytest.raises(CoseError, match=r"typ: expected amos-opt-outs\+cose"):
        open_opt_outs(lists_bytes(world)[0], world.publisher.public, verify)
