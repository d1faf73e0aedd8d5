"""What a stick brought stays with the courier: each kind of it, over a restart."""

import pytest
from test_operator_line import KEYS as OPERATORS_KEYS
from test_operator_line import LINE as OPERATORS_LINE
from test_stick_brings import Two, a_shop_and_a_hub  # noqa: F401 (a fixture)
from test_stick_strange import made_up

from amos.protocol import bundle_host as bundles
from amos.protocol import topics
from amos.protocol.bundle_host import BundleItem
from amos_sync.spool_carried import FROM_STICK
from protocol_examples import Party, a_directive, signed_directive

OPERATOR = Party(2)
FOR_ALL = {"opt-outs": b"good opt-outs", "forgone": b"x"}


def brought(two: Two, *items: BundleItem, name: str = "liar-" + "0" * 16) -> None:
    """The stick has these alone, and is at the shop."""
    (two.stick / "amos").mkdir(exist_ok=True)
    (two.stick / "amos" / f"{name}-000.bundle").write_bytes(made_up(*items))
    two.carry("shop")


@pytest.mark.parametrize("party", [OPERATOR, Party(6)], ids=["genuine", "forged"])
@pytest.mark.parametrize("home_assistant", [False, True])
def test_a_courier_starts_again_whatever_a_stick_brought(two: Two, party: Party, home_assistant: bool) -> None:
    device_id = two.player.device_id
    two.run(lambda: two.shop.spool.knows(device_id))
    directive = signed_directive(a_directive(device_id, 1, tier=2), party)
    brought(
        two,
        *[BundleItem(kind=bundles.DOCUMENT, name=name, content=content) for name, content in FOR_ALL.items()],
        BundleItem(kind=bundles.DOCUMENT, device_id=device_id, name="directive", content=directive),
        BundleItem(kind=bundles.DOCUMENT, device_id=device_id, name="anchor", content=b"no anchor"),
        BundleItem(kind=bundles.TIME, device_id=bytes(16), content=bytes(16)),
    )
    kept = two.shop.spool.documents.all(FROM_STICK)
    assert {found.name for found in kept} == {"opt-outs", "time", "anchor", "directive"}
    for _restart in range(2):
        two.restart(home_assistant=home_assistant)
        two.run(lambda: two.shop.directives.of(device_id) == [directive])
        assert two.shop.spool.documents.all(FROM_STICK) == kept
    two.run(lambda: two.player.directives.serial == 1 if party == OPERATOR else two.heard("refused a directive"))
    brought(two, BundleItem(kind=bundles.DOCUMENT, name="rotation/operator-1", content=OPERATORS_LINE[0]))
    two.restart(home_assistant=home_assistant)
    two.run(lambda: two.player.directives.operator.key == OPERATORS_KEYS[1])


def test_a_directive_under_the_carriers_site_comes_home(two: Two) -> None:
    """The broker lets a carrier read its own site's alone, and a directive names none."""
    device_id = two.player.device_id
    two.run(lambda: two.shop.spool.open_entries == 3 and two.hub.mqtt.up)
    two.put("shop")
    two.carry("hub")
    directive = signed_directive(a_directive(device_id, 7, tier=3), OPERATOR)
    topic = topics.device_topic("hub", device_id, topics.DIRECTIVE)
    two.ledger.publish(topic, directive, retain=True)
    two.run(lambda: two.waits("hub", "directive"))
    two.put("hub")
    two.carry("shop")
    two.run(lambda: two.player.directives.serial == 7)
    two.ledger.publish(topic, b"", retain=True)
    assert two.player.tier == 3
