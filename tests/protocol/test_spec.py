"""SPEC.md says what the code does: its tables and examples are made from the code, and compared.

`python tests/protocol/test_spec.py` writes them anew and keeps the words in the last column of each table.
"""

import re
import sys
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "portable"))

from amos.protocol import delegated, ledger_limits, limits, link, segment
from amos.protocol.anchor import Anchor
from amos.protocol.answer import RECEIPTED, RETRY, SENTENCES, VERDICTS, Answer
from amos.protocol.bundle_host import KINDS as BUNDLE_KINDS
from amos.protocol.bundle_host import BundleHeader, BundleItem
from amos.protocol.catalogue import Catalogue, Composer, Share, Work
from amos.protocol.closing import Closing
from amos.protocol.delegated import DelegatedOptOuts, Delegation
from amos.protocol.directive import Directive, Hours, Position
from amos.protocol.enrolment import Enrolment
from amos.protocol.envelope_host import unwrap
from amos.protocol.forgone import Forgone
from amos.protocol.handover import Handover, KeyHistory
from amos.protocol.licence_pool import LicencePool, PlacedSite
from amos.protocol.link import Entry, Request, Response, Status
from amos.protocol.link_courier_talk import CODES
from amos.protocol.link_name import Name
from amos.protocol.link_sounding import Sounding
from amos.protocol.loss import Loss
from amos.protocol.manifest import CODECS, ROLES, Manifest, PackStem
from amos.protocol.opt_outs import OptOuts
from amos.protocol.pairing_host import SENTENCES as PAIRING_SENTENCES
from amos.protocol.pairing_host import VERDICTS as PAIRING_VERDICTS
from amos.protocol.pairing_host import Pairing, PairingAnswer
from amos.protocol.quarantine import Ruling
from amos.protocol.readings import ACCRUALS, STANDINGS, Cell, DeviceRow, Part, StemRow
from amos.protocol.record import U8, U16, U32, U63, UNIX_MS_MAX, UNIX_S_MAX, Record
from amos.protocol.revocation import Revocation
from amos.protocol.rotation import Rotation
from amos.protocol.segment import Usage
from amos.protocol.transfer import Transfer
from amos.protocol.usage_reader import CLOCK_LETTERS
from protocol_examples import NAMES_OF_SEEDS, Examples

SPEC = Path(__file__).parents[2] / "firmware/amos/protocol/SPEC.md"
EXAMPLES = Examples()
HEX_DIGITS_PER_LINE = 96
SEAL_REASONS = ("", "interval", "full", "pack", "tier", "session", "shutdown", "power loss", "output lost")
LOST_REASONS = ("", "storage lost", "records damaged")
assert (len(SEAL_REASONS), len(LOST_REASONS)) == (segment.SEAL_OUTPUT + 1, segment.LOST_DAMAGED + 1)

# Of each record: its class and the example whose values the table shows.
RECORDS: dict[str, tuple[type[Record], str]] = {
    "usage": (Usage, "usage"),
    "manifest": (Manifest, "manifest"),
    "stem": (PackStem, "stem"),
    "catalogue": (Catalogue, "catalogue"),
    "work": (Work, "work"),
    "composer": (Composer, "composer"),
    "share": (Share, "share"),
    "enrolment": (Enrolment, "enrolment-rotated"),
    "handover": (Handover, "handover"),
    "key-history": (KeyHistory, "key-history"),
    "request": (Request, "request-offer"),
    "response": (Response, "response-identify"),
    "entry": (Entry, "entry"),
    "name": (Name, "name"),
    "sounding": (Sounding, "sounding"),
    "status": (Status, "status"),
    "answer": (Answer, "answer-accepted"),
    "opt-outs": (OptOuts, "opt-outs"),
    "delegation": (Delegation, "delegation"),
    "delegated-opt-outs": (DelegatedOptOuts, "delegated-opt-outs"),
    "anchor": (Anchor, "anchor"),
    "bundle": (BundleHeader, "bundle"),
    "bundle-item": (BundleItem, "bundle-item"),
    "closing": (Closing, "closing"),
    "part": (Part, "part"),
    "cell": (Cell, "cell"),
    "device-row": (DeviceRow, "device-row"),
    "stem-row": (StemRow, "stem-row"),
    "revocation": (Revocation, "revocation"),
    "forgone": (Forgone, "forgone"),
    "licence-pool": (LicencePool, "licence-pool"),
    "placed-site": (PlacedSite, "placed-site"),
    "loss": (Loss, "loss"),
    "rotation": (Rotation, "rotation-ledger"),
    "ruling": (Ruling, "ruling"),
    "transfer": (Transfer, "transfer"),
    "directive": (Directive, "directive"),
    "position": (Position, "position"),
    "hours": (Hours, "hours-weekly"),
    "pairing": (Pairing, "pairing"),
    "paired": (PairingAnswer, "paired"),
}
WIDTHS = {U8: "uint8", U16: "uint16", U32: "uint32", U63: "count", UNIX_S_MAX: "unix-s", UNIX_MS_MAX: "unix-ms"}
COLUMNS = {"B": "uint8", "H": "uint16", "I": "uint32", "i": "int32"}

