"""What a batch asks for at once is what the finders find one by one, on both databases."""

from collections.abc import Callable
from typing import Any

from amos.protocol.answer import ACCEPTED, GAP, HELD
from amos.protocol.segment import CLOCK_SYNCHRONISED
from amos_ledger.intake.reading import Message

NOON = 1_793_534_400


def played(world: Any) -> list[Any]:
    """Four devices and what they say next: dated and with a root; with a held segment, in another session; one of which
    nothing is accepted; one that is not enrolled."""
    first, second, third, stranger = (world.device(number, enrolled=number < 4) for number in (1, 2, 3, 4))
    ask = Message.of(first.topic("time"), bytes(16))
    assert None not in world.ledger.date([ask], NOON * 1000) + world.ledger.date([ask], NOON * 1000 + 5000)
    source = {"version": 2, "output_kind": 1, "pace": 1, "seed_root": bytes(32)}
    dated = source | {"clock": CLOCK_SYNCHRONISED, "anchor_unix_ms": NOON * 1000, "anchor_ms": 0}
    assert {answer.verdict for answer in world.take(first, first.seal(**dated), first.seal(**dated))} == {ACCEPTED}
    [accepted, _lost, held] = [second.seal() for _ in range(3)]
    assert [answer.verdict for answer in world.take(second, accepted, held)] == [ACCEPTED, GAP]
    assert GAP in HELD
    with world.folder.open_store() as store:
        [head, *_] = store.chain.heads.all()
    later = dated | {"anchor_unix_ms": NOON * 1000 + 5000, "anchor_ms": 5000}
    return [
        first.usage(**dated),
        first.usage(**dated | {"seed_root": head.root, "session": 2}),
        first.usage(**later | {"seed_root": bytes(31) + b"\x01"}),
        first.usage(**dated | {"anchor_unix_ms": NOON * 1000 + 1, "boot": 2}),
        second.usage(session=2),
        third.usage(),
        stranger.usage(),
    ]


def test_foreseen_is_what_is_found(world: Any) -> None:
    coming = played(world)
    with world.folder.open_store() as store, store.transaction():
        store.foresight.devices(usage.device_id for usage in coming)
        store.foresight.usage(coming)
        database, chain = store._database, store.chain
        foreseen = database._memory | database.devices._facts
        database._memory.clear()
        database.devices.forget()
        finders: dict[str, Callable[..., Any]] = {
            "device": chain.device,
            "last": chain.last,
            "held": chain.any_held,
            "rejected": store.quarantines.any_rejected,
            "session": chain.sessions.of_session,
            "boot": chain.sessions.of_boot,
            "anchor": chain.anchors.issued,
            "dated": chain.anchors.latest,
            "root": chain.heads.given,
        }
        compared: dict[str, list[Any]] = {name: [] for name in finders}
        for key, value in foreseen.items():
            if isinstance(key, tuple) and key[0] in finders:
                assert finders[key[0]](*key[1:]) == value, key
                compared[key[0]].append(value)
    for name, values in compared.items():
        assert values, name
    assert {name for name, values in compared.items() if any(values)} == finders.keys() - {"rejected"}
    assert {name for name, values in compared.items() if not all(values)} >= {"device", "last", "session", "boot"}
