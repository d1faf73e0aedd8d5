"""The AsyncAPI document says what SPEC, the access rules and the code say. Run this file to write the document anew.

`asyncapi-3.0.0.schema.json.gz` is the official JSON Schema, of the npm package @asyncapi/specs 6.11.1 (Apache-2.0).
"""

import copy
import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from amos.protocol import topics
from amos_ledger.mqtt import SHARED_USAGE

sys.path.append(str(Path(__file__).parent))
from asyncapi_document import DOCUMENT, rights, text

SCHEMA = Path(__file__).with_name("asyncapi-3.0.0.schema.json.gz")


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    return Draft7Validator(json.loads(gzip.decompress(SCHEMA.read_bytes())))


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return read


def test_it_is_what_spec_and_the_access_rules_say() -> None:
    assert DOCUMENT.read_text() == text(), "run this file"


def test_it_is_valid(validator: Draft7Validator, found: dict[str, Any]) -> None:
    assert [error.message for error in validator.iter_errors(found)] == []
    spoilt = copy.deepcopy(found)
    next(iter(spoilt["operations"].values()))["action"] = "shout"
    assert list(validator.iter_errors(spoilt)), "the schema finds what is wrong"


def test_every_reference_leads_somewhere(found: dict[str, Any]) -> None:
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', DOCUMENT.read_text()):
        place: Any = found
        for part in reference.split("/"):
            place = place[part]


def test_it_has_the_topics_of_the_code(found: dict[str, Any]) -> None:
    addresses = {channel["address"] for channel in found["channels"].values()}
    leaves = ("USAGE", "RECEIPT", "STATUS", "TIME", "ANCHOR", "RECEIPTED", "ENROLMENT", "ENROLLED")
    leaves += ("PAIRING", "PAIRED")
    code = {f"{topics.PREFIX}/{{site}}/{{device}}/{getattr(topics, leaf)}" for leaf in leaves}
    code |= {*topics.ALL_OPT_OUTS, topics.CHECKPOINT, topics.FORGONE, topics.ROTATIONS.replace("+", "{number}")}
    code |= {topics.courier_status_topic("{site}"), topics.courier_checkpoint_topic("{site}")}
    assert code <= addresses
    assert addresses - code <= {f"{topics.PREFIX}/{{site}}/{{device}}/directive"}, "SPEC reserves it"
    assert SHARED_USAGE.endswith(topics.ALL_USAGE)


def test_every_right_of_the_rules_is_about_a_topic_of_it(found: dict[str, Any]) -> None:
    addresses = {channel["address"] for channel in found["channels"].values()}
    assert {address for _role, _right, address in rights()} == addresses
    assert len(found["operations"]) == len(set(rights()))


if __name__ == "__main__":
    DOCUMENT.write_text(text())
