"""Which logs and how many witnesses make a checkpoint believable (c2sp.org/tlog-policy). Pure.

log <key> [<url>]
witness <name> <key> [<url>]
group <name> all|any|<k> <name>...
quorum <name>|none
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from amos.protocol.checkpoint_host import signature_of, split_note
from amos.protocol.cosignature_host import (
    TYPE_COSIGNATURE,
    TYPE_ED25519,
    VerifierKey,
    cosigned_at,
    read_verifier_key,
)
from amos.protocol.errors import MessageError

POLICY_BYTES_MAX = 64 * 1024
_NONE = "none"


@dataclass(frozen=True)
class Witness:
    """A witness by its name in the policy; `url` is its submission prefix, None where it is not named."""

    name: str
    key: VerifierKey
    url: str | None


@dataclass
class Policy:
    """A policy file taken apart. `groups`: name → (how many of them, members)."""

    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    quorum: str | None = None

    def satisfied(self, cosigned: Collection[str]) -> bool:
        """Whether these witnesses, by their names in the policy, make its quorum."""
        return self.quorum == _NONE or self._witnessed(self.quorum or "", cosigned)

    def cosigners(self, note: bytes, verify: Callable[[bytes, bytes, bytes], bool]) -> dict[str, int]:
        """Witness → when it cosigned the checkpoint, in Unix seconds. Lines of others are passed over."""
        text, lines = split_note(note)
        found = {}
        for name, key_id, signature in map(signature_of, lines):
            for witness in self.witnesses.values():
                if (witness.key.name, witness.key.key_id) == (name, key_id):
                    unix_s = cosigned_at(witness.key, text, signature, verify)
                    if unix_s is not None:
                        found[witness.name] = unix_s
        return found

    def _witnessed(self, name: str, cosigned: Collection[str]) -> bool:
        if name in self.witnesses:
            return name in cosigned
        count, members = self.groups[name]
        return sum(self._witnessed(member, cosigned) for member in members) >= count


def read_policy(data: bytes) -> Policy:
    """Raises `MessageError`, which names the line."""
    if len(data) > POLICY_BYTES_MAX:
        raise MessageError(f"policy: expected at most {POLICY_BYTES_MAX} bytes, found more")
    if any((byte < 32 and byte not in b"\t\n") or byte == 127 for byte in data):
        raise MessageError("policy: expected no control characters but tabs and line feeds")
    policy = Policy()
    members: set[str] = set()
    for number, line in enumerate(data.decode(errors="surrogateescape").split("\n"), 1):
        words = line.replace("\t", " ").strip(" ").split(" ")
        words = [word for word in words if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            _take(policy, members, words)
        except MessageError as error:
            raise MessageError(f"policy: line {number}: {error}") from None
    if policy.quorum is None:
        raise MessageError("policy: expected a quorum line, found none")
    return policy


def _take(policy: Policy, members: set[str], words: list[str]) -> None:
    kind, count = words[0], len(words)
    if kind == "log" and count in (2, 3):
        _take_log(policy, words[1])
    elif kind == "witness" and count in (3, 4):
        _take_witness(policy, words[1], words[2], words[3] if count == 4 else None)
    elif kind == "group" and count >= 4:
        _take_group(policy, members, words[1], words[2], tuple(words[3:]))
    elif kind == "quorum" and count == 2:
        if policy.quorum is not None:
            raise MessageError("expected one quorum line, found another")
        if words[1] != _NONE:
            _check_defined(policy, words[1])
        policy.quorum = words[1]
    else:
        raise MessageError(f"expected a log, witness, group or quorum line, found {' '.join(words)[:60]!r}")


def _take_log(policy: Policy, text: str) -> None:
    key = read_verifier_key(text)
    if key.type != TYPE_ED25519:
        raise MessageError(f"expected the key of a log (type 1), found type {key.type}")
    if any(known.public_key == key.public_key for known in policy.logs):
        raise MessageError("expected each log once, found its key again")
    policy.logs.append(key)


def _take_witness(policy: Policy, name: str, text: str, url: str | None) -> None:
    _check_free(policy, name)
    key = read_verifier_key(text)
    if key.type != TYPE_COSIGNATURE:
        raise MessageError(f"expected the key of a witness (type 4), found type {key.type}")
    if any(known.key.public_key == key.public_key for known in policy.witnesses.values()):
        raise MessageError("expected each witness once, found its key again")
    policy.witnesses[name] = Witness(name, key, url)


def _take_group(policy: Policy, members: set[str], name: str, threshold: str, names: tuple[str, ...]) -> None:
    _check_free(policy, name)
    for member in names:
        _check_defined(policy, member)
        if member in members:
            raise MessageError(f"expected {member[:60]!r} in one group once, found it again")
        members.add(member)
    counts = {"all": len(names), "any": 1}
    count = counts.get(threshold)
    if count is None:
        count = int(threshold) if threshold.isascii() and threshold.isdigit() and len(threshold) < 6 else 0
    if not 1 <= count <= len(names):
        raise MessageError(f"expected all, any or 1 to {len(names)}, found {threshold[:20]!r}")
    policy.groups[name] = count, names


def _check_free(policy: Policy, name: str) -> None:
    if name == _NONE or name in policy.witnesses or name in policy.groups:
        raise MessageError(f"expected a name that is free, found {name[:60]!r}")


def _check_defined(policy: Policy, name: str) -> None:
    if name not in policy.witnesses and name not in policy.groups:
        raise MessageError(f"expected a witness or group of a line before, found {name[:60]!r}")
