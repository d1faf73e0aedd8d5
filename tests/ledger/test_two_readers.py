"""What a rebuild of the store refuses, the verifier refuses: each reads the log by itself; their caps must agree."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from every_kind import with_every_kind

from amos.crypto import key_id, public_key, verify
from amos.crypto import sign as ed25519_sign
from amos.protocol.batch import batch_entry, batch_unix_s
from amos.protocol.closing import TYP_STATEMENT, open_closing
from amos.protocol.cose import HEADER_TYP, TYP_OPT_OUTS, TYP_ROTATION, TYP_USAGE, parse, sign
from amos.protocol.delegated import (
    DELEGATED_OPT_OUTS_BYTES_MAX,
    TYP_DELEGATED_OPT_OUTS,
    DelegatedOptOuts,
    Delegation,
    open_delegated,
)
from amos.protocol.document import read_document
from amos.protocol.enrolment import TYP_ENROLMENT
from amos.protocol.errors import ProtocolError
from amos.protocol.forgone import TYP_FORGONE
from amos.protocol.ledger_limits import (
    CLOSING_BYTES_MAX,
    ENROLMENT_BYTES_MAX,
    FORGONE_BYTES_MAX,
    LOSS_BYTES_MAX,
    POOL_BYTES_MAX,
    REVOCATION_BYTES_MAX,
    RULING_BYTES_MAX,
)
from amos.protocol.licence_pool import TYP_POOL
from amos.protocol.limits import OPT_OUTS_BYTES_MAX, ROTATION_BYTES_MAX, SEGMENT_BYTES_MAX
from amos.protocol.loss import TYP_LOSS
from amos.protocol.quarantine import TYP_RULING, read_quarantine
from amos.protocol.revocation import TYP_REVOCATION
from amos.protocol.signing import list_delegated, sign_delegated, sign_delegation
from amos_batches.runner import InProcess
from amos_ledger.delegated import KEY_NAME, made_key
from amos_ledger.errors import NotRebuilt
from amos_ledger.log.tiles import ENTRY_BYTES_MAX
from amos_ledger.published_log import PublishedLog
from amos_ledger.replay import LogKeys, rebuild
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store
from amos_tools.verify.errors import Difference
from amos_tools.verify.keys import Keys
from amos_tools.verify.lines import LineReader
from amos_tools.verify.log import Target, walk
from amos_tools.verify.opened import batches, key_table, read_log, survey

CAPS = {
    TYP_USAGE: ("device", SEGMENT_BYTES_MAX),
    TYP_ENROLMENT: ("operator", ENROLMENT_BYTES_MAX),
    TYP_REVOCATION: ("operator", REVOCATION_BYTES_MAX),
    TYP_LOSS: ("operator", LOSS_BYTES_MAX),
    TYP_POOL: ("operator", POOL_BYTES_MAX),
    TYP_FORGONE: ("operator", FORGONE_BYTES_MAX),
    TYP_RULING: ("operator", RULING_BYTES_MAX),
    TYP_ROTATION: ("operator", ROTATION_BYTES_MAX),
    TYP_OPT_OUTS: ("publisher", OPT_OUTS_BYTES_MAX),
    TYP_DELEGATED_OPT_OUTS: ("desk", DELEGATED_OPT_OUTS_BYTES_MAX),
    TYP_STATEMENT: ("ledger", CLOSING_BYTES_MAX),
    "amos-something+cose": ("operator", 512),
}
"""Kind of entry → who signs it, and its cap."""

TEXTS = {"batch": batch_unix_s, "document": read_document, "quarantine": read_quarantine}


@pytest.fixture(scope="module")
def whole(make_world: Any, made_once: Path, tmp_path_factory: Any) -> Any:
    """A log with every kind of entry, who signs what in it, and both readers."""
    path = Path(shutil.copytree(made_once, tmp_path_factory.mktemp("readers") / "ledger"))
    world = make_world(path)
    first_operator = world.operator
    device = with_every_kind(world)
    with world.folder.open_store() as store:
        entries = [entry for _index, entry in store.entries(0, store.size())]
    published = PublishedLog(world.folder.audit, len(entries))
    named = [read_document(entry) for entry in entries]
    documents = {one[2]: published.document(one[0], one[2]) for one in named if one is not None}
    signers = {
        "device": device.key,
        "operator": world.operator,
        "publisher": world.publisher,
        "desk": _desk(world),
        "ledger": SimpleNamespace(id=world.folder.key_id, sign=world.folder.sign),
    }
    keys = Keys(world.folder.line.keys[0], world.publisher.public, first_operator.public)
    return SimpleNamespace(
        entries=entries,
        documents=documents,
        signers=signers,
        keys=keys,
        origin=world.folder.trust.origin,
        desk_key=made_key(world.folder),
    )


def _desk(world: Any) -> SimpleNamespace:
    seed = (world.path / KEY_NAME).read_bytes()
    return SimpleNamespace(id=key_id(public_key(seed)), sign=lambda message: ed25519_sign(seed, message))


def refused_by_rebuild(whole: Any, entries: list[bytes], path: Path) -> bool:
    Store.create(path, whole.origin, whole.keys.ledger)
    keys = LogKeys(whole.keys.ledger, whole.keys.operator, whole.keys.publisher)
    try:
        with Store(path) as store:
            rebuild(entries, store, keys, lambda _kind, sha256: whole.documents[sha256])
    except (NotRebuilt, *DATABASE_ERRORS):
        return True
    return False


def refused_by_verify(whole: Any, entries: list[bytes]) -> bool:
    reader, named = LineReader(whole.origin, whole.keys), {}
    try:
        for batch in batches(entries, {}):
            found = survey(batch)
            named |= key_table(found.keys)
            for index, entry in found.rotations:
                reader.take(index, entry)
        lines = reader.lines()
        target = next(index for index, entry in enumerate(whole.entries) if kind_of(entry) == TYP_STATEMENT)
        closing = open_closing(whole.entries[target], whole.keys.ledger, verify)
        targets = [Target(target, target, closing.period, lambda _reading: None)]
        walk(said(entries, named), whole.origin, targets, whole.keys.publisher, lines)
    except Difference:
        return True
    return False


def said(entries: list[bytes], named: dict[bytes, bytes]) -> Iterator[Any]:
    for batch, opened in read_log(entries, InProcess(), named):
        yield from zip(batch.entries, opened.said, strict=True)


def kind_of(entry: bytes) -> object:
    try:
        return parse(entry, ENTRY_BYTES_MAX).header.get(HEADER_TYP)
    except ProtocolError:
        return next((name for name, read in TEXTS.items() if read(entry) is not None), None)


def test_the_log_has_every_kind(whole: Any, tmp_path: Path) -> None:
    assert {kind_of(entry) for entry in whole.entries} >= {*CAPS, *TEXTS} - {"amos-something+cose"}
    assert not refused_by_verify(whole, whole.entries)
    assert not refused_by_rebuild(whole, whole.entries, tmp_path / "a.sqlite")


@pytest.mark.parametrize("more", (-200, 1, 2000), ids=("within", "above", "far above"))
@pytest.mark.parametrize("typ", CAPS)
def test_what_says_nothing_is_refused_by_both_whatever_its_length(
    whole: Any, tmp_path: Path, typ: str, more: int
) -> None:
    """Signed by whoever may, as long as its kind may be or longer."""
    name, cap = CAPS[typ]
    signer = whole.signers[name]
    overhead = len(sign(b"x" * 300, typ, signer.id, signer.sign)) - 300
    entry = sign(b"x" * min(cap + more - overhead, ENTRY_BYTES_MAX - overhead - 8), typ, signer.id, signer.sign)
    entries = [*whole.entries, entry]
    assert refused_by_rebuild(whole, entries, tmp_path / "a.sqlite")
    assert refused_by_verify(whole, entries)


def test_every_kind_once_more_or_changed(whole: Any, tmp_path: Path) -> None:
    """Whatever a rebuild refuses of these, the verifier does; it may refuse more, since it asks whether a ledger writes
    such a log."""
    kinds: dict[object, bytes] = {kind_of(entry): entry for entry in whole.entries[1:]}
    tried = 0
    for kind, entry in kinds.items():
        changed = [entry, entry + b"\n", entry[:-1], entry[:-1] + bytes([entry[-1] ^ 1])]
        if isinstance(kind, str) and kind in CAPS:
            signer = whole.signers[CAPS[kind][0]]
            payload = parse(entry, ENTRY_BYTES_MAX).payload
            for at in (0, 2, len(payload) // 2, len(payload) - 1):
                flipped = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]
                changed.append(sign(flipped, kind, signer.id, signer.sign))
        for number, data in enumerate(changed):
            entries = [*whole.entries, data]
            by_rebuild = refused_by_rebuild(whole, entries, tmp_path / f"{tried}.sqlite")
            assert not by_rebuild or refused_by_verify(whole, entries), f"{kind}, change {number}"
            tried += 1
    assert tried > 40


def test_a_delegated_list_is_dated_back_by_a_day_at_most_whatever_its_delegation(whole: Any, tmp_path: Path) -> None:
    """Each case: what stands behind the log, and whether both readers take it."""
    desk, publisher = whole.signers["desk"], whole.signers["publisher"]
    data = [entry for entry in whole.entries if kind_of(entry) == TYP_DELEGATED_OPT_OUTS][-1]
    last: DelegatedOptOuts = open_delegated(data, whole.keys.publisher, verify, [whole.keys.ledger])
    newest_s = max(batch_unix_s(entry) or 0 for entry in whole.entries)
    day_s, later_s = 86_400, newest_s + 40 * 86_400

    def listed(issued_s: int, more: int = 1, delegation: bytes | None = last.delegation) -> bytes:
        made = list_delegated(last.serial + more, issued_s, [], delegation, "ada")
        return bytes(sign_delegated(made, desk.id, desk.sign))

    def delegated(serial: int, **changes: Any) -> bytes:
        facts = {"key": whole.desk_key, "ledger": whole.keys.ledger, "since_unix_s": 7, "until_unix_s": 1 << 37}
        made = Delegation(version=1, serial=serial, ids=None, **(facts | changes))
        return bytes(sign_delegation(made, publisher.id, publisher.sign))

    received, before, second = batch_entry(later_s), batch_entry(later_s - 30 * day_s), delegated(2)
    # Behind the first of the two entries that come next; behind both.
    anew, behind_both = (delegated(2, batches_from=len(whole.entries) + count) for count in (1, 2))
    for behind, taken in (
        ([listed(newest_s - day_s)], True),
        ([listed(newest_s - day_s - 1)], False),
        ([listed(newest_s, 0)], False),
        ([received, listed(later_s - day_s)], True),
        ([received, listed(later_s - day_s - 1)], False),
        ([received, before, listed(later_s - day_s - 1)], False),
        ([received, listed(later_s), listed(later_s - 1, 2)], False),
        ([received, listed(later_s), listed(later_s - day_s, 2, second)], True),
        ([received, listed(later_s), listed(later_s - day_s - 1, 2, second)], False),
        ([received, before, listed(later_s - day_s, 1, second)], True),
        ([received, before, listed(later_s - day_s - 1, 1, second)], False),
        ([received, before, listed(later_s - 31 * day_s, 1, anew)], True),
        ([received, before, listed(later_s - 31 * day_s - 1, 1, anew)], False),
        ([before, received, listed(later_s - 31 * day_s, 1, anew)], False),
        ([received, before, listed(8, 1, behind_both)], True),
        ([received, before, listed(6, 1, behind_both)], False),
        ([received, before, listed(8, 1, behind_both), received, listed(later_s - day_s - 1, 2, behind_both)], False),
        ([listed(later_s, 9, second), listed(later_s, 99)], False),
        ([listed(later_s, 1, delegated(2, ledger=whole.keys.publisher))], False),
        ([listed(later_s, 1, delegated(2, until_unix_s=later_s - 1))], False),
    ):
        entries = [*whole.entries, *behind]
        (tmp_path / "a.sqlite").unlink(missing_ok=True)
        assert refused_by_rebuild(whole, entries, tmp_path / "a.sqlite") is not taken, behind
        assert refused_by_verify(whole, entries) is not taken, behind
