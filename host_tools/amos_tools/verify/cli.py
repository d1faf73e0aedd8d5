"""`amos verify`: yes, or the first difference."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos_batches.errors import BatchError
from amos_batches.runner import Runner, open_runner
from amos_cli.cluster import ClusterAddress
from amos_cli.files import OutputRefused, write_output
from amos_cli.output import AsJson, Exit, print_json, refusal_facts, refusals
from amos_cli.paths import file_option, folder_option, path_argument
from amos_tools.verify.audit import Audit, Verified
from amos_tools.verify.errors import Difference, KeyNotGiven, NothingToVerify, Unreadable, VerifyError
from amos_tools.verify.keys import Keys, LedgerKey, pin_keys, pin_ledger_key
from amos_tools.verify.light import NOT_PROVED, PROVED, LightVerified, check_statement, speaks_for_itself
from amos_tools.verify.light_reading import PROOF_BYTES_MAX as READING_BYTES_MAX
from amos_tools.verify.light_reading import SEGMENT_BYTES_MAX, check_reading
from amos_tools.verify.page import checking_page, is_checking_page
from amos_tools.verify.proof import PROOF_BYTES_MAX, Trusted, check_proof, trusted_by
from amos_tools.verify.published import Published, read_file
from amos_tools.verify.statement_file import read_statement_file, statement_files

Key = Annotated[str | None, typer.Option(metavar="HEX", help="Ed25519 public key, 64 hexadecimal digits.")]
Statements = Annotated[
    list[Path] | None,
    path_argument("[STATEMENT...]", help="A statement, or a folder of them."),
]
Since = Annotated[
    Path | None,
    file_option(metavar="CHECKPOINT", help="A checkpoint that you kept: the log must begin with its entries."),
]


def verify(
    statements: Statements = None,
    published: Annotated[
        str | None,
        typer.Option(metavar="FOLDER|URL", help="The ledger's audit folder; default: that of the statement's ledger."),
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
    since: Since = None,
    proof: Annotated[
        Path | None, file_option(metavar="FILE", help="From amos ledger prove: one segment, without anything else.")
    ] = None,
    policy: Annotated[
        Path | None, file_option(metavar="FILE", help="Logs and witnesses to believe (c2sp.org/tlog-policy).")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Recompute the period from the audit folder, not only from the statement.")
    ] = False,
    segment: Annotated[
        Path | None, file_option(metavar="FILE", help="A segment that you hold; with --reading.")
    ] = None,
    reading: Annotated[
        Path | None, file_option(metavar="FILE", help="From amos pool prove: that the segment was counted once.")
    ] = None,
    rotations: Annotated[
        Path | None,
        folder_option(help="A ledger's public/rotations: a proof by a later key of the ledger's is as good then."),
    ] = None,
    cluster: ClusterAddress = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page", metavar="FILE.html", help="Write a page that checks statements in a browser; with no STATEMENT."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify statements by pinned keys: yes, or the first difference (exit code 1).

    A statement of version 4 is verified from its file and the ledger's key alone, offline. With --full or --published,
    and always for earlier versions, its period is recomputed from the ledger's audit folder.

    With --proof, one segment is verified offline, by --ledger-key or --policy alone; with --segment and --reading, that
    the segment was counted once. --page writes the first of these checks as one HTML file for browsers, offline too; it
    knows the ledger's key if that is given here.
    """
    if page is not None:
        others = (statements, published, since, proof, policy, full, segment, reading, rotations, cluster)
        return _write_page(page, keys, ledger_key, any(others), as_json)
    if proof is not None:
        with refusals(VerifyError, usage=(KeyNotGiven, NothingToVerify), as_json=as_json):
            if statements or published or keys or since or cluster:
                raise NothingToVerify("expected --proof with --ledger-key, --policy or --rotations and nothing else")
            trusted = trusted_by(policy, ledger_key, rotations)
        return _verify_proof(proof, trusted, as_json)
    if segment is not None or reading is not None:
        return _verify_reading(segment, reading, keys, ledger_key, bool(statements or published or since), as_json)
    given = {"ledger": ledger_key, "publisher": publisher_key, "operator": operator_key}
    with _no_of(statements[0] if statements else None, as_json):
        files = _files(statements or [])
    if files and not (full or published or since or cluster) and all(map(_is_light, files)):
        with refusals(VerifyError, usage=(KeyNotGiven, NothingToVerify), as_json=as_json):
            pinned_ledger = pin_ledger_key(keys, ledger_key)
        return _verify_light(files, pinned_ledger, as_json)
    with refusals(VerifyError, usage=(KeyNotGiven, NothingToVerify), as_json=as_json):
        pinned = pin_keys(keys, given)
        if rotations is not None:
            raise NothingToVerify("expected --rotations with --proof: a whole log has them itself")
        if not statements and (since is None or published is None):
            raise NothingToVerify("expected a STATEMENT, or --since CHECKPOINT with --published PLACE; found neither")
    with refusals(BatchError, as_json=as_json), open_runner(cluster) as runner:
        _verify_statements(files, published, pinned, since, runner, as_json)


def _verify_statements(
    files: list[Path], published: str | None, pinned: Keys, since: Path | None, runner: Runner, as_json: bool
) -> None:
    with _no_of(files[0] if files else published, as_json):
        audit = Audit(_published(files, published), pinned, runner)
    if since is not None:
        with _no_of(since, as_json):
            audit.check_since(read_file(since, CHECKPOINT_BYTES_MAX))
    results: list[tuple[Path, Verified]] = []
    for path in files:
        with _no_of(path, as_json):
            results.append((path, audit.check(read_statement_file(path))))
    _say_yes(audit, results, as_json)


