"""`amos audit`: did the players play what they signed, and can they have?"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from amos.crypto import verify
from amos.packs.folder import open_pack
from amos.protocol.errors import ProtocolError
from amos_batches.errors import BatchError
from amos_batches.runner import open_runner
from amos_cli.cluster import ClusterAddress
from amos_cli.output import AsJson, Exit, UsageError, print_json, refusals
from amos_cli.paths import file_option, folder_option
from amos_tools.audit import plausibility_report, report
from amos_tools.audit.errors import AuditError
from amos_tools.audit.plausibility import Plausibility, look
from amos_tools.audit.run import Asked, Audited, audit
from amos_tools.replay.piece import Piece, piece_of
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import KeyNotGiven, VerifyError
from amos_tools.verify.keys import Keys, pin_keys
from amos_tools.verify.published import Published

Key = Annotated[str | None, typer.Option(metavar="HEX", help="Ed25519 public key, 64 hexadecimal digits.")]


class What(StrEnum):
    """The two audits."""

    REPLAY = "replay"
    PLAUSIBILITY = "plausibility"


def audit_command(
    ledger: Annotated[str, typer.Option(metavar="FOLDER|URL", help="The ledger's audit folder, or a mirror of it.")],
    period: Annotated[str, typer.Option(metavar="YYYY-MM", help="The month in which it was played, in UTC.")],
    what: Annotated[What, typer.Argument(help="Replay devices, or list what is not plausible in all.")] = What.REPLAY,
    device: Annotated[
        str | None, typer.Option(metavar="ID", help="The device to replay: its id, or SITE/NAME as it is enrolled.")
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Replay so many devices of each day.")] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Which devices --sample takes follows from it.")
    ] = None,
    pack: Annotated[list[Path] | None, folder_option(help="A pack that was played; may be given again.")] = None,
    pcm: Annotated[bool, typer.Option("--pcm", help="Render again too, and compare the hash of the PCM.")] = False,
    income: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Income of the period: what is at risk, in money.")
    ] = None,
    keys: Annotated[
        Path | None,
        file_option(help='JSON: {"ledger": HEX, "publisher": HEX, "operator": HEX}, and "origin": NAME to pin it too.'),
    ] = None,
    ledger_key: Key = None,
    publisher_key: Key = None,
    operator_key: Key = None,
    cluster: ClusterAddress = None,
    as_json: AsJson = False,
) -> None:
    """Replay signed play from pack, score and inputs: yes, or the first difference (exit code 1).

    With plausibility, list what is odd in the play of all devices, the most money at risk first.
    """
    with refusals(VerifyError, usage=(UsageError, KeyNotGiven), as_json=as_json):
        asked = _asked(what, period, device, sample, seed, pack, pcm, income)
        at_stake_micro = None if income is None else _micro(income)
        pinned = pin_keys(keys, {"ledger": ledger_key, "publisher": publisher_key, "operator": operator_key})
    with (
        refusals(VerifyError, ProtocolError, OSError, AuditError, BatchError, as_json=as_json),
        open_runner(cluster) as runner,
    ):
        log, pieces = Audit(Published(ledger), pinned, runner), _pieces(pack or [], pinned)
        fine = (
            _replay(audit(log, pieces, asked, runner), as_json)
            if what is What.REPLAY
            else _plausible(look(log, period, pieces, runner), at_stake_micro, as_json)
        )
    if not fine:
        raise typer.Exit(Exit.FINDING)


def _replay(found: Audited, as_json: bool) -> bool:
    if as_json:
        print_json(report.facts(found))
    else:
        for line in report.lines(found):
            print(line)
    return report.agrees(found)


def _plausible(found: Plausibility, income_micro: int | None, as_json: bool) -> bool:
    if as_json:
        print_json(plausibility_report.facts(found, income_micro))
    else:
        plausibility_report.show(found, income_micro)
    return not found.found


def _asked(
    what: What,
    period: str,
    device: str | None,
    sample: int | None,
    seed: str | None,
    pack: list[Path] | None,
    pcm: bool,
    income: str | None,
) -> Asked:
    """Raises `UsageError` for what has no meaning together."""
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", period, re.ASCII) is None:
        raise UsageError(f"--period: expected a month as 2026-11, found {period[:40]!r}")
    if what is What.PLAUSIBILITY:
        for name, given in (("--device", device), ("--sample", sample), ("--seed", seed), ("--pcm", pcm or None)):
            if given is not None:
                raise UsageError(f"{name}: expected with a replay, found it with plausibility")
        return Asked(period)
    if income is not None:
        raise UsageError("--income: expected with plausibility, found it with a replay")
    if (device is None) == (sample is None):
        raise UsageError("expected --device or --sample, found " + ("neither" if device is None else "both"))
    if (sample is None) != (seed is None):
        raise UsageError("expected --sample and --seed together, found one of them")
    if not pack:
        raise UsageError("--pack: expected the pack that was played, found none")
    return Asked(period, device, sample or 0, seed or "", pcm)


def _micro(text: str) -> int:
    """Micro-units of a decimal number. Raises `UsageError`."""
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text, re.ASCII) is None:
        raise UsageError(f"--income: expected an amount as 1000 or 1000.50, found {text[:40]!r}")
    whole, _point, part = text.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0"))


def _pieces(folders: list[Path], keys: Keys) -> dict[bytes, Piece]:
    """By pack id. Raises `AuditError`, which says of which folder."""
    found = {}
    for folder in folders:
        try:
            piece = piece_of(open_pack(str(folder), keys.publisher, verify), keys.publisher)
        except ProtocolError as error:
            where = "" if str(error).startswith(str(folder)) else f"{folder}: "
            raise AuditError(f"{where}{error}") from None
        found[piece.pack_id] = piece
    return found
