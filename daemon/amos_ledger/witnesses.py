"""Cosignatures of witnesses for the published checkpoint (c2sp.org/tlog-witness, `add-checkpoint`).

Contract: each witness of the policy that has a URL is asked, with a proof that the tree grew from the one that it
cosigned last; what it cosigned last is remembered, and learnt from it where that was lost. A checkpoint with enough
cosignatures for the policy's quorum is published as `checkpoint.witnessed`, whole or not at all. Witnesses are away,
slow or wrong at times: each has `ANSWER_S`, and none stops another. Intake never waits for them.
"""

import http.client
import json
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from amos.crypto import verify
from amos.edges.durable_host import write_whole
from amos.protocol.checkpoint_host import Checkpoint, signature_of
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import open_head
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos.protocol.policy_host import POLICY_BYTES_MAX, Policy, Witness, read_policy
from amos_ledger.deadline import within
from amos_ledger.errors import NoProof, PolicyRefused, WitnessFailed
from amos_ledger.folder import Folder
from amos_ledger.log import tree
from amos_ledger.own_json import read_json
from amos_ledger.public import CHECKPOINT, WITNESSED, Public
from amos_ledger.store.store import Store

ANSWER_S = 20
AGAIN_S = 60.0
"""Between two rounds of a ledger that serves."""

_STATE = "witnesses.json"
_CONFLICT = 409


@dataclass(frozen=True)
class Cosigned:
    """The head that was shown, the witnesses that cosigned it, whether they are enough, and why others did not."""

    size: int
    witnesses: tuple[str, ...]
    enough: bool
    failures: tuple[str, ...]


def cosign(folder: Folder, store: Store, policy: Policy) -> Cosigned:
    """Ask every witness about the published checkpoint. Raises `NoProof` where none is published, `OSError`."""
    try:
        note = (folder.public / CHECKPOINT).read_bytes()
        head = open_head(note, folder.line, verify)[0]
    except FileNotFoundError:
        raise NoProof(f"{folder.public}: expected a checkpoint, found none; publish the log first") from None
    except ProtocolError as error:
        raise NoProof(f"{folder.public / CHECKPOINT}: {error}") from None
    known = _known(folder.path / _STATE)
    failures = []
    for witness in policy.witnesses.values():
        if witness.url is None:
            continue
        try:
            note += _ask(store, head, note, witness, known.get(witness.key.text(), 0))
            known[witness.key.text()] = head.size
        except WitnessFailed as error:
            failures.append(f"{witness.name}: {error}")
    cosigners = policy.cosigners(note, verify)
    enough = policy.satisfied(cosigners)
    write_whole(folder.path / _STATE, json.dumps(known, indent=1).encode() + b"\n", 0o600)
    if enough and cosigners:
        Public(folder).write(WITNESSED, note)
    return Cosigned(head.size, tuple(cosigners), enough, tuple(failures))


class Cosigning(threading.Thread):
    """Asks the witnesses while the ledger serves: whenever another checkpoint is published, at most once a minute."""

    def __init__(self, folder: Folder, policy: Policy, report: Callable[[str], None], stop: threading.Event) -> None:
        super().__init__(name="witnesses", daemon=True)
        self._folder = folder
        self._policy = policy
        self._report = report
        self._stop_event = stop
        self._size = -1
        self._said = ""

    def run(self) -> None:
        """Until told to stop; whatever goes wrong is said once, and tried again."""
        while not self._stop_event.wait(0 if self._size < 0 else AGAIN_S):
            self._size = max(self._size, 0)
            try:
                with self._folder.open_store() as store:
                    found = cosign(self._folder, store, self._policy)
            except Exception as error:  # a thread that ends would end it for good
                self._say(f"witnesses: {error}")
                continue
            if not found.enough:
                self._say(f"witnesses: {len(found.witnesses)} cosigned; {'; '.join(found.failures) or 'too few'}")
            elif found.size != self._size:
                self._say("witnesses: enough cosign")
            self._size = found.size

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._report(sentence)


