"""`amos device lost`: the operator's word that segments of a device are gone, so that later ones need not wait."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos import crypto
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import LOSS_BYTES_MAX
from amos.protocol.loss import VERSION, Loss, open_loss, sign_loss
from amos_cli.files import write_output
from amos_cli.key_files import read_key
from amos_cli.output import AsJson, UsageError, print_json
from amos_cli.paths import file_option
from amos_tools.device.refusals import device_refusals
from amos_tools.device.revoke import device_id_of

SEGMENTS_MAX = 1_000_000
"""At a time: years of play."""


def is_loss(path: Path, operator_key: bytes) -> bool:
    """Whether the file is such a word that this operator signed, which may be signed anew. Raises OSError."""
    with path.open("rb") as file:
        data = file.read(LOSS_BYTES_MAX + 1)
    try:
        open_loss(data, operator_key, crypto.verify)
    except ProtocolError:
        return False
    return True


def lost(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's 32 digits (amos ledger held).")],
    first: Annotated[int, typer.Argument(metavar="FIRST", min=1, help="The first sequence number that is gone.")],
    last: Annotated[int, typer.Argument(metavar="LAST", min=1, help="The last one.")],
    operator_key_file: Annotated[Path, file_option(help="The operator's key file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where it goes, for amos ledger lost.")],
    as_json: AsJson = False,
) -> None:
    """Sign that segments of a device are gone for good, as the operator. One that turns up after all still counts."""
    with device_refusals(as_json):
        device_id = device_id_of(device)
        if last - first >= SEGMENTS_MAX:
            raise UsageError(f"LAST: expected at most {first + SEGMENTS_MAX - 1}, a million at a time; found {last}")
        loss = Loss(version=VERSION, device_id=device_id, first=first, last=last, unix_s=int(time.time()))
        seed = read_key(operator_key_file)
        public_key = crypto.public_key(seed)
        data = sign_loss(loss, crypto.key_id(public_key), lambda message: crypto.sign(seed, message))
        write_output(out, data, ours=lambda path: is_loss(path, public_key))
    if as_json:
        return print_json({"device_id": device.lower(), "first": first, "last": last, "path": str(out)})
    print(f"segments {first} to {last} of {device.lower()} are declared lost: {out}")
