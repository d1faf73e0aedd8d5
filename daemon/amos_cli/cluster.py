"""The option of commands that work over a whole log."""

from typing import Annotated

import typer

ClusterAddress = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ADDRESS", help="Work on this Dask cluster: tcp://HOST:PORT of its scheduler."),
]
