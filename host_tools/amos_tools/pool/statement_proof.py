"""The proof in a statement that its closing is in the log, in a format that clients of other logs read
(c2sp.org/tlog-proof). It is taken as the statement has it: nothing of it is verified here."""

import json
from base64 import b64encode
from pathlib import Path

from amos_tools.pool.read_core import OTHER_FIELDS, NotAStatement
from amos_tools.verify.errors import VerifyError
from amos_tools.verify.proof import FORMAT
from amos_tools.verify.statement_file import read_statement_file


def closing_proof(path: Path) -> bytes:
    """The closing as the proof's extra data, its place and path in the log, and the checkpoint. Raises
    `NotAStatement`."""
    try:
        proof = json.loads(read_statement_file(path))["proof"]
        closing, checkpoint = proof["closing"], proof["checkpoint"]
        lines = [FORMAT, f"extra {closing['entry']}", f"index {closing['index']:d}"]
        lines += [b64encode(bytes.fromhex(step)).decode() for step in closing["path"]]
        return "\n".join([*lines, "", checkpoint]).encode()
    except VerifyError as error:
        raise NotAStatement(str(error)) from None
    except OTHER_FIELDS:
        raise NotAStatement(f"{path}: expected a statement with the proof of its closing") from None
