"""A period closed from what was added up of its cells: readings, then division and the cores of all statements, which
is all that its closing commits to. Run as a program.

`python -m amos_tools.bench.settle_readings STEMS PAYEES` prints a JSON object: CPU seconds of each part, those of a
statement's file afterwards, bytes at most in use until then, and the bytes of a statement of a hundred lines with the
days and venues that have room in it. One payee leads the stems of its lines, so that their rows stand side by side;
another has a share of a hundred that others lead, anywhere among all rows.
"""

import json
import sys
import time
from collections.abc import Iterator
from hashlib import sha256, sha512

from amos_ledger.readings_work import PlayedSums
from amos_ledger.settlement.detail import Of, Play, detail
from amos_ledger.settlement.meter import meter
from amos_ledger.settlement.metered_result import MeteredResult, MeterTerms
from amos_ledger.settlement.metered_statement import Counts, MeteredProof, statement_file, with_detail
from amos_ledger.settlement.played import Key, Played
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.rights_columns import Said, WorkSaid
from amos_ledger.settlement.statement import compressed
from amos_ledger.settlement.venues import PSEUDONYM, Venues
from amos_tools.bench.settle_close import bytes_at_most

PERIOD, INCOME_MICRO, RATE_HZ = "2026-11", 10**15, 44_100
PPM_OF_THREE = (500_000, 300_000, 200_000)
LINES = 100
SCATTERED = "scattered"
FILES = 500
"""So many of the statements are made, one after the other."""
FIRST_DAY, DAYS = 20_758, 30
"""November."""
PATH_HASHES = 24
"""Of entry and statement: a log of ten million entries, as many payees."""


def main(stems: int, payees: int) -> None:
    """Make such a period, close it, and print what it took."""
    rights = RightsHistory([(None, Said(1, _works(stems, payees)), b"")])
    device_id = sha256(b"device").digest()[:16]
    with PlayedSums(rights.stem_ids) as sums:
        for number in range(stems):
            key = Key(_stem_id(number), device_id, 1, 0, 0, 1, RATE_HZ).packed()
            sums.add({key: Played(RATE_HZ * (60 + number % 997), 3, 1_793_923_200, 1_793_923_999)})
        began = time.process_time()
        readings = meter(sums, [(device_id, 1)], [RATE_HZ], rights)
    metered = time.process_time()
    terms = MeterTerms(PERIOD, "EUR", INCOME_MICRO, 0, None, {}, [])
    result = MeteredResult(terms, readings, rights, Counts())
    done = time.process_time()
    sizes = {"readings_s": metered - began, "cores_s": done - metered, "bytes": bytes_at_most()}
    files = [_statement(result, number) for number in range(min(payees, FILES))]
    took_s = (time.process_time() - done) / len(files)
    scattered = _statement(result, result.payees.index(SCATTERED))
    of_files = {"statement_bytes": len(files[0]), "scattered_bytes": len(scattered)}
    print(json.dumps(sizes | of_files | {"statement_s": took_s}))


def _stem_id(number: int) -> bytes:
    return sha256(b"stem %d" % number).digest()[:16]


def _works(stems: int, payees: int) -> Iterator[WorkSaid]:
    """The first hundred stems have the first payee as their lead, and the others anybody; a hundred of these have
    `SCATTERED` behind it."""
    apart = (stems - LINES) // LINES
    for number in range(stems):
        first = 0 if number < LINES else 1 + number % (payees - 3)
        named = [f"payee-{payee:06}" for payee in range(first, first + 3)]
        if number >= LINES and (number - LINES) % apart == 0 and (number - LINES) // apart < LINES:
            named[1] = SCATTERED
        splits = list(zip(named, PPM_OF_THREE, strict=True))
        yield WorkSaid(_stem_id(number), f"Stem number {number}", "An Artist", "DEABC2600001", splits)


def _statement(result: MeteredResult, number: int) -> bytes:
    """The file of that payee, as it is written, with paths as long as those of a large log. The first one's has so many
    lines."""
    rows = result.stem_rows(number)
    path, entry = _hashes(PATH_HASHES), result.closing.encode() + b"".join(_hashes(4))
    proof = MeteredProof(
        "checkpoint\n" * 20,
        (0, entry, path),
        (number, result.statements.path(number)),
        [(index, result.meter.row(index)) for index in rows],
        result.meter.stems.proof(rows),
        [],
        [],
    )
    core = result.core_bytes(number)
    whole, lines = statement_file(core, proof), result.lines_of(number)
    told = detail(json.loads(core), len(whole), lines, _play_of, Venues(PSEUDONYM, bytes(32)), _sign)
    return compressed(with_detail(whole, core, told))


def _play_of(of: Of) -> Play:
    """A minute or more on each day, at each of many sites, seldom the same: what repeats would take less room."""
    ticks = [RATE_HZ * (60 + of[0][number % 16]) + number for number in range(DAYS)]
    days = {FIRST_DAY + day: of_day for day, of_day in enumerate(ticks)}
    return Play(days, {f"site-{site}": of_site for site, of_site in enumerate(ticks)})


def _hashes(count: int) -> list[bytes]:
    return [sha256(b"hash %d" % number).digest() for number in range(count)]


def _sign(message: bytes) -> bytes:
    return sha512(message).digest()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