def _is_light(path: Path) -> bool:
    """Also for what cannot be read, of which no further key would tell more."""
    try:
        return speaks_for_itself(read_statement_file(path))
    except Unreadable:
        return True


def _verify_light(files: list[Path], pinned: LedgerKey, as_json: bool) -> None:
    results: list[tuple[Path, LightVerified]] = []
    for path in files:
        with _no_of(path, as_json):
            data = read_statement_file(path)
            results.append((path, check_statement(data, pinned.key, pinned.origin)))
    if as_json:
        items = [_facts(path, item, "light") for path, item in results]
        return print_json({"verified": True, "proved": list(PROVED), "not_proved": NOT_PROVED, "statements": items})
    for _path, item in results:
        print(_yes(item))
    for line in (*results[-1][1].checked, *PROVED, NOT_PROVED):
        print(f"  {line}")


def _verify_reading(
    segment: Path | None, reading: Path | None, keys: Path | None, ledger_key: str | None, more: bool, as_json: bool
) -> None:
    with refusals(VerifyError, usage=(KeyNotGiven, NothingToVerify), as_json=as_json):
        if segment is None or reading is None or more:
            raise NothingToVerify(
                "expected --segment FILE and --reading FILE with --ledger-key or --keys, nothing else"
            )
        pinned = pin_ledger_key(keys, ledger_key)
    with _no_of(reading, as_json):
        data = read_file(segment, SEGMENT_BYTES_MAX)
        counted = check_reading(read_file(reading, READING_BYTES_MAX), data, pinned.key, pinned.origin)
    if as_json:
        return print_json({"verified": True} | counted.facts())
    for line in counted.lines():
        print(line)


def _verify_proof(proof: Path, trusted: Trusted, as_json: bool) -> None:
    with _no_of(proof, as_json):
        proved = check_proof(read_file(proof, PROOF_BYTES_MAX), trusted)
    if as_json:
        return print_json({"verified": True} | proved.facts())
    for line in proved.lines():
        print(line)


def _write_page(path: Path, keys: Path | None, ledger_key: str | None, more: bool, as_json: bool) -> None:
    with refusals(VerifyError, OutputRefused, usage=(KeyNotGiven, NothingToVerify), as_json=as_json):
        if more:
            raise NothingToVerify("expected --page FILE with --ledger-key or --keys, or neither, and nothing else")
        pinned = None if keys is None and ledger_key is None else pin_ledger_key(keys, ledger_key)
        data = checking_page(pinned.key, pinned.origin) if pinned else checking_page()
        write_output(path, data, ours=is_checking_page)
    if as_json:
        return print_json({"path": str(path), "ledger_key": pinned.key.hex() if pinned else None})
    believed = f"it believes the ledger's key {pinned.key.hex()}" if pinned else "it asks for the ledger's key"
    typer.echo(f"{path}: open it in a browser and drop a statement in; {believed}")


@contextmanager
def _no_of(path: Path | str | None, as_json: bool) -> Iterator[None]:
    """The first difference ends the command; it is told as one of this file or folder."""
    try:
        yield
    except VerifyError as error:
        _say_no(path, error, as_json)
        raise typer.Exit(Exit.FINDING) from None


def _published(files: list[Path], place: str | None) -> Published:
    """The place named, else the audit folder in or beside the public one that holds `statements/<folder>/…`."""
    if place is not None:
        return Published(place)
    parents = files[0].resolve().parents
    public = next((parent for parent in parents if (parent / "checkpoint").is_file()), None)
    if public is None:
        raise Unreadable(f"{files[0]}: expected a public folder around it, or --published FOLDER|URL; found neither")
    beside = public.parent / "audit"
    inside = (public / "audit" / "checkpoint").is_file()
    return Published(beside if not inside and (beside / "checkpoint").is_file() else public)


def _files(statements: list[Path]) -> list[Path]:
    files = []
    for path in statements:
        found = [path]
        if path.is_dir():  # of one period, or of all of them
            found = statement_files(path) or statement_files(path, "*")
        if not found:
            raise Unreadable(f"{path}: expected statements (*.json.gz or *.json), found none")
        files += found
    return files


def _say_yes(audit: Audit, results: list[tuple[Path, Verified]], as_json: bool) -> None:
    if as_json:
        items = [_facts(path, item, "full") for path, item in results]
        return print_json({"verified": True, "checked": list(audit.checked), "statements": items})
    for _path, item in results:
        print(_yes(item))
    if not results:
        print("yes: the log begins with the entries of that checkpoint")
    for line in results[-1][1].checked if results else audit.checked:
        print(f"  {line}")


def _yes(item: Verified | LightVerified) -> str:
    amount = f"{item.amount_micro // 1_000_000}.{item.amount_micro % 1_000_000:06}"
    return (
        f"yes: {item.payee} earns {amount} {item.currency} in {item.period}{f', pool {item.pool}' if item.pool else ''}"
    )


def _facts(path: Path, item: Verified | LightVerified, check: str) -> dict[str, object]:
    return {
        "file": str(path),
        "check": check,
        "payee": item.payee,
        "period": item.period,
        "pool": item.pool,
        "currency": item.currency,
        "amount_micro": item.amount_micro,
        "checked": list(item.checked),
    }


def _say_no(path: Path | str | None, error: VerifyError, as_json: bool) -> None:
    if not as_json:
        place = f"{path}: "
        named = path is None or str(error).startswith(place)
        typer.echo(f"no: {'' if named else place}{error}", err=True)
        return
    item: dict[str, object] = {"verified": False, "file": str(path or ""), "refusal": refusal_facts(error)}
    if isinstance(error, Difference):
        item["difference"] = {"field": error.field, "expected": error.expected, "found": error.found}
    print_json(item)
