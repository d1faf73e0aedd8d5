"""What times a delegated key's lists may have: what a ledger issues, whatever its clock does and whatever it takes in,
a rebuild, `fsck` and the verifier accept; and nobody else may date one further back."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from delegating import STEM, delegation
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.crypto import key_id, public_key, sign
from amos.protocol.batch import batch_entry, minute_of
from amos.protocol.signing import list_delegated, sign_delegated
from amos_batches.runner import InProcess
from amos_ledger.delegated import AHEAD_S_MAX, KEY_NAME, take_delegation, withdraw
from amos_ledger.errors import NotRebuilt, OptOutsRefused
from amos_ledger.published_log import PublishedLog
from amos_ledger.registry import publish
from amos_ledger.replay import LogKeys, rebuild
from amos_ledger.scrub import scrub
from amos_ledger.settlement.standing import decode_opt_outs
from amos_ledger.store.store import Store
from amos_tools.verify.errors import Difference
from amos_tools.verify.keys import Keys
from amos_tools.verify.lines import LineReader
from amos_tools.verify.log import walk
from amos_tools.verify.opened import batches, key_table, read_log, survey

NOON, DAY_S = 1_793_534_400, 86_400
ALWAYS = {"since_unix_s": 5, "until_unix_s": 1 << 37}

STEPS = st.one_of(
    # Play that comes now, or waited for other play and keeps the minute in which it came.
    st.tuples(st.just("batch"), st.just(0) | st.integers(0, 40 * DAY_S)),
    # Time goes on, for a ledger that is idle for days as well; or the clock is set, ahead or back.
    st.tuples(st.just("clock"), st.integers(0, 900) | st.integers(-2 * DAY_S, 2 * DAY_S) | st.just(300 * DAY_S)),
    st.tuples(st.just("clock"), st.just(-300 * DAY_S)),
    st.tuples(st.sampled_from(["withdraw", "bring back"]), st.integers(0, 2)),
    # Whether the publisher passes over the batch entries until then.
    st.tuples(st.just("delegation"), st.booleans()),
)


@dataclass
class Ledger:
    """A ledger whose clock shows `now_s`, and what its log has: (leaf index, minute) of each batch entry, and the time
    and (serial, `batches_from`) of the last list's delegation."""

    world: Any
    now_s: int = NOON
    minutes: list[tuple[int, int]] = field(default_factory=list)
    last_s: int = 0
    delegated: tuple[int, int] = (0, 0)

    def take(self, step: str, value: int) -> None:
        if step == "batch":
            self.receive(minute_of(self.now_s - value))
        elif step == "clock":
            self.now_s += value
        elif step == "delegation":
            skipped = self.size() if value else 0
            self.delegate(self.delegated[0] + 1, skipped)
        else:
            earliest_s = max(self.last_s, self.bound_s(self.delegated[1]))
            back = step == "bring back"
            self.issue(earliest_s, lambda: withdraw(self.folder, "ada", [STEM[value]], self.now_s, back=back))

    def receive(self, minute_s: int) -> None:
        with self.folder.open_store() as store, store.transaction():
            index = store.append([batch_entry(minute_s)])
            store.note_batch(index, minute_s)
        self.minutes.append((index, minute_s))

    def delegate(self, serial: int, skipped: int) -> None:
        data = delegation(self.world, serial, batches_from=skipped or None, **ALWAYS)
        bound_s = self.bound_s(skipped)
        if self.issue(bound_s, lambda: take_delegation(self.folder, data, self.now_s)):
            self.delegated = serial, skipped

    def issue(self, earliest_s: int, change: Callable[[], object]) -> bool:
        """Whether it was done: it is unless its list would be dated ahead, or there is none to make."""
        before = self.size()
        try:
            change()
        except OptOutsRefused as error:
            assert earliest_s > self.now_s + AHEAD_S_MAX and "ran ahead" in str(error)
            return False
        if self.size() > before:
            self.last_s = max(self.now_s, earliest_s)
            assert self.last_s <= self.now_s + AHEAD_S_MAX and self.lists()[-1].issued_unix_s == self.last_s
        return True

    def bound_s(self, first: int) -> int:
        return max((minute_s - DAY_S for index, minute_s in self.minutes if index >= first), default=0)

    @property
    def folder(self) -> Any:
        return self.world.folder

    def size(self) -> int:
        with self.folder.open_store_to_read() as store:
            return store.size()

    def lists(self) -> list[Any]:
        with self.folder.open_store_to_read() as store:
            return [decode_opt_outs(data) for data in store.opt_outs.all(store.size())]

    def entries(self) -> list[bytes]:
        with self.folder.open_store_to_read() as store:
            return [entry for _index, entry in store.entries(0, store.size())]

    def forged(self, issued_s: int) -> bytes:
        """What the ledger's key may sign under yet another delegation, whatever the ledger's own rules are."""
        data = delegation(self.world, self.delegated[0] + 1, **ALWAYS)
        seed = (self.world.path / KEY_NAME).read_bytes()
        listed = list_delegated(1 << 60, issued_s, STEM[:1], data, "ada")
        return bytes(sign_delegated(listed, key_id(public_key(seed)), lambda message: sign(seed, message)))


