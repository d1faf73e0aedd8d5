"""Stems are found among columns by their whole id, however much of it they share."""

import numpy as np

from amos_ledger.settlement.rights_columns import Made, Said, WorkSaid

HALF = b"8 octets"
IDS = [HALF + number.to_bytes(8, "big") for number in (0, 1, 5, 7, 256)] + [b"\xff" * 16, b"\0" * 16]


def test_ids_that_begin_alike_are_told_apart() -> None:
    made = Made()
    made.add(0, 1, Said(1, [WorkSaid(stem, stem.hex(), "", None, [("ann", 1_000_000)]) for stem in IDS]).works)
    columns = made.columns()
    strangers = [HALF + b"\0" * 7 + b"\2", HALF + b"\xff" * 8, b"\xff" * 15 + b"\xfe", b"\0" * 15 + b"\1", b"a" * 16]
    wanted = np.frombuffer(b"".join([*IDS, *strangers]), np.uint8).reshape(-1, 16)
    numbers = columns.numbers(wanted).tolist()
    assert numbers == [sorted(IDS).index(stem) for stem in IDS] + [-1] * len(strangers)
    titles = columns.texts(wanted[: len(IDS)]).split(b"\0")[::3]
    assert titles == [b'"%s"' % stem.hex().encode() for stem in IDS]
