"""`amos key`: key files of publisher and operator."""

from pathlib import Path
from typing import Annotated

import typer

from amos.crypto import public_key
from amos.edges.key_store import KeyFault, load_or_make_seed


def key(file: Annotated[Path, typer.Argument(metavar="FILE", help="32 bytes, readable by its owner only.")]) -> None:
    """Print the public key of a key file; make the file first when there is none."""
    try:
        print(public_key(load_or_make_seed(str(file))).hex())
    except (KeyFault, OSError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from None