def refused_by_rebuild(world: Any, entries: list[bytes], path: Path) -> bool:
    keys = LogKeys(world.folder.public_key, world.operator.public, world.publisher.public)
    Store.create(path, world.folder.trust.origin, keys.ledger)
    published = PublishedLog(world.folder.audit, len(entries))
    try:
        with Store(path) as store:
            rebuild(entries, store, keys, published.document)
    except NotRebuilt as error:
        assert "opt-outs.issued_unix_s: expected from" in str(error)
        return True
    finally:
        path.unlink()
    return False


def refused_by_verify(world: Any, entries: list[bytes]) -> bool:
    origin, keys = (
        world.folder.trust.origin,
        Keys(world.folder.public_key, world.publisher.public, world.operator.public),
    )
    named: dict[bytes, bytes] = {}
    for batch in batches(entries, {}):
        named |= key_table(survey(batch).keys)
    try:
        walk(said(entries, named), origin, [], keys.publisher, LineReader(origin, keys).lines())
    except Difference as error:
        assert "opt-outs.issued_unix_s" in str(error)
        return True
    return False


def said(entries: list[bytes], named: dict[bytes, bytes]) -> Iterator[Any]:
    for batch, opened in read_log(entries, InProcess(), named):
        yield from zip(batch.entries, opened.said, strict=True)


@pytest.fixture(scope="module")
def both(make_world: Any, made_once: Path) -> Callable[[list[tuple[str, int]]], None]:
    """Takes the steps, then asks each reader."""

    def asked(steps: list[tuple[str, int]]) -> None:
        with TemporaryDirectory() as place:
            ledger = Ledger(make_world(Path(shutil.copytree(made_once, Path(place) / "ledger"))))
            ledger.delegate(1, 0)
            for step in steps:
                ledger.take(*step)
            with ledger.folder.open_store() as store:
                publish(ledger.folder, store)
            assert scrub(ledger.folder) == []
            bound_s, entries = max(5, ledger.bound_s(0)), ledger.entries()
            ledger.world.ledger.close()
            cases = [(entries, False), ([*entries, ledger.forged(bound_s)], False)]
            if bound_s > 5:
                cases.append(([*entries, ledger.forged(bound_s - 1)], True))
            for log, refused in cases:
                assert refused_by_rebuild(ledger.world, log, Path(place) / "rebuilt.sqlite") is refused
                assert refused_by_verify(ledger.world, log) is refused

    return asked


@settings(max_examples=20)
@given(steps=st.lists(STEPS, max_size=10))
def test_what_a_ledger_issues_each_reader_accepts_and_none_a_list_that_is_dated_further_back(
    both: Callable[[list[tuple[str, int]]], None], steps: list[tuple[str, int]]
) -> None:
    both(steps)


@pytest.mark.parametrize(
    "steps",
    [
        [("batch", 0), ("clock", 9 * DAY_S), ("withdraw", 0), ("clock", 60), ("bring back", 0)],
        [("batch", 0), ("withdraw", 0), ("batch", 40 * DAY_S), ("withdraw", 1), ("batch", 0), ("bring back", 0)],
        [("batch", 0), ("clock", -DAY_S), ("withdraw", 0), ("batch", 0), ("withdraw", 1), ("delegation", 0)],
        [
            *[("clock", 300 * DAY_S), ("batch", 0), ("withdraw", 0), ("clock", -300 * DAY_S), ("batch", 0)],
            *[("withdraw", 1), ("delegation", 0), ("delegation", 1), ("withdraw", 1), ("batch", 0), ("bring back", 0)],
        ],
    ],
    ids=["idle for days", "play that waited", "a clock a day back", "a clock that ran ahead"],
)
def test_honest_ledgers_are_never_refused(
    both: Callable[[list[tuple[str, int]]], None], steps: list[tuple[str, int]]
) -> None:
    both(steps)
