"""A statement of version 4 as one HTML page to read and to print: nothing is fetched, no script runs."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256
from html import escape
from pathlib import Path

from amos_ledger.settlement.money import signed_decimal
from amos_tools.pool.days_svg import days_svg
from amos_tools.pool.statement_days import WORDS, Detail, left_out, line_sites, whole_play
from amos_tools.pool.statement_svg import play_svg
from amos_tools.pool.statement_told import Core, Told, accounts_of, clock, lines_of, per_hour, title_of, unpaid_of
from amos_tools.pool.tables import payable

_MARK = '<meta name="generator" content="amos pool show">'
_MARKED_BYTES = 4096
_STYLE = """
:root { font: 14px/1.45 system-ui, sans-serif; color: #111; background: #fff; }
main { max-width: 92rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; width: 100%; margin: 0 0 1.5rem; font-size: 0.85rem; }
caption { text-align: left; font-weight: 600; font-size: 1rem; padding: 0.3rem 0; }
th, td { padding: 0.2rem 0.3rem; border-bottom: 1px solid #bbb; text-align: left; vertical-align: top; }
.w { overflow-wrap: anywhere; min-width: 5.5rem; }
.wide { overflow-x: auto; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tfoot { font-weight: 600; }
svg { max-width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; } svg .title { font-weight: 600; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 0 2rem; align-items: start; }
.sum { font-size: 1.5rem; font-weight: 600; }
@page { size: A4 landscape; margin: 12mm; }
@media print { main { padding: 0; max-width: none; } .wide { overflow: visible; }
  tfoot { display: table-row-group; } thead { display: table-header-group; }
  tr, svg { break-inside: avoid; } }
"""


def statement_page(core: Core, detail: Detail | None = None, appeal: str = "") -> bytes:
    """The page. `detail`: days and venues, where the statement tells them; `appeal`: the operator's words on how to
    object."""
    digest = b64encode(sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    title = escape(f"{core['payee']}, {title_of(core)}")
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        _MARK,
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>Statement of {title}</title>",
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>Statement of {title}</h1>",
        *statement_parts(core, detail, appeal),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(parts).encode()


def statement_parts(core: Core, detail: Detail | None = None, appeal: str = "") -> list[str]:
    """What stands on the page below its heading, as HTML; its tables and pictures have the classes of its style."""
    amount = escape(f"{core['amount']} {core['currency']}")
    return [
        f'<p class="sum">{amount}</p>',
        *_paragraphs(core, appeal),
        *_tables(core, detail),
        play_svg(core),
        "<p>Of the bars, green earns and brown does not.</p>",
        *([] if detail is None else _days(core, detail)),
    ]


def is_statement_page(path: Path) -> bool:
    """Whether a file is such a page, which may be written over."""
    with path.open("rb") as file:
        return _MARK.encode() in file.read(_MARKED_BYTES)


def _paragraphs(core: Core, appeal: str) -> list[str]:
    pool, currency = core["pool"], core["currency"]
    income, carry_in, carry_out, whole = (
        signed_decimal(pool[f"{name}_micro"]) for name in ("income", "carry_in", "carry_out", "pool")
    )
    texts = [
        f"The pool of {title_of(core)}: {whole} {currency} for {clock(Fraction(pool['play_ms']))} of play by"
        f" {pool['devices']} players; income {income}, carried in {carry_in}, carried out {carry_out}.",
        f"An hour of play brings {per_hour(core)} {currency}, exactly {pool['rate_micro_per_ms']} millionths for each"
        " millisecond, of which each payee has its share.",
        f"A bank can move {payable(core)}; {core['minor_units']['rest_micro']} millionths stay on the account.",
        "This page shows what the statement says. Whether it is true, `amos verify` tells, or the page that it writes.",
        appeal,
    ]
    return [f"<p>{escape(text)}</p>" for text in texts if text]


def _days(core: Core, detail: Detail) -> list[str]:
    """The picture of days, and tables of days and venues."""
    play = whole_play(detail)
    days = [(day, clock(Fraction(ms))) for day, ms in play.by_day]
    venues = [(name, clock(Fraction(ms))) for name, ms in play.by_venue]
    policy = f"Venues appear {WORDS[detail['venues']]}; {play.sites} in all."
    says = f"{policy} Days are UTC; play counts for the day in which it began."
    return [
        days_svg(core, detail),
        *(f"<p>{escape(text)}</p>" for text in (says, left_out(detail)) if text),
        '<div class="side">',
        _table("In play, by day", ("day", "in play"), days, 1),
        _table("In play, by venue", ("venue", "in play"), venues, 1),
        "</div>",
    ]


def _tables(core: Core, detail: Detail | None) -> list[str]:
    currency = core["currency"]
    accounts = [account.row for account in accounts_of(core)]
    heads: tuple[str, ...] = ("account", "opening", "transfers", "credited", "closing")
    tables = [_table(f"Accounts, in {currency}", heads, accounts, 1), _lines_table(core, detail)]
    if core["unpaid"]:
        heads = (*_PLAYED, "why", *_COUNTS)
        unpaid = [(*_texts(line), line.stands, *_counts(line)) for line in unpaid_of(core)]
        tables.append(_table("What played and earned nothing", heads, unpaid, len(_PLAYED) + 1))
    if core["balance"]["transfers"]:
        heads = ("when (UTC)", "kind", "from", "to", "reason", "amount")
        moves = [
            (_utc(moved["unix_s"]), moved["kind"], moved["debit"], moved["credit"], moved["reason"], amount)
            for moved in core["balance"]["transfers"]
            for amount in [signed_decimal(moved["amount_micro"])]
        ]
        tables.append(_table(f"Transfers, in {currency}", heads, moves, 5))
    return tables


_NO_BREAK = "\N{NO-BREAK SPACE}"
_PLAYED = ("title", "artist", "ISRC", "stem", "used (UTC)")
_COUNTS = ("players", "plays", "in play")
_FREE = ("title", "artist", "venue", "reason", "from", "to")
"""Columns whose texts are as long as somebody likes, in words or not."""
TEXT_LETTERS_MAX = 100
"""Of a text that is shown; the whole of it is in the JSON and the CSV."""


def _lines_table(core: Core, detail: Detail | None) -> str:
    lines, sites = lines_of(core), line_sites(detail, "lines")
    heads = (
        *_PLAYED,
        "account",
        "late because",
        "sites",
        *_COUNTS,
        "of it late",
        "tier",
        "share",
        "per hour",
        core["currency"],
    )
    rows = [
        (
            *(
                *_texts(line),
                line.stands,
                line.late_because,
                sites.get(number, ""),
                *_counts(line),
                clock(line.late_ms) if line.late else "",
                " ".join(map(str, line.tiers)),
                line.share,
            ),
            *(per_hour(core, line.ppm), signed_decimal(line.amount_micro or 0)),
        )
        for number, line in enumerate(lines)
    ]
    played = clock(sum((line.played_ms for line in lines), Fraction(0)))
    foot = ("total", *[""] * 9, played, "", "", "", "", core["amount"])
    return _table("What earned", heads, rows, len(_PLAYED) + 2, foot)


def _table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: int, foot: Sequence[str] = ()
) -> str:
    """The columns from `numbers` on are numbers."""
    classes = [" class=n" if at >= numbers else " class=w" * (head in _FREE) for at, head in enumerate(heads)]

    def line(tag: str, texts: Sequence[str]) -> str:
        cells = (f"<{tag}{kind}>{escape(_shown(text))}</{tag}>" for kind, text in zip(classes, texts, strict=True))
        return f"<tr>{''.join(cells)}</tr>\n"

    body = "".join(line("td", row) for row in rows)
    end = f"<tfoot>{line('td', foot)}</tfoot>" if foot else ""
    head = f"<thead>{line('th', heads)}</thead>"
    table = f"<table><caption>{escape(caption)}</caption>{head}<tbody>{body}</tbody>{end}</table>"
    return f'<div class="wide">{table}</div>'


def _shown(text: str) -> str:
    seen = "".join(letter if letter.isprintable() or letter == _NO_BREAK else "?" for letter in text)
    return seen if len(seen) <= TEXT_LETTERS_MAX else f"{seen[: TEXT_LETTERS_MAX - 1]}\N{HORIZONTAL ELLIPSIS}"


def _texts(line: Told) -> tuple[str, ...]:
    used = line.used.replace("-", "\N{NON-BREAKING HYPHEN}").replace(" ", _NO_BREAK).replace(f"{_NO_BREAK}to", " to")
    return line.title, line.artist, line.isrc, line.stem[:8], used


def _counts(line: Told) -> tuple[str, ...]:
    return str(line.players), str(line.plays), clock(line.played_ms)


def _utc(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
