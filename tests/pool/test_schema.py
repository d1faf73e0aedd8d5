"""The schema of a statement against statements of a real ledger."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from settled_world import World
from statement_bytes import statement_bytes

SCHEMA = json.loads((files("amos_tools.pool") / "statement.schema.json").read_bytes())


def statements(world: World) -> list[Any]:
    return [
        json.loads(statement_bytes(path)) for path in sorted((world.folder.public / "statements").glob("*/*.json.gz"))
    ]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_statements_have_the_form(settled: World) -> None:
    found = statements(settled)
    assert len(found) >= 5
    assert any(whole["core"]["balance"]["transfers"] for whole in found)
    for whole in found:
        Draft202012Validator(SCHEMA).validate(whole)


def objects(item: Any) -> Iterator[dict[str, Any]]:
    if isinstance(item, dict):
        yield item
    if isinstance(item, dict | list):
        for value in item.values() if isinstance(item, dict) else item:
            yield from objects(value)


def test_a_field_more_or_less_or_of_another_kind_is_none(settled: World) -> None:
    whole = max(statements(settled), key=lambda whole: len(json.dumps(whole)))
    validator = Draft202012Validator(SCHEMA)
    for found in objects(whole):
        for name in list(found):
            value = found.pop(name)
            optional = found is whole and name == "detail"  # which statements of before have not
            assert validator.is_valid(whole) == optional, name
            found[name] = None
            assert not validator.is_valid(whole), name
            found[name] = value
        found["more"] = 1
        assert not validator.is_valid(whole)
        del found["more"]
    assert validator.is_valid(whole)


@pytest.mark.parametrize(
    ("name", "value"), [("amount", "1.5"), ("period", "2026-13"), ("payee", "../x"), ("currency", "e")]
)
def test_texts_have_their_form(settled: World, name: str, value: str) -> None:
    whole = statements(settled)[0]
    whole["core"][name] = value
    assert not Draft202012Validator(SCHEMA).is_valid(whole)
