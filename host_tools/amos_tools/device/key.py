"""`amos key`: key files of publisher and operator."""

from pathlib import Path
from typing import Annotated

import typer

from amos.crypto import public_key
from amos.edges.key_store import load_or_make_seed
from amos_cli.key_files import KeyFileError, read_key
from amos_cli.output import AsJson, UsageError, print_json, refusals


def _made(file: Path) -> bytes:
    if file.is_symlink():
        raise UsageError(f"{file}: expected a file or a free name, found a link to {file.readlink()}, where no file is")
    if not file.parent.is_dir():
        raise UsageError(f"{file}: expected a folder {file.parent} to make it in, found none")
    return bytes(load_or_make_seed(str(file)))


def key(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="32 bytes or 64 hex digits, readable by its owner only.", dir_okay=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Print the public key of a key file; make the file first when there is none."""
    with refusals(KeyFileError, OSError, as_json=as_json):
        seed = read_key(file) if file.exists() else _made(file)
    if file.stat().st_mode & 0o077:
        typer.echo(f"warning: {file} can be read by others than its owner: chmod 600 {file}", err=True)
    public = public_key(seed).hex()
    if as_json:
        return print_json({"file": str(file), "public_key": public})
    print(public)
