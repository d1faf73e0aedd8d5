"""What a period's readings stand on, for whoever makes something of them besides verifying them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from amos.protocol.catalogue import Catalogue, Work
from amos.protocol.closing import Closing
from amos.protocol.manifest import Manifest
from amos.protocol.opt_outs import OptOuts
from amos_tools.verify.light_closing import EARNING
from amos_tools.verify.light_figures import ACCOUNTS, STANDINGS
from amos_tools.verify.log import Reading
from amos_tools.verify.opened import Sounded
from amos_tools.verify.readings import Readings
from amos_tools.verify.recompute import why_nothing_earns
from amos_tools.verify.standing import Lists, reason

Judge = Callable[[Reading, Manifest, Sounded], tuple[int, str]]
"""(segment, its pack's manifest, a row of it) → the serial whose splits hold for the row, 0 where no catalogue has its
stem, and how it stands: `payable`, `frozen_late`, or why it earns nothing."""

Begin = Callable[[Judge], Callable[[Reading], None]]
"""What judges rows → what takes the readings."""

Splits = Mapping[tuple[bytes, int], Mapping[str, int]]
"""(stem id, serial) → payee → ppm."""


@dataclass(frozen=True)
class Ground:
    """All of it is verified.

    closing   and its statements' cores by payee; of a period that is open None and none
    works     by stem, as the latest of the catalogues that count states them
    opt_outs  the lists in the log by then
    root      while the period is open that of the published log, else the closing's root over all statements
    """

    closing: Closing | None
    cores: Mapping[str, Mapping[str, Any]]
    works: Mapping[bytes, Work]
    splits: Splits
    opt_outs: list[OptOuts]
    root: bytes


def metered_judge(readings: Readings) -> Judge:
    """Rights in time, as closings since version 4 have them."""

    def judge(reading: Reading, manifest: Manifest, row: Sounded) -> tuple[int, str]:
        _began_s, rights, standing = readings.judged(reading, manifest, row)
        return rights or 0, ACCOUNTS[standing] if standing < EARNING else STANDINGS[standing]

    return judge


def listed_judge(closing: Closing, serial: int, lists: list[OptOuts]) -> Judge:
    """One catalogue pays for all of a period whose closing lists its leaves."""
    in_order = Lists(lists)

    def judge(reading: Reading, manifest: Manifest, row: Sounded) -> tuple[int, str]:
        why = why_nothing_earns(reading, closing.version)
        if why is None and closing.version != 1 and reading.began_s is not None:
            offset_s = (row.first_frame - reading.usage.first_frame) // reading.usage.rate_hz
            why = reason(manifest, row.stem, reading.began_s + offset_s, in_order)
        return serial, why or ACCOUNTS[0]

    return judge


def stated(catalogues: list[Catalogue]) -> tuple[dict[bytes, Work], Splits]:
    """(the latest work of each stem, the splits of each under each serial)."""
    works = {work.stem_id: work for catalogue in catalogues for work in catalogue.works}
    named = ((catalogue.serial, work) for catalogue in catalogues for work in catalogue.works)
    return works, {(work.stem_id, serial): _shares(work) for serial, work in named}


def _shares(work: Work) -> dict[str, int]:
    return {share.payee: share.ppm for share in work.splits if share.ppm}