def _known(path: Path) -> dict[str, int]:
    """Key of a witness → size of the tree that it cosigned last; a file that is lost or spoilt costs a question."""
    try:
        found = read_json(path)
        return {str(key): int(size) for key, size in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _ask(store: Store, head: Checkpoint, note: bytes, witness: Witness, old: int) -> bytes:
    """The witness's signature line, verified. Raises `WitnessFailed`."""
    for attempt in range(2):
        if old > head.size:
            raise WitnessFailed(
                f"has cosigned {old} entries of this log, which shows {head.size}; if the ledger's folder was put back"
                " from a copy, `amos ledger recover`"
            )
        status, answer = _post(witness, _request(store, head, note, old))
        if status != _CONFLICT or attempt:
            break
        old = _size(answer)
    if status != 200:
        raise WitnessFailed(f"{witness.url}: answers {status} {answer[:80].decode(errors='replace').strip()}".strip())
    text = note[: note.rindex(b"\n\n") + 1]
    for line in answer.decode(errors="replace").split("\n"):
        try:
            name, key_id, _signature = signature_of(line)
        except ProtocolError:
            continue
        one = text + f"\n{line}\n".encode()
        if (name, key_id) == (witness.key.name, witness.key.key_id) and _is_by(witness, one):
            return f"{line}\n".encode()
    raise WitnessFailed(f"{witness.url}: expected a cosignature by {witness.key.name}, found none that verifies")


def _is_by(witness: Witness, note: bytes) -> bool:
    alone = Policy(witnesses={witness.name: witness}, quorum=witness.name)
    return alone.satisfied(alone.cosigners(note, verify))


def _request(store: Store, head: Checkpoint, note: bytes, old: int) -> bytes:
    proof = tree.consistency_proof(old, head.size, store.log.cached()) if 0 < old < head.size else []
    lines = [f"old {old}", *(b64encode(sibling).decode() for sibling in proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + _own(note)


def _own(note: bytes) -> bytes:
    """The checkpoint with the log's signatures alone, by each of its keys: a witness need not see the others'."""
    text, _blank, lines = note.rpartition(b"\n\n")
    origin = text.split(b"\n", 1)[0]
    own = [line for line in lines.split(b"\n") if line.split(b" ")[1:2] == [origin]]
    return text + b"\n\n" + b"".join(line + b"\n" for line in own)


def _post(witness: Witness, body: bytes) -> tuple[int, bytes]:
    """(status, body) within `ANSWER_S`, whoever sends a byte now and then."""
    try:
        return within(ANSWER_S, partial(_posted, witness, body))
    except TimeoutError:
        raise WitnessFailed(f"{witness.url}: expected a whole answer within {ANSWER_S} s, found none") from None


def _posted(witness: Witness, body: bytes) -> tuple[int, bytes]:
    try:
        request = urllib.request.Request(f"{str(witness.url).rstrip('/')}/add-checkpoint", data=body, method="POST")
        try:
            answer = urllib.request.urlopen(request, timeout=ANSWER_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return int(answer.status), bytes(answer.read(CHECKPOINT_BYTES_MAX))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WitnessFailed(f"{witness.url}: {error}") from None


def _size(answer: bytes) -> int:
    text = answer.decode(errors="replace").removesuffix("\n")
    if not (text.isascii() and text.isdigit()) or str(int(text[:20])) != text:
        raise WitnessFailed(f"expected the size that it cosigned last, found {text[:40]!r}")
    return int(text)


def read_policy_file(path: Path) -> Policy:
    """The policy of a file. Raises `PolicyRefused`."""
    try:
        with path.open("rb") as file:
            return read_policy(file.read(POLICY_BYTES_MAX + 1))
    except (OSError, ProtocolError) as error:
        raise PolicyRefused(f"{path}: {error}") from None
