"""`amos verify`: yes, or the first difference."""

from pathlib import Path
from typing import Annotated

import typer

from amos_cli.output import AsJson, Exit, print_json, refusal_facts, refusals
from amos_cli.paths import file_option, folder_option, path_argument
from amos_tools.verify.audit import Audit, Verified
from amos_tools.verify.errors import Difference, KeyNotGiven, Unreadable, VerifyError
from amos_tools.verify.keys import Keys, pin_keys
from amos_tools.verify.published import Published, read_file
from amos_tools.verify.reader import STATEMENT_BYTES_MAX

Key = Annotated[str | None, typer.Option(metavar="HEX", help="Ed25519 public key, 64 hexadecimal digits.")]


def verify(
    statements: Annotated[list[Path], path_argument("STATEMENT...", help="A statement, or a folder of them.")],
    published: Annotated[
        Path | None,
        folder_option(help="The ledger's public directory; default: the one the statement lies in."),
    ] = None,
    keys: Annotated[
        Path | None,
        file_option(
            help='JSON: {"ledger": HEX, "publisher": HEX, "operator": HEX}, and "origin": NAME to pin the log too.',
        ),
    ] = None,
    ledger_key: Key = None,
    publisher_key: Key = None,
    operator_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a statement from published data and pinned keys: yes, or the first difference (exit code 1)."""
    with refusals(VerifyError, usage=(KeyNotGiven,), as_json=as_json):
        pinned = pin_keys(keys, {"ledger": ledger_key, "publisher": publisher_key, "operator": operator_key})
    path: Path | None = None
    results: list[tuple[Path, Verified]] = []
    try:
        audit: Audit | None = None
        for path in _files(statements):
            data = read_file(path, STATEMENT_BYTES_MAX)
            if audit is None:
                audit = open_audit(path, published, pinned)
            results.append((path, audit.check(data)))
    except VerifyError as error:
        _say_no(path, error, as_json)
        raise typer.Exit(Exit.FINDING) from None
    _say_yes(results, as_json)


def open_audit(statement: Path, published: Path | None, keys: Keys) -> Audit:
    """The audit of the public directory named, else of the one that holds `statements/<period>/<payee>.json`."""
    folder = published
    if folder is None:
        folder = next((parent for parent in statement.resolve().parents if (parent / "checkpoint").is_file()), None)
    if folder is None:
        raise Unreadable(f"{statement}: expected a public directory around it, or --published DIR; found neither")
    return Audit(Published(folder), keys)


def _files(statements: list[Path]) -> list[Path]:
    files = []
    for path in statements:
        found = [path]
        if path.is_dir():  # of one period, or of all of them
            found = sorted(path.glob("*.json")) or sorted(path.glob("*/*.json"))
        if not found:
            raise Unreadable(f"{path}: expected statements (*.json), found none")
        files += found
    return files


def _say_yes(results: list[tuple[Path, Verified]], as_json: bool) -> None:
    if as_json:
        items = [
            {
                "file": str(path),
                "payee": item.payee,
                "period": item.period,
                "currency": item.currency,
                "amount_micro": item.amount_micro,
                "checked": list(item.checked),
            }
            for path, item in results
        ]
        return print_json({"verified": True, "statements": items})
    for _path, item in results:
        amount = f"{item.amount_micro // 1_000_000}.{item.amount_micro % 1_000_000:06}"
        print(f"yes: {item.payee} earns {amount} {item.currency} in {item.period}")
    for line in results[-1][1].checked:
        print(f"  {line}")


def _say_no(path: Path | None, error: VerifyError, as_json: bool) -> None:
    if not as_json:
        place = f"{path}: "
        named = path is None or str(error).startswith(place)
        typer.echo(f"no: {'' if named else place}{error}", err=True)
        return
    item: dict[str, object] = {"verified": False, "file": str(path or ""), "refusal": refusal_facts(error)}
    if isinstance(error, Difference):
        item["difference"] = {"field": error.field, "expected": error.expected, "found": error.found}
    print_json(item)
