"""Every figure of a statement from the rows of its stems, the shares in them, and the payee's amount.

Like all of the light check it imports nothing of the ledger and nothing of `amos.protocol`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256
from typing import Any

from amos_tools.verify.light_closing import EARNING, ticks_of

FORMATS = {4: "amos-statement/4", 5: "amos-statement/4", 6: "amos-statement/6"}
"""By the version of the closing."""
PPM = 1_000_000
ACCOUNTS = ("payable", "frozen_late")
STANDINGS = ("paid", "frozen_late", "over_time", "post_lease", "stem_lease", "post_opt_out", "revoked")
ACCRUALS = ("by_clock", "late", "by_reception", "by_enrolment")
FLAGS = ("undated", "far_dated", "before_enrolment", "over_time")
COUNTS = tuple(f"segments_{name}" for name in (*ACCRUALS, *FLAGS))
MINOR_DIGITS = {
    **dict.fromkeys(["CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"], 0),
    **dict.fromkeys(["XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}


@dataclass(frozen=True)
class Shares:
    """What rows do not tell: title, artist and ISRC by stem, and the payee's ppm by stem and rights."""

    texts: dict[bytes, tuple[str, str, str]]
    ppm: dict[tuple[bytes, int], int]


def build_core(
    payee: str,
    closing: dict[str, Any],
    rows: Iterable[dict[str, Any]],
    shares: Shares,
    pool: dict[str, Any],
    amount_of: Callable[[int], int],
) -> dict[str, Any]:
    """A statement's core from the rows of the payee's stems, in order of stem, but for its balance. `amount_of` the
    payee's weight."""
    lines, unpaid, weights = [], [], []
    for row in rows:
        for (rights, standing), parts in _groups(row["parts"]):
            ppm = shares.ppm.get((row["stem_id"], rights))
            if ppm is None:
                continue  # no share in what was played then
            line = _line(row, rights, parts, shares.texts[row["stem_id"]], ppm)
            if standing < EARNING:
                lines.append(line | {"account": ACCOUNTS[standing]})
                weights.append(ticks_of("row", parts, closing["ticks_hz"]) * ppm)
            else:
                unpaid.append(line | {"reason": STANDINGS[standing]})
    amount = amount_of(sum(weights))
    for line, micro in zip(lines, divide(amount, weights, _lots(closing["period"], payee, lines)), strict=True):
        line["amount_micro"] = micro
    digits = MINOR_DIGITS.get(closing["currency"], 2)
    whole, rest = divmod(amount, 10 ** (6 - digits))
    return {
        **{
            "format": FORMATS[closing["version"]],
            "period": closing["period"],
            "currency": closing["currency"],
            "payee": payee,
        },
        **{"amount_micro": amount, "amount": f"{amount // PPM}.{amount % PPM:06}"},
        "frozen_late_micro": sum(line["amount_micro"] for line in lines if line["account"] == ACCOUNTS[1]),
        "minor_units": {"digits": digits, "whole": whole, "rest_micro": rest},
        "play_ms": fraction(sum((Fraction(line["play_ms"]) for line in lines), Fraction(0))),
        "earning_ms": fraction(Fraction(1000 * sum(weights), closing["ticks_hz"] * PPM)),
        **{"lines": lines, "unpaid": unpaid, "pool": pool},
    }


def _groups(parts: list[dict[str, Any]]) -> list[tuple[tuple[int, int], list[dict[str, Any]]]]:
    """Parts by rights and standing, in their order."""
    groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for part in parts:
        groups.setdefault((part["rights"], part["standing"]), []).append(part)
    return list(groups.items())


def _line(
    row: dict[str, Any], rights: int, parts: list[dict[str, Any]], texts: tuple[str, str, str], ppm: int
) -> dict[str, Any]:
    firsts = [part["first_unix_s"] for part in parts if "first_unix_s" in part]
    lasts = [part["last_unix_s"] for part in parts if "last_unix_s" in part]
    title, artist, isrc = texts
    return {
        **{"stem": row["stem_id"].hex(), "title": title, "artist": artist, "isrc": isrc, "rights": rights, "ppm": ppm},
        "frames": [
            {"accrual": ACCRUALS[part["accrual"]]} | {name: part[name] for name in ("tier", "rate_hz", "frames")}
            for part in parts
        ],
        **{"plays": sum(part["plays"] for part in parts), "devices": row["cells"]},
        **{"first": _moment(min(firsts, default=None)), "last": _moment(max(lasts, default=None))},
        "play_ms": fraction(played_ms(parts)),
    }


def _moment(unix_s: int | None) -> str:
    return "" if unix_s is None else datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def played_ms(parts: Iterable[dict[str, Any]]) -> Fraction:
    return sum((Fraction(1000 * part["frames"], part["rate_hz"]) for part in parts), Fraction(0))


def fraction(value: Fraction) -> str:
    """As statements write it, in lowest terms."""
    return f"{value.numerator}/{value.denominator}"


def _lots(period: str, payee: str, lines: list[dict[str, Any]]) -> list[bytes]:
    """What decides between lines with equal remainders."""
    head = f"{period}\0{payee}\0".encode()
    return [
        sha256(
            head
            + bytes.fromhex(line["stem"])
            + line["rights"].to_bytes(8, "big")
            + bytes([ACCOUNTS.index(line["account"])])
        ).digest()
        for line in lines
    ]


def divide(pool: int, weights: list[int], lots: list[bytes]) -> list[int]:
    """Largest remainder: floors first, then one each to those that lost most by it; `lots` decide ties."""
    total = sum(weights) or 1
    amounts = [pool * weight // total for weight in weights]
    queue = sorted(range(len(weights)), key=lambda at: (-(pool * weights[at] % total), lots[at]))
    for at in queue[: pool - sum(amounts) if weights else 0]:
        amounts[at] += 1
    return amounts


def build_pool(closing: dict[str, Any], counts: dict[str, int], unpaid_ms: dict[str, str]) -> dict[str, Any]:
    """What every statement of the period says of all of it."""
    ticks, ticks_hz = int.from_bytes(closing["ticks"], "big"), closing["ticks_hz"]
    rate = Fraction(closing["pool_micro"] * ticks_hz, 1000 * ticks) if ticks else Fraction(0)
    pool = "" if closing["pool"] == "communal" else f"{closing['pool']}/"
    return {
        **({"name": closing["pool"]} if closing["version"] == 6 else {}),
        **{name: closing[name] for name in ("income_micro", "carry_in_micro", "pool_micro", "carry_out_micro")},
        **{name: closing[name] for name in ("ticks_hz", "stems", "segments", "devices")},
        **{"carry_account": f"carry/{pool}{closing['currency']}", "payees": closing["statements"], "ticks": ticks},
        "play_ms": fraction(Fraction(1000 * ticks, ticks_hz)),
        "rate_micro_per_ms": fraction(rate),
        "catalogue_sha256": closing["catalogue_sha256"].hex(),
        **counts,
        "unpaid_ms": unpaid_ms,
    }
