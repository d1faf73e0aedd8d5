"""Messages that hold several segments: decided one by one, acknowledged and answered together."""

from amos.protocol.envelope_host import wrap
from amos.protocol.several_host import join_several, split_several
from amos_ledger.deliveries import Deliveries, Delivery, read_delivery
from amos_ledger.intake.reading import Message
from amos_mqtt.happenings import Arrival

TOPIC = f"amos/1/harbour/{'0a' * 16}/usage"
ANSWERS = f"amos/1/harbour/{'0a' * 16}/receipt"
ENVELOPES = [wrap(b"segment %d" % number) for number in range(3)]


def arrival_of(payload: bytes, packet_id: int = 7, topic: str = TOPIC) -> Arrival[Delivery]:
    return Arrival(read_delivery(topic, payload), packet_id, 1, 4, b"mark")


def test_each_segment_is_a_message_as_if_it_had_come_alone() -> None:
    [whole] = join_several(ENVELOPES)
    parts = Deliveries().taken_apart(arrival_of(whole))
    assert [part.message for part in parts] == [Message.of(TOPIC, envelope) for envelope in ENVELOPES]


def test_what_is_badly_made_or_comes_elsewhere_is_one_message_for_intake_to_refuse() -> None:
    [whole] = join_several(ENVELOPES)
    for topic, payload in ((TOPIC, whole[:-1]), (TOPIC, b"\x02"), (TOPIC.replace("usage", "time"), whole)):
        assert read_delivery(topic, payload) == Message.of(topic, payload)


def test_the_broker_is_told_once_when_all_are_decided() -> None:
    deliveries = Deliveries()
    arrival = arrival_of(join_several(ENVELOPES)[0])
    alone = arrival_of(ENVELOPES[0], 8)
    parts, [one] = deliveries.taken_apart(arrival), deliveries.taken_apart(alone)
    assert deliveries.decided(one) == alone
    assert [deliveries.decided(part) for part in reversed(parts)] == [None, None, arrival]


def test_answers_for_it_go_together_and_those_that_come_later_alone() -> None:
    deliveries = Deliveries()
    parts = deliveries.taken_apart(arrival_of(join_several(ENVELOPES)[0]))
    deliveries.decided(parts[0])
    assert deliveries.gather(ANSWERS, b"one") and not deliveries.gather(ANSWERS.replace("0a", "0b"), b"another's")
    assert deliveries.take_answers() == [(ANSWERS, b"one")]
    for part in parts[1:]:
        deliveries.decided(part)
    assert deliveries.gather(ANSWERS, b"two") and deliveries.gather(ANSWERS, b"three")
    [(topic, message)] = deliveries.take_answers()
    assert topic == ANSWERS and split_several(message) == [b"two", b"three"]
    assert not deliveries.gather(ANSWERS, b"released later")


def test_a_new_line_keeps_the_answers_and_forgets_the_rest() -> None:
    deliveries = Deliveries()
    deliveries.taken_apart(arrival_of(join_several(ENVELOPES)[0]))
    deliveries.gather(ANSWERS, b"one")
    deliveries.forget()
    assert deliveries.take_answers() == [(ANSWERS, b"one")]
    assert not deliveries.gather(ANSWERS, b"two")
