"""Every number of every message at every edge: taken and said again the same, or refused with its name."""

import pytest
from extremes import EDGES, numbers
from protocol_strategies import RECORDS

from amos.protocol.errors import MessageError
from amos.protocol.record import U63
from protocol_examples import Examples

EXAMPLES = Examples()


def examples_of(name: str) -> list[dict[int, object]]:
    return [record.to_map() for record in EXAMPLES.records.values() if name == record.NAME]


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_each_number_at_each_edge(name: str) -> None:
    record, refused = RECORDS[name], 0
    assert examples_of(name)
    names = {key: field for key, field, _kind, _bound in record.FIELDS}
    for example in examples_of(name):
        for key in numbers(record):
            for value in EDGES:
                try:
                    found = record.from_map({**example, key: value})
                except MessageError as error:
                    refused += 1
                    assert name in str(error) and "expected" in str(error)
                    continue
                assert getattr(found, names[key]) == value <= U63
                assert record.decode(found.encode()).to_map() == found.to_map()
    assert refused or not numbers(record)


def test_the_largest_number_of_a_message_is_one_that_a_database_holds() -> None:
    for record in RECORDS.values():
        for _key, name, kind, bound in record.FIELDS:
            if kind.rstrip("?") == "uint":
                assert bound <= U63, f"{record.NAME}.{name}"
