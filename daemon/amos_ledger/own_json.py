"""The JSON files in a ledger's folder, read. Programs write them; people and disks may have put anything there."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from amos_ledger.limits import OWN_JSON_BYTES_MAX


def read_json(path: Path) -> Any:
    """What the file says. Raises `OSError`, and `ValueError` for what is no JSON that a program of ours writes: too
    long, nested without end, or with a number that is none."""
    with path.open("rb") as file:
        data = file.read(OWN_JSON_BYTES_MAX + 1)
    if len(data) > OWN_JSON_BYTES_MAX:
        raise ValueError(f"expected at most {OWN_JSON_BYTES_MAX} bytes, found more")
    try:
        return json.loads(data, parse_float=_finite, parse_constant=_refused)
    except RecursionError:
        raise ValueError("expected JSON of a few levels, found too many") from None


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _refused(text)


def _refused(text: str) -> NoReturn:
    raise ValueError(f"expected a number, found {text[:40]}")
