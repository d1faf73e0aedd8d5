"""The proof that a segment was counted: a real ledger's, the independent generator's, and every change to one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from plain_period import PlainPeriod, canonical, file_bytes, sign1
from settled_world import World
from typer.testing import CliRunner

from amos.crypto import public_key, verify
from amos.protocol.cose import TYP_USAGE
from amos.protocol.usage_reader import ANY_DEVICE, open_usage
from amos_ledger.settle_period import settle_period
from amos_tools.cli import app
from amos_tools.verify.errors import Difference, Unreadable, VerifyError
from amos_tools.verify.light_reading import check_reading

DEVICE, OTHER = b"\x0a" * 16, b"\x0b" * 16
STEMS = [bytes([number]) * 16 for number in range(1, 5)]


def usage(device: bytes = DEVICE, sequence: int = 2, frames: tuple[int, ...] = (100, 50)) -> bytes:
    """As much of a segment as the check reads."""
    column = cbor2.CBORTag(70, b"".join(count.to_bytes(4, "little") for count in frames))
    payload = {1: 2, 2: device, 3: sequence, 10: 48_000, 18: 0, 21: column}
    return sign1(b"d" * 32, TYP_USAGE, canonical(payload))


def a_period(segment: bytes, **changes: Any) -> PlainPeriod:
    def part(frames: int, standing: int = 0) -> tuple[Any, ...]:
        return (1, standing, 0, 0, 48_000, frames, 1, None, None)

    cells = {
        (DEVICE, STEMS[0]): [part(100), part(7, 4)],
        (DEVICE, STEMS[1]): [part(60)],
        (DEVICE, STEMS[3]): [part(9)],
        (OTHER, STEMS[1]): [part(40)],
        (OTHER, STEMS[2]): [part(5)],
    }
    splits = {(stem, 1): [("ann", 1_000_000)] for stem in STEMS}
    facts = {"cells": cells, "splits": splits, "sequences": {DEVICE: [1, 3, 2, 1], OTHER: [1, 1]}}
    return PlainPeriod(**(facts | {"entries": [b"genesis", segment, b"x"]} | changes))


def check(period: PlainPeriod, whole: object, segment: bytes) -> Any:
    return check_reading(file_bytes(whole), segment, period.public_key, period.origin)


@pytest.mark.parametrize("rotate_to", [[], [b"m" * 32]])
@pytest.mark.parametrize("stems", [None, STEMS[:2], [STEMS[0], STEMS[1], STEMS[3]]])
def test_a_segment_that_was_counted(rotate_to: list[bytes], stems: list[bytes] | None) -> None:
    segment = usage(frames=(100, 50) if stems else (0,))
    period = a_period(segment, rotate_to=rotate_to)
    found = check(period, period.reading(DEVICE, 1, stems), segment)
    assert (found.device_id, found.sequence, found.index, found.period) == (DEVICE, 2, 1, "2026-11")
    assert [stem for stem, _earning, _unpaid in found.cells] == (stems or [])
    assert found.cells[:1] == (((STEMS[0], 100, 7),) if stems else ())


def test_a_tree_of_one_row() -> None:
    segment = usage(frames=(5,))
    cells = {(DEVICE, STEMS[0]): [(1, 0, 0, 0, 48_000, 5, 1, None, None)]}
    period = a_period(segment, cells=cells, sequences={DEVICE: [1, 2]})
    assert check(period, period.reading(DEVICE, 1, STEMS[:1]), segment).cells == ((STEMS[0], 5, 0),)


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        (usage(sequence=4), r"proof\.device\.row\.sequences: expected a run with 4, found none"),
        (usage(sequence=7), r"expected a run with 7, found none"),
        (usage(sequence=0), r"expected a run with 0, found none"),
        (usage(OTHER), r"proof\.device\.row\.device_id"),
        (usage(frames=(100, 68)), r"proof\.cells, frames: expected at least 168, the segment's, found 167"),
        (b"text", r"segment: expected a COSE_Sign1"),
        (sign1(b"d" * 32, TYP_USAGE, b"\xa0"), r"segment, payload: expected device id"),
        (sign1(b"d" * 32, "amos-manifest+cose", b"\xa0"), r"segment, header"),
        (b"\xd2" + bytes(20_000), r"segment: expected at most 16384"),
    ],
)
def test_a_segment_that_was_not_counted(segment: bytes, said: str) -> None:
    period = a_period(segment)
    with pytest.raises(Difference, match=said):
        check(period, period.reading(DEVICE, 1, STEMS[:2]), segment)


def test_a_segment_that_sounded_is_not_counted_without_its_cells() -> None:
    segment = usage(frames=(1,))
    period = a_period(segment)
    with pytest.raises(Difference, match=r"proof\.cells: expected the cells of the stems that sounded"):
        check(period, period.reading(DEVICE, 1), segment)


def test_another_segment_or_one_behind_the_closing_is_found() -> None:
    segment = usage()
    period = a_period(segment, after=[segment])
    with pytest.raises(Difference, match=r"proof\.segment\.path, root"):
        check(period, period.reading(DEVICE, 1), usage(frames=(1,)))
    with pytest.raises(Difference, match=r"proof\.segment\.index: expected below 3, the closing's, found 4"):
        check(period, period.reading(DEVICE, 4), segment)


def test_stems_that_are_not_the_cells_are_found() -> None:
    segment = usage(frames=(1,))
    period = a_period(segment)
    whole = period.reading(DEVICE, 1, STEMS[:1])
    other = period.reading(DEVICE, 1, STEMS[1:2])
    for name in ("cells", "stems"):
        with pytest.raises(Difference, match=r"^proof\.stems\.rows\[0\]"):
            check(period, whole | {name: other[name]}, segment)
        with pytest.raises(Difference, match=r"^proof\.(cells|stems): expected a value, found nothing"):
            check(period, {key: value for key, value in whole.items() if key != name}, segment)


def places(item: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, item
    if isinstance(item, dict | list):
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            yield from places(value, (*path, key))


def changes_of(value: object) -> list[Any]:
    if isinstance(value, dict):
        return [value | {"more": 1}, *({k: v for k, v in value.items() if k != name} for name in value), []]
    if isinstance(value, list):
        return [[*value, 1], value[1:] if value else [{}], [*value, *value[:1]] if value else 5, {}]
    if isinstance(value, int):
        return [value + 1, value - 1, 2**70, True, str(value), None]
    return [f"{value}0", str(value)[:-1], f"{value}"[::-1] + "x", "", 7, None]


@pytest.mark.parametrize("stems", [None, STEMS[:2]])
def test_every_field_is_read(stems: list[bytes] | None) -> None:
    segment = usage(frames=(100, 50) if stems else ())
    period = a_period(segment, rotate_to=[b"m" * 32])
    whole = period.reading(DEVICE, 1, stems)
    count = 0
    for path, value in places(whole):
        for changed in changes_of(value):
            forged = json.loads(json.dumps(whole))
            place = {"": forged}
            step: Any = ""
            for following in path:
                place, step = place[step], following
            place[step] = changed
            if place[step] == value and type(changed) is type(value):
                continue
            with pytest.raises(VerifyError):
                check(period, forged if path else changed, segment)
            count += 1
    assert count > (250 if stems else 150)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"{}\n", b"[" * 100_000])
def test_what_is_no_proof_is_named(data: bytes) -> None:
    with pytest.raises((Unreadable, Difference), match="expected"):
        check_reading(data, usage(), bytes(32))


def lie(key: int, value: object) -> Callable[[dict[int, Any]], None]:
    return lambda closing: closing.update({key: value})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sequences": {DEVICE: [1, 3, 0, 1], OTHER: [1, 1]}}, "pairs of a gap and a count"),
        ({"sequences": {DEVICE: [1, 3, 2], OTHER: [1, 1]}}, "pairs of a gap and a count"),
        ({"sequences": {DEVICE: [0, 4], OTHER: [1, 1]}}, "pairs of a gap and a count"),
        ({"forge_closing": lie(18, bytes(32))}, r"proof\.device, root of the tree"),
        ({"forge_closing": lie(17, 3)}, r"proof\.device"),
        ({"forge_closing": lie(16, (4).to_bytes(16, "big"))}, r"proof\.device, sum of the tree"),
        ({"forge_closing": lie(20, bytes(32))}, r"proof\.stems, root of the tree"),
        ({"forge_row": lambda row: row.update({6: bytes(32)})}, r"proof\.stems\.rows\[0\]\.cell, root of the tree"),
        ({"forge_row": lambda row: row.update({5: 9})}, r"proof\.stems\.rows\[0\]\.cell"),
    ],
)
def test_what_the_ledger_itself_signs_is_found(changes: dict[str, Any], said: str) -> None:
    segment = usage()
    period = a_period(segment, **changes)
    with pytest.raises(Difference, match=said):
        check(period, period.reading(DEVICE, 1, STEMS[:2]), segment)


def test_every_settled_segment_of_a_ledger_is_proved_on_the_command_line(november: World, tmp_path: Path) -> None:
    settle_period(november.folder, "2026-11", 1_000_000_000, "EUR")
    with november.folder.open_store() as store:
        entries = [entry for _index, entry in store.entries(0, store.size())]
    segments = [entry for entry in entries if TYP_USAGE.encode() in entry[:96]]
    assert len(segments) == 6
    out, held = tmp_path / "proof.json", tmp_path / "segment.cose"
    key = ["--ledger-key", november.keys.ledger.hex()]
    run = CliRunner().invoke
    for segment in segments:
        seed = next(player.seed for player in november.players if player.device in segment)
        said = open_usage(segment, public_key(seed), verify, ANY_DEVICE)
        words = ["pool", "prove", said.device_id.hex(), str(said.sequence), "--ledger", str(november.folder.path)]
        done = run(app, [*words, "--out", str(out), "--force"])
        assert done.exit_code == 0, done.output
        held.write_bytes(segment)
        proved = run(app, ["verify", "--segment", str(held), "--reading", str(out), *key])
        assert proved.exit_code == 0, proved.output
        assert f"yes: segment {said.sequence} of {said.device_id.hex()} was counted once in 2026-11" in proved.output
    facts = json.loads(run(app, ["verify", "--segment", str(held), "--reading", str(out), *key, "--json"]).output)
    assert facts["verified"] and facts["sequence"] == said.sequence and facts["cells"]
    held.write_bytes(segments[0])
    other = run(app, ["verify", "--segment", str(held), "--reading", str(out), *key])
    assert (other.exit_code, other.stderr.startswith(f"no: {out}: proof.segment.path, root")) == (1, True)
    short = run(app, ["verify", "--segment", str(held), *key])
    assert short.exit_code == 2 and "expected --segment FILE and --reading FILE" in short.stderr
