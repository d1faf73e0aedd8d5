"""`amos ledger rotate-operator`: another key of the operator's counts from here on."""

from pathlib import Path
from typing import Annotated

from amos_cli.output import AsJson, print_json
from amos_cli.paths import file_argument
from amos_ledger import registry, rotating
from amos_ledger.command import LedgerFolder, one_line_errors
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store


def rotate_operator(
    folder: LedgerFolder,
    file: Annotated[Path, file_argument("FILE", help="From amos device rotate-operator.")],
    as_json: AsJson = False,
) -> None:
    """Let another key of the operator's count, and the old one no longer. The same again is no error."""
    with one_line_errors(folder, as_json):
        ledger = Folder(folder)
        data = rotating.read_file(file)
        with checked_store(ledger) as store:
            rotation, fresh = rotating.rotate_operator(ledger, store, data)
            registry.publish(ledger, store)
    key = rotation.new_key.hex()
    if as_json:
        return print_json({"number": rotation.number, "operator_key": key, "fresh": fresh})
    state = "counts from here on" if fresh else "was brought before"
    print(f"key {rotation.number} of the operator's {state}: {key}")
