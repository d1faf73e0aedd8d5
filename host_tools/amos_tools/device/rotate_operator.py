"""`amos device rotate-operator`: the operator's word that another key of theirs counts from here on."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos import crypto
from amos.protocol.checkpoint_host import check_origin
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import ROTATION_BYTES_MAX, ROTATIONS_MAX
from amos.protocol.rotation import OPERATOR, VERSION, Rotation, open_rotation, sign_rotation
from amos_cli.files import write_output
from amos_cli.key_files import read_key
from amos_cli.output import AsJson, print_json
from amos_cli.paths import file_option
from amos_tools.device.refusals import device_refusals


def signed_rotation(role: int, origin: str, number: int, old: bytes, new: bytes, unix_s: int) -> bytes:
    """The rotation of the operator's key, from the seeds of both keys."""
    keys = {"old_key": crypto.public_key(old), "new_key": crypto.public_key(new)}
    facts = {"version": VERSION, "role": role, "origin": origin, "number": number, "unix_s": unix_s} | keys
    draft = Rotation(**facts, until_unix_s=None, possession=bytes(64))
    proof = crypto.sign(new, draft.possession_message())
    return bytes(
        sign_rotation(Rotation(**facts, until_unix_s=None, possession=proof), lambda message: crypto.sign(old, message))
    )


def is_rotation(path: Path, operator_key: bytes) -> bool:
    """Whether the file is a rotation that this operator signed, which may be signed anew. Raises OSError."""
    with path.open("rb") as file:
        data = file.read(ROTATION_BYTES_MAX + 1)
    try:
        open_rotation(data, operator_key, crypto.verify)
    except ProtocolError:
        return False
    return True


def rotate_operator(
    origin: Annotated[str, typer.Option(metavar="NAME", help="The log's name (amos ledger status).")],
    operator_key_file: Annotated[Path, file_option(help="The key file that counts until then.")],
    new_key_file: Annotated[Path, file_option(help="The key file that counts from then on (amos key makes one).")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where it goes, for amos ledger rotate-operator.")],
    number: Annotated[
        int, typer.Option(min=1, max=ROTATIONS_MAX, help="1 for the first change of the operator's key, then 2 ...")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Sign that another key takes the place of the operator's, with both of them."""
    with device_refusals(as_json):
        check_origin(origin)
        old, new = read_key(operator_key_file), read_key(new_key_file)
        data = signed_rotation(OPERATOR, origin, number, old, new, int(time.time()))
        old_key, new_key = crypto.public_key(old), crypto.public_key(new)
        write_output(out, data, ours=lambda path: is_rotation(path, old_key))
    if as_json:
        return print_json({"number": number, "operator_key": new_key.hex(), "path": str(out)})
    print(f"key {number} of the operator's of {origin} will be {new_key.hex()}: {out}")
