"""`amos device forgo`: the operator's word that what the ledger signed is lost, and that it may go on without."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos import crypto
from amos.protocol.errors import LocalError, ProtocolError
from amos.protocol.forgone import VERSION, Forgone, open_forgone, sign_forgone
from amos.protocol.ledger_limits import FORGONE_BYTES_MAX
from amos_cli.files import write_output
from amos_cli.key_files import read_key
from amos_cli.output import AsJson, print_json
from amos_cli.paths import file_option
from amos_tools.device.refusals import device_refusals

ROOT_DIGITS = 64


def root_of(text: str) -> bytes:
    """The root in exactly 64 hexadecimal digits. Raises `LocalError`."""
    if len(text) != ROOT_DIGITS or not set(text) <= set("0123456789abcdefABCDEF"):
        raise LocalError(f"--lost-root: expected {ROOT_DIGITS} hexadecimal digits, found {text[:80]!r}")
    return bytes.fromhex(text)


def is_forgone(path: Path, operator_key: bytes) -> bool:
    """Whether the file is such a word that this operator signed, which may be signed anew. Raises OSError."""
    with path.open("rb") as file:
        data = file.read(FORGONE_BYTES_MAX + 1)
    try:
        open_forgone(data, operator_key, crypto.verify)
    except ProtocolError:
        return False
    return True


def forgo(
    kept_size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Entries of it that the log still has (amos ledger status).")
    ],
    lost_size: Annotated[int, typer.Option(min=1, metavar="N", help="Entries of the tree that it signed before.")],
    lost_root: Annotated[str, typer.Option(metavar="HEX", help="That tree's root.")],
    operator_key_file: Annotated[Path, file_option(help="The operator's key file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where it goes, for amos ledger forgo.")],
    as_json: AsJson = False,
) -> None:
    """Sign that entries of the ledger's log are lost for good, as the operator. Everyone can read it in the log."""
    with device_refusals(as_json):
        if kept_size >= lost_size:
            raise LocalError(f"--kept-size: expected below --lost-size, which is {lost_size}, found {kept_size}")
        facts = {"kept_size": kept_size, "lost_size": lost_size, "lost_root": root_of(lost_root)}
        forgone = Forgone(version=VERSION, unix_s=int(time.time()), **facts)
        seed = read_key(operator_key_file)
        public_key = crypto.public_key(seed)
        data = sign_forgone(forgone, crypto.key_id(public_key), lambda message: crypto.sign(seed, message))
        write_output(out, data, ours=lambda path: is_forgone(path, public_key))
    if as_json:
        return print_json({"kept_size": kept_size, "lost_size": lost_size, "path": str(out)})
    print(f"the tree of {lost_size} entries is given up, the log goes on after {kept_size}: {out}")