Row = tuple[str, ...]


def type_text(kind: str, bound: Any) -> str:
    optional = "?" if kind.endswith("?") else ""
    kind = kind.rstrip("?")
    if kind == "uint":
        text = WIDTHS.get(bound, f"uint ≤ {bound}")
    elif kind == "int":
        assert bound == (1 << 31) - 1
        text = "int32"
    elif kind == "bool":
        text = "bool"
    elif kind == "bytes":
        text = f"bytes {bound}"
    elif kind == "blob":
        text = f"bytes 1..{bound}"
    elif kind == "records":
        text = f"{bound[0].NAME} × 0..{bound[1]}"
    elif kind == "blobs":
        text = f"bytes 1..{bound[0]} × 0..{bound[1]}"
    elif kind == "uints":
        text = f"{WIDTHS[bound[0]]} × 0..{bound[1]}"
    elif kind in COLUMNS:
        text = f"{COLUMNS[kind]} column × 0..{bound}"
    else:
        assert kind in ("text", "slug")
        text = f"{kind} 1..{bound}"
    return text + optional


def value_text(value: Any) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 8 else f"{value[:4].hex()}…"
    if isinstance(value, str):
        return f"“{value}”" if len(value) <= 20 else f"“{value[:19]}…”"
    if isinstance(value, array):
        return str(value.tolist())
    if isinstance(value, list):
        if isinstance(value[0], bytes):
            return f"{len(value)} of {value_text(value[0])}"
        return f"{len(value)} of {value[0].NAME}" if isinstance(value[0], Record) else str(value)
    return str(value)


def record_rows(name: str) -> Iterator[Row]:
    record, example = RECORDS[name]
    for key, field, kind, bound in record.FIELDS:
        yield str(key), field, type_text(kind, bound), value_text(getattr(EXAMPLES.records[example], field))


def verb_rows() -> Iterator[Row]:
    verbs = ("IDENTIFY", "STATUS", "LIST", "READ", "OFFER", "SET_TIER", "INPUT")
    verbs += ("BEGIN", "PUT", "FINISH", "ACTIVATE", "CHALLENGE", "LOGS", "NAMES", "FULL_STATUS", "KEY_HISTORY")
    verbs += ("BEGIN_STREAM", "STREAM", "FETCH", "SOUNDING")
    assert sorted(getattr(link, verb) for verb in verbs) == sorted(link.REQUEST_NEEDS)
    for verb in verbs:
        number = getattr(link, verb)
        yield str(number), verb.lower().replace("_", " "), ", ".join(link.REQUEST_NEEDS[number]) or "nothing more"


def offer_rows() -> Iterator[Row]:
    for kind, (name, bytes_max) in sorted(link.OFFERS.items()):
        yield str(kind), name, f"{bytes_max:,}"


def verdict_rows() -> Iterator[Row]:
    assert len(VERDICTS) == len(SENTENCES)
    for number, (verdict, sentence) in enumerate(zip(VERDICTS, SENTENCES, strict=True)):
        courier = "deletes" if number in RECEIPTED else "sends again later" if number in RETRY else "keeps"
        yield str(number), verdict, courier, sentence


def pairing_verdict_rows() -> Iterator[Row]:
    for number, (verdict, sentence) in enumerate(zip(PAIRING_VERDICTS, PAIRING_SENTENCES, strict=True)):
        yield str(number), verdict, sentence


def flag_rows() -> Iterator[Row]:
    names = [name for name in vars(segment) if name.startswith("FLAG_")]
    for name in sorted(names, key=lambda name: getattr(segment, name)):
        yield str(getattr(segment, name)), name[5:].lower().replace("_", " ")
    assert sum(getattr(segment, name) for name in names) == segment.FLAGS_ALL


def party_rows() -> Iterator[Row]:
    for seed, name in NAMES_OF_SEEDS.items():
        party = getattr(EXAMPLES, name)
        yield name, f"{seed:02x}", f"`{party.public_key.hex()}`", f"`{party.id.hex()}`"


