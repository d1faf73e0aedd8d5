"""`amos replay`: was what a player signed what its score decides?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from amos.crypto import verify
from amos.journal.errors import JournalError
from amos.packs.folder import open_pack
from amos.protocol.errors import ProtocolError
from amos_cli.keys import public_key_of
from amos_cli.output import AsJson, Exit, UsageError, print_json, refusals
from amos_cli.paths import folder_option, path_argument
from amos_tools.journal.ring_file import RingError
from amos_tools.replay.piece import piece_of
from amos_tools.replay.sessions import DIFFERENT, SAME, Outcome, read_usages, replay_all
from amos_tools.verify.errors import VerifyError


def replay(
    source: Annotated[Path, path_argument("SOURCE", help="A player's journal.ring, or a ledger's audit folder.")],
    pack: Annotated[list[Path], folder_option(help="A pack that was played; may be given again.")],
    publisher_key: Annotated[str, typer.Option(metavar="HEX", help="Public key that signs packs.")],
    as_json: AsJson = False,
) -> None:
    """Decide sessions anew from pack, score, start state and inputs, and compare with the signed rows (exit code 1)."""
    with refusals(RingError, JournalError, VerifyError, ProtocolError, OSError, usage=(UsageError,), as_json=as_json):
        key = public_key_of(publisher_key, "--publisher-key")
        pieces = [piece_of(open_pack(str(folder), key, verify), key) for folder in pack]
        outcomes = list(replay_all(read_usages(source), {piece.pack_id: piece for piece in pieces}))
    if as_json:
        print_json({"sessions": [asdict(found) | {"device_id": found.device_id.hex()} for found in outcomes]})
    else:
        for found in outcomes:
            print(_line(found))
        same = sum(found.result == SAME for found in outcomes)
        print(f"{same} of {len(outcomes)} sessions are what their scores decide")
    if any(found.result == DIFFERENT for found in outcomes):
        raise typer.Exit(Exit.FINDING)


def _line(found: Outcome) -> str:
    told = f"{found.device_id.hex()} session {found.session}: {found.segments} segments, {found.rows} rows"
    return f"{told}: {found.result}" + (f": {found.detail}" if found.detail else "")
