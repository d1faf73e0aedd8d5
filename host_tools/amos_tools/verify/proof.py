"""A proof that stands by itself (c2sp.org/tlog-proof): one segment in the log, verified offline with pinned keys.

Nothing of it is believed before it follows: the tree head from the log's signature and the quorum of witnesses, the
leaf from the path. Whose segment it is follows from the log alone (enrolments), which a full `amos verify` reads.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amos.crypto import verify
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.errors import MessageError, ProofError, ProtocolError
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.merkle import leaf_hash, root_from_path
from amos.protocol.policy_host import POLICY_BYTES_MAX, Policy, read_policy
from amos.protocol.segment import Usage
from amos_tools.verify.appointed import keys_after, read_appointed
from amos_tools.verify.errors import Difference, KeyNotGiven, Unreadable
from amos_tools.verify.keys import key_given
from amos_tools.verify.note import Checkpoint, base64_bytes, open_checkpoint
from amos_tools.verify.published import read_file

FORMAT = "c2sp.org/tlog-proof@v1"
PROOF_BYTES_MAX = 2 * SEGMENT_BYTES_MAX + CHECKPOINT_BYTES_MAX + 64 * 48
"""The segment in base64, the checkpoint, and the longest path."""

_PATH_HASHES_MAX = 63


@dataclass(frozen=True)
class Trusted:
    """Whose tree heads count: (origin or None where any is, key) of each log, and the policy for witnesses."""

    logs: tuple[tuple[str | None, bytes], ...]
    policy: Policy | None


@dataclass(frozen=True)
class Proved:
    """This segment is entry `index` of the log's first `size`. `witnesses`: when each cosigned. `key`: the ledger's,
    which signed that."""

    usage: Usage
    sha256: bytes
    origin: str
    index: int
    size: int
    witnesses: dict[str, int]
    key: bytes

    def facts(self) -> dict[str, Any]:
        """As programs read it."""
        return {
            "device_id": self.usage.device_id.hex(),
            "sequence": self.usage.sequence,
            "segment_sha256": self.sha256.hex(),
            "origin": self.origin,
            "index": self.index,
            "size": self.size,
            "ledger_key": self.key.hex(),
            "witnesses": [{"name": name, "unix_s": unix_s} for name, unix_s in self.witnesses.items()],
        }

    def lines(self) -> list[str]:
        """As people read it."""
        named = f"segment {self.usage.sequence} of {self.usage.device_id.hex()}"
        seen = ", ".join(self.witnesses) or "no witness"
        return [
            f"yes: {named} is entry {self.index} of {self.origin}",
            f"  {self.usage.played_frames()} frames in play, SHA-256 {self.sha256.hex()}",
            f"  under its tree head over {self.size} entries, cosigned by {seen}",
            f"  signed by the ledger's key {self.key.hex()}",
        ]


def trusted_by(policy: Path | None, ledger_key: str | None, rotations: Path | None = None) -> Trusted:
    """Of a policy's file, a key typed, or both; and of the keys to which those gave way, as far as the folder
    `rotations` tells. Raises `KeyNotGiven`, `Unreadable`, `Difference`."""
    rule = None
    if policy is not None:
        try:
            rule = read_policy(read_file(policy, POLICY_BYTES_MAX))
        except MessageError as error:
            raise Unreadable(f"{policy}: {error}") from None
    logs: list[tuple[str | None, bytes]] = []
    if ledger_key is not None:
        logs.append((None, key_given("ledger", ledger_key)))
    elif rule is not None:
        logs += [(log.name, log.public_key) for log in rule.logs]
    if not logs:
        raise KeyNotGiven("expected the ledger's public key, by --ledger-key or a log line of --policy; found none")
    if rotations is not None:
        appointed = read_appointed(rotations)
        logs += [later for origin, key in list(logs) for later in keys_after(origin, key, appointed)]
    return Trusted(tuple(logs), rule)


def check_proof(data: bytes, trusted: Trusted) -> Proved:
    """Raises `Unreadable` for a file that is no proof, `Difference` for one that proves nothing."""
    entry, index, path, note = _parts(data)
    head, key = _head(note, trusted)
    cosigners: dict[str, int] = {}
    if trusted.policy is not None:
        cosigners = trusted.policy.cosigners(note, verify)
        if not trusted.policy.satisfied(cosigners):
            found = ", ".join(cosigners) or "none"
            raise Difference("checkpoint, cosignatures", f"the policy's quorum, {trusted.policy.quorum}", found)
    try:
        root = root_from_path(leaf_hash(entry), index, head.size, path)
    except ProofError as error:
        raise Difference("proof.path", f"one for leaf {index} of {head.size}", error) from None
    if root != head.root:
        raise Difference("proof, root of entry and path", head.root, root)
    try:
        usage: Usage = Usage.decode(parse_typed(entry, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    except ProtocolError as error:
        raise Difference("proof.extra", "a usage segment", error) from None
    return Proved(usage, hashlib.sha256(entry).digest(), head.origin, index, head.size, cosigners, key)


def _head(note: bytes, trusted: Trusted) -> tuple[Checkpoint, bytes]:
    first: Difference | None = None
    for origin, key in trusted.logs:
        try:
            return open_checkpoint("checkpoint", note, key, origin), key
        except Difference as error:
            first = first or error
    assert first is not None
    raise first


def _parts(data: bytes) -> tuple[bytes, int, list[bytes], bytes]:
    """(entry, index, path, checkpoint)."""
    head, blank, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        lines = []
    if not blank or len(lines) < 3 or lines[0] != FORMAT:
        raise Unreadable(f"proof: expected {FORMAT}, its lines, an empty line and a checkpoint")
    entry = base64_bytes("proof.extra", _after("extra", lines[1]))
    digits = _after("index", lines[2])
    if not digits.isdigit() or str(int(digits[:20])) != digits:
        raise Unreadable(f"proof.index: expected a decimal number, found {digits[:40]!r}")
    if len(lines) - 3 > _PATH_HASHES_MAX:
        raise Unreadable(f"proof.path: expected at most {_PATH_HASHES_MAX} hashes, found {len(lines) - 3}")
    return entry, int(digits), [base64_bytes("proof.path", line, 32) for line in lines[3:]], note


def _after(word: str, line: str) -> str:
    if not line.startswith(f"{word} "):
        raise Unreadable(f"proof: expected a line that begins with {word}, found {line[:40]!r}")
    return line.removeprefix(f"{word} ")