def size_rows() -> Iterator[Row]:
    sizes = vars(limits) | vars(ledger_limits) | vars(delegated)
    for name in sorted(sizes):
        if name.endswith("_BYTES_MAX") and "TEXT" not in name and "TITLE" not in name and "NONCE" not in name:
            yield name.removesuffix("_BYTES_MAX").lower().replace("_", " "), f"{sizes[name]:,}"


def indexed(names: tuple[str, ...]) -> Callable[[], Iterator[Row]]:
    return lambda: ((str(number), name.replace("_", " ")) for number, name in enumerate(names))


def numbered(names: tuple[str, ...]) -> Callable[[], Iterator[Row]]:
    return lambda: ((str(number), name) for number, name in enumerate(names) if name)


# Of each other table: its rows, as far as the code knows them.
TABLES: dict[str, Callable[[], Iterator[Row]]] = {
    "verbs": verb_rows,
    "offers": offer_rows,
    "codes": numbered(CODES),
    "states": numbered(link.STATES),
    "outputs": numbered(link.OUTPUTS),
    "verdicts": verdict_rows,
    "pairing verdicts": pairing_verdict_rows,
    "flags": flag_rows,
    "seal reasons": numbered(SEAL_REASONS),
    "bundle kinds": indexed(BUNDLE_KINDS),
    "lost reasons": numbered(LOST_REASONS),
    "output kinds": numbered(segment.OUTPUT_KINDS),
    "paces": numbered(segment.PACES),
    "clocks": numbered(tuple(CLOCK_LETTERS)),
    "roles": numbered(ROLES),
    "codecs": numbered(CODECS),
    "standings": indexed(STANDINGS),
    "accruals": indexed(ACCRUALS),
    "parties": party_rows,
    "sizes": size_rows,
}


def rewritten_table(match: re.Match[str]) -> str:
    name, table = match["name"], match["table"]
    head, rule, *lines = table.splitlines()
    columns = head.count("|") - 1
    name_column = 1 if name in RECORDS or columns > 2 else 0
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    words = {row[name_column]: row[-1] for row in cells}
    result = [head, rule]
    for row in record_rows(name) if name in RECORDS else TABLES[name]():
        kept = [words.get(row[name_column], "")] if columns > len(row) else []
        result.append("| " + " | ".join([*row, *kept]) + " |")
    return match["marker"] + "\n".join(result) + "\n"


def rewritten_hex(match: re.Match[str]) -> str:
    name = match["name"]
    if name == "envelope-deflated":
        return match[0]  # deflate has many encodings; what matters is what comes out
    digits = EXAMPLES.messages[name].hex()
    lines = [digits[at : at + HEX_DIGITS_PER_LINE] for at in range(0, len(digits), HEX_DIGITS_PER_LINE)]
    return f"```hex {name}\n" + "\n".join(lines) + "\n```\n"


TABLE = re.compile(r"(?P<marker><!-- table: (?P<name>[a-z -]+) -->\n)(?P<table>(?:\|.*\n)+)")
HEX = re.compile(r"```hex (?P<name>[\w-]+)\n(?P<hex>[0-9a-f\n]*)```\n")


def rewritten(text: str) -> str:
    return HEX.sub(rewritten_hex, TABLE.sub(rewritten_table, text))


def test_tables_and_examples_are_what_the_code_makes() -> None:
    text = SPEC.read_text()
    expected = rewritten(text)
    first = next(((f, e) for f, e in zip(text.splitlines(), expected.splitlines(), strict=False) if f != e), None)
    assert text == expected, f"SPEC.md has {first and first[0]!r}, the code has {first and first[1]!r}"


def test_every_table_and_example_is_there_once() -> None:
    text = SPEC.read_text()
    assert sorted(match["name"] for match in TABLE.finditer(text)) == sorted([*RECORDS, *TABLES])
    examples = sorted(match["name"] for match in HEX.finditer(text))
    assert examples == sorted([*EXAMPLES.messages, "envelope-deflated"])


def test_every_row_has_its_words() -> None:
    empty = [line for line in SPEC.read_text().splitlines() if line.startswith("|") and re.search(r"\|\s*\|", line)]
    assert not empty


def test_deflated_envelope_of_the_example_holds_the_segment() -> None:
    found = {match["name"]: bytes.fromhex(match["hex"]) for match in HEX.finditer(SPEC.read_text())}
    assert unwrap(found["envelope-deflated"]) == EXAMPLES.messages["usage"]
    assert len(found["envelope-deflated"]) < len(found["envelope-plain"])


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_kind_of_message_has_an_example(name: str) -> None:
    record, example = RECORDS[name]
    assert isinstance(EXAMPLES.records[example], record)


if __name__ == "__main__":
    SPEC.write_text(rewritten(SPEC.read_text()))
