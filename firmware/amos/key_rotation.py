"""The device's key gives way to a new one, at a start, because an operator asked for it (`amos device rotate-key`).

Imported only where there is a request or what came of one: boards have no room for what they do not use.

Files of the player's directory, and what a power cut after each step leaves; the next start goes on from any of these:

    rotate-key        the request
    1  next.key       is made; the request stands, or `next.key` alone stands for it from here on
    2                 the request is removed; it is carried out once
    3  key-history    has the handover: from here on the new key signs, and nothing was signed since step 1
    4  device.key     the old secret is overwritten, then the file is the new one
    5                 `next.key` is renamed, overwritten under that name and removed

Up to step 3 `device.key` is whole and in force, from there on `next.key` or its copy is. `key-history` decides which
key signs, nothing else does. Where steps 4 and 5 fail, on a full disk for example, the player signs with `next.key`.
"""

from amos import crypto
from amos.edges.key_files import (
    HISTORY,
    KEY,
    NEXT_KEY,
    REQUEST,
    SPENT_KEY,
    KeyFault,
    exists,
    overwrite,
    remove,
    rename,
)
from amos.edges.key_store import key_id_in, load_or_make_device_seed, replace_key
from amos.edges.two_slot_file import TwoSlotFile
from amos.identity import key_id_of
from amos.protocol.errors import ProtocolError
from amos.protocol.handover import VERSION, Handover, KeyHistory, handover_message
from amos.protocol.limits import HANDOVERS_MAX, KEY_HISTORY_BYTES_MAX


def read_history(directory: str) -> "KeyHistory | None":
    """The handovers kept there, None where there is none. Raises `KeyFault` where they are damaged."""
    kept = TwoSlotFile(directory + HISTORY, KEY_HISTORY_BYTES_MAX)
    content = kept.read()
    if content is None:
        # A cut in the very first write leaves that file damaged, and the old key in force.
        if kept.damaged and not exists(directory + NEXT_KEY):
            raise KeyFault("%s: expected the handovers of the device's key, found damage" % (directory + HISTORY))
        return None
    try:
        return KeyHistory.decode(content)
    except ProtocolError as error:
        raise KeyFault("%s: expected the handovers of the device's key: %s" % (directory + HISTORY, error))


def finish(directory: str) -> "tuple[KeyHistory | None, str]":
    """Do steps 4 and 5 of a rotation whose handover is kept; (the history, the file of the key in force). Raises
    `KeyFault`, OSError."""
    history = read_history(directory)
    try:
        _forget(directory)
        if history is not None and _is_under_way(directory, history):
            _put_in_force(directory, history)
    except OSError:
        pass  # tried again at the next start
    return history, directory + (NEXT_KEY if _is_under_way(directory, history) else KEY)


def _is_under_way(directory: str, history: "KeyHistory | None") -> bool:
    """Whether `next.key` is in force, and not in its place yet."""
    return history is not None and key_id_in(directory + NEXT_KEY, key_id_of) == crypto.key_id(history.public_key)


def rotate(directory: str, identity, first_sequence: int, hardware: list) -> str:
    """Carry the request out: from `first_sequence` on another key signs, which `identity` holds when this returns. A
    sentence for the operator.

    Nothing may be sealed before this and after the journal's `last_sequence` was read. Raises `KeyFault` when it is not
    known which key is in force, OSError when the old one still is.
    """
    history = read_history(directory)
    if _is_under_way(directory, history):
        return "key: the last change waits for room on the disk or card, and another one waits for that"
    handovers = list(history.handovers) if history else []
    if len(handovers) >= HANDOVERS_MAX:
        remove(directory + REQUEST)
        return (
            "key: not rotated, it changed %d times already; enrol the board as another device, with a fresh key"
            % HANDOVERS_MAX
        )
    seed, _bound = load_or_make_device_seed(directory + NEXT_KEY, hardware, key_id_of)
    remove(directory + REQUEST)
    public_key = crypto.public_key(seed)
    signature = identity.sign(handover_message(identity.device_id, first_sequence, public_key))
    handovers.append(Handover(first_sequence=first_sequence, public_key=public_key, signature=signature))
    first_key = history.first_key if history else identity.public_key
    history = KeyHistory(version=VERSION, first_key=first_key, handovers=handovers)
    try:
        _keep(directory, history)
    except OSError as error:
        # It may be on the medium or not. Only the next start can tell, so nothing more is signed in this life.
        raise KeyFault("%s: storage failed while the key was handed over (%s); start again" % (directory, error))
    identity.take(seed, history)
    try:
        _put_in_force(directory, history)
    except OSError as error:
        return "key: rotated from segment %d on; its old file stays until the next start (%s)" % (first_sequence, error)
    return "key: rotated; from segment %d on %s signs; enrol the device anew" % (first_sequence, identity.key_id.hex())


def _keep(directory: str, history: KeyHistory) -> None:
    TwoSlotFile(directory + HISTORY, KEY_HISTORY_BYTES_MAX).write(history.encode())


def _put_in_force(directory: str, history: KeyHistory) -> None:
    _keep(directory, history)  # the other slot too: a damaged sector must not take the device's id with it
    overwrite(directory + KEY)
    replace_key(directory + KEY, directory + NEXT_KEY)
    # Under another name first: a secret half overwritten must not be taken for the next key.
    rename(directory + NEXT_KEY, directory + SPENT_KEY)
    _forget(directory)


def _forget(directory: str) -> None:
    overwrite(directory + SPENT_KEY)
    remove(directory + SPENT_KEY)
