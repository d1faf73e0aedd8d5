"""The log checked by Go's note and tlog (golang.org/x/mod/sumdb), in one process for all tests of a session.

The program in `go/` is compiled and linked by the Go that `amos_tools.toolchain` fetches, in a third of a second.
Nothing of this shares code with the log that it checks, but for the JSON between the two processes.
"""

import base64
import json
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import witness_process
from audited import audited
from needed import missing

from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_tools import toolchain
from amos_tools.toolchain.programs import GO_ROOT

SOURCE = Path(__file__).parent / "go"
LIBRARY = "golang.org/x/mod/sumdb"


class GoRefuses(AssertionError):
    """Go found something that is not as it must be."""


class GoLog:
    """Asks the program; it is built and started by the first question.

    Where Go is missing, the first question skips the rest of a test, and in CI fails it.
    """

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._process: subprocess.Popen[bytes] | None = None

    def follows(self, before: bytes, folder: Folder, size: int | None = None) -> None:
        """What `folder` publishes, every tile and entry of it, is whole, and grew from the signed head `before`."""
        self._ask("log", folder)
        self._ask("grew", folder, note=before)
        if size is not None:
            assert self.head(folder) == size

    def head(self, folder: Folder) -> int:
        """The size of the published tree."""
        return int(self.opened(folder, (folder.public / "checkpoint").read_bytes())["size"])

    def opened(self, folder: Folder, note: bytes, witnesses: tuple[str, ...] = ()) -> dict[str, Any]:
        """A signed head's facts: origin, size, root, signers, cosigners with their times, names that nobody knows."""
        return self._ask("open", folder, note=note, others=witnesses)

    def proven(self, folder: Folder, proof: bytes, witnesses: tuple[str, ...] = ()) -> dict[str, Any]:
        """A tlog-proof's facts: those of its head, the entry's index and its SHA-256."""
        return self._ask("proof", folder, proof=proof, others=witnesses)

    def receipted(self, folder: Folder, receipt: bytes, segment: bytes) -> dict[str, Any]:
        """The size and the index of a receipt for these bytes, held against what is published."""
        return self._ask("receipt", folder, receipt=receipt, segment=segment, key=folder.public_key)

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)

    def _ask(self, what: str, folder: Folder, others: tuple[str, ...] = (), **content: bytes) -> dict[str, Any]:
        with suppress(LedgerError, OSError, *DATABASE_ERRORS):  # of a ledger that is damaged, what is there
            audited(folder)
        question = {
            "do": what,
            "keys": [witness_process.vkey(folder.trust.origin, 1, folder.public_key)],
            "others": list(others),
            "public": str(folder.public),
            "entries": str(folder.path / folder.trust.audit),
        } | {name: base64.b64encode(data).decode() for name, data in content.items()}
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if "refused" in answer:
            raise GoRefuses(answer["refused"])
        return dict(answer.get("facts") or {})

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            root = toolchain.go() or missing(toolchain.explain("go"))
            program = _built(root, self._workspace)
            self._process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process


def _built(root: Path, workspace: Path) -> Path:
    """The program, made by the compiler and the linker alone, without network and without a module to resolve."""
    packages = next((root / GO_ROOT / "pkg").glob("linux_*"))
    tools = next((root / GO_ROOT / "pkg" / "tool").glob("linux_*"))
    ours = workspace / "packages"
    compile_it = [tools / "compile", "-pack", "-I", packages, "-I", ours]
    for name in (f"{LIBRARY}/note", f"{LIBRARY}/tlog"):
        made = ours / f"{name}.a"
        made.parent.mkdir(parents=True, exist_ok=True)
        sources = sorted((root / "usr/share/gocode/src" / name).glob("*.go"))
        _run(*compile_it, "-p", name, "-o", made, *(path for path in sources if not path.stem.endswith("_test")))
    _run(*compile_it, "-p", "main", "-o", workspace / "main.a", *sorted(SOURCE.glob("*.go")))
    _run(tools / "link", "-L", packages, "-L", ours, "-o", workspace / "check_log", workspace / "main.a")
    return workspace / "check_log"


def _run(*words: Path | str) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
