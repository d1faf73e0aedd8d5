"""Attribution registry: whose each stem is and what was declared of it, as JSON or CSV. Pure.

Of every stem that is or ever was opted in; what was never opted in is nobody's business. What nobody declared is said
to be undeclared, and is no consent.
"""

import json
from collections.abc import Sequence
from typing import Any

from amos_cli.sheet import csv_bytes
from amos_tools.report.sheet import listed, yes_or_no
from amos_tools.stems import StemFacts

FORMAT = "amos-registry/1"
JSON_BEGINNING = b'{\n "format": "amos-registry/'
UNDECLARED = "undeclared"
PERFORMER, COMPOSER, PUBLISHER, LABEL = "performer", "composer", "publisher", "label"

COLUMNS = (
    *("stem", "sha256", "title", "part", "creators", "roles", "ipis", "payees", "shares_ppm", "isrc", "iswc", "upc"),
    *("ai_use", "training", "opted_in"),
)
"""REPORTS.md says what each means."""


def registry_json(stems: Sequence[StemFacts]) -> bytes:
    """One JSON object, stems by id."""
    whole = {"format": FORMAT, "stems": [_facts(stem) for stem in _in_order(stems)]}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def registry_csv(stems: Sequence[StemFacts]) -> bytes:
    """A row for each stem; lists in a cell are joined by |, in one order."""
    return csv_bytes(COLUMNS, (_row(stem) for stem in _in_order(stems)))


def _in_order(stems: Sequence[StemFacts]) -> list[StemFacts]:
    return sorted(stems, key=lambda stem: stem.stem_id)


def _creators(stem: StemFacts) -> list[tuple[str, str, str | None]]:
    """(name, role, IPI) of everybody who is stated."""
    credits = stem.credits
    found: list[tuple[str, str, str | None]] = [(stem.artist, PERFORMER, None)]
    found += [(who.name, COMPOSER, who.ipi) for who in credits.composers]
    found += [(name, role, None) for name, role in ((credits.publisher, PUBLISHER), (credits.label, LABEL)) if name]
    return found


def _training(stem: StemFacts) -> str:
    allowed = stem.credits.training
    return UNDECLARED if allowed is None else "allowed" if allowed else "not_allowed"


def _facts(stem: StemFacts) -> dict[str, Any]:
    return {
        "stem": stem.stem_id.hex(),
        "sha256": stem.sha256.hex(),
        "title": stem.title,
        "part": stem.role,
        "creators": [{"name": name, "role": role, "ipi": ipi} for name, role, ipi in _creators(stem)],
        "splits": [{"payee": split.payee, "ppm": split.ppm} for split in stem.splits],
        "isrc": stem.isrc,
        "iswc": stem.credits.iswc,
        "upc": stem.credits.upc,
        "ai_use": stem.credits.ai_use or UNDECLARED,
        "training": _training(stem),
        "opted_in": stem.opt_in,
    }


def _row(stem: StemFacts) -> list[str]:
    creators = _creators(stem)
    return [
        stem.stem_id.hex(),
        stem.sha256.hex(),
        stem.title,
        stem.role,
        listed(name for name, _role, _ipi in creators),
        listed(role for _name, role, _ipi in creators),
        listed(ipi or "" for _name, _role, ipi in creators),
        listed(split.payee for split in stem.splits),
        listed(str(split.ppm) for split in stem.splits),
        stem.isrc or "",
        stem.credits.iswc or "",
        stem.credits.upc or "",
        stem.credits.ai_use or UNDECLARED,
        _training(stem),
        yes_or_no(stem.opt_in),
    ]
