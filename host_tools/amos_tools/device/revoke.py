"""`amos device revoke`: the operator's word that a device's key counts no longer."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from amos import crypto
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.ledger_limits import REVOCATION_BYTES_MAX
from amos.protocol.revocation import VERSION, Revocation, open_revocation, sign_revocation
from amos_cli.files import write_output
from amos_cli.instants import unix_s_of
from amos_cli.key_files import read_key
from amos_cli.output import AsJson, print_json
from amos_cli.paths import file_option
from amos_tools.device.refusals import device_refusals

DEVICE_DIGITS = 32


def device_id_of(text: str) -> bytes:
    """The device id in exactly 32 hexadecimal digits. Raises `LocalError`."""
    if len(text) != DEVICE_DIGITS or not set(text) <= set("0123456789abcdefABCDEF"):
        raise LocalError(f"device: expected its {DEVICE_DIGITS} hexadecimal digits, found {text[:80]!r}")
    return bytes.fromhex(text)


def is_revocation(path: Path, operator_key: bytes) -> bool:
    """Whether the file is a revocation that this operator signed, which may be signed anew. Raises OSError."""
    with path.open("rb") as file:
        data = file.read(REVOCATION_BYTES_MAX + 1)
    try:
        open_revocation(data, operator_key, crypto.verify)
    except ProtocolError:
        return False
    return True


def revoke(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's 32 digits (amos ledger status).")],
    operator_key_file: Annotated[Path, file_option(help="The operator's key file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the revocation goes, for amos ledger revoke.")],
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="What it plays after this moment (UTC) does not count; else from now on."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign that a device's key is stolen, lost or retired, as the operator."""
    with device_refusals(as_json):
        unix_s = int(time.time()) if since is None else unix_s_of(since, "since")
        revocation = Revocation(version=VERSION, device_id=device_id_of(device), unix_s=unix_s)
        seed = read_key(operator_key_file)
        public_key = crypto.public_key(seed)
        data = sign_revocation(revocation, crypto.key_id(public_key), lambda message: crypto.sign(seed, message))
        write_output(out, data, ours=lambda path: is_revocation(path, public_key))
    if as_json:
        return print_json({"device_id": device.lower(), "unix_s": unix_s, "path": str(out)})
    print(f"{device.lower()} is revoked from {datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%S} UTC on: {out}")
