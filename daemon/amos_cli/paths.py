"""Files and folders that a command reads, as its parameters: one that is not there is an error of the command line.

What a parameter made here does not find, cannot read or finds to be of the other kind ends the command before it
begins, with exit code 2. Whatever stands in the file is the command's to judge: what it refuses there ends with 1.
"""

from pathlib import Path
from typing import Any

import typer


def file_argument(metavar: str, help: str) -> Any:
    """A file, or a device, that is there and can be read."""
    return typer.Argument(metavar=metavar, help=help, exists=True, dir_okay=False)


def folder_argument(metavar: str, help: str) -> Any:
    """A folder that is there."""
    return typer.Argument(metavar=metavar, help=help, exists=True, file_okay=False, callback=_a_folder)


def path_argument(metavar: str, help: str) -> Any:
    """A file or a folder that is there."""
    return typer.Argument(metavar=metavar, help=help, exists=True)


def file_option(*names: str, metavar: str = "FILE", help: str) -> Any:
    """A file, or a device, that is there and can be read."""
    return typer.Option(*names, metavar=metavar, help=help, exists=True, dir_okay=False)


def folder_option(*names: str, metavar: str = "DIR", help: str) -> Any:
    """A folder that is there."""
    return typer.Option(*names, metavar=metavar, help=help, exists=True, file_okay=False, callback=_a_folder)


def _a_folder(value: Any) -> Any:
    """What is neither a file nor a folder, as a device, passes the parser."""
    for path in value if isinstance(value, list) else [value]:
        if isinstance(path, Path) and not path.is_dir():
            raise typer.BadParameter(f"expected a folder, found something else: {path}")
    return value
