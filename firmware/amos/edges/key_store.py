"""Keys in files: a host's as it is, a device's bound to the hardware it was made on.

Contract: when a function here returns, the seed survives a power cut. A key that exists is never replaced by another;
a device's plain file gives way to its bound form, which holds the same seed, and a device's key to the next one by a
rotation (key_rotation.py). A device's file is read by its owner only
(`private.py`), also one that was put there otherwise. What the binding protects against, and
what not: the threat model in `amos.crypto`.

A bound file is 89 bytes: `AMK1`, the kind of hardware id (`hardware.py`, 1 byte), the key id (16), a salt (32), the
seed (32) combined by exclusive or with SHA-256(context, kind, hardware id, salt), and the CRC-32 of all that (4 bytes,
little-endian).
"""

import hashlib
import os
from binascii import crc32
from errno import ENOENT

from amos.compat import const
from amos.edges.durable import fsync_file, sync_folder
from amos.edges.hardware import NAMES
from amos.edges.key_files import KeyFault
from amos.edges.private import create_private, keep_private

SEED_BYTES = 32
_SALT_BYTES = const(32)
MAGIC = b"AMK1"
_BOUND_BYTES = const(89)
CONTEXT = b"amos/1/device-key\x00"
UNBOUND = "key: bound to nothing, this machine shows no number of its own; who copies the file has the key"


def load_or_make_seed(path: str) -> bytes:
    """The 32-byte seed in a host's file `path`; made when the file is absent. Raises `KeyFault`, OSError."""
    data = _read(path)
    if data is None:
        data = os.urandom(SEED_BYTES)
        _write(path, data)
    if len(data) != SEED_BYTES:
        raise KeyFault("%s: expected %d bytes, found %d" % (path, SEED_BYTES, len(data)))
    return data


def load_or_make_device_seed(path: str, hardware: list, key_id_of) -> tuple:
    """(the 32-byte seed in a device's file, a sentence on what it is bound to); made when the file is absent.

    `hardware` is `hardware.hardware_ids()`; with none, the file is plain and stays so until there is one.
    `key_id_of(seed)` is the key id of a seed. Raises `KeyFault`, OSError.
    """
    data = _read(path, keep_private)
    if data is None:
        data = _finish(path) or os.urandom(SEED_BYTES)
        if len(data) == SEED_BYTES and not hardware:
            _write(path, data)
    fault = _fault(data)
    if fault:
        raise KeyFault("%s: expected a device's key, found %s; restore it" % (path, fault))
    if len(data) == SEED_BYTES:
        if not hardware:
            return data, UNBOUND
        seed, data = data, _bind(data, hardware[0], key_id_of(data))
        _write(path, data)
        return seed, _sentence(data)
    return _unbind(path, data, hardware, key_id_of), _sentence(data)


def key_id_in(path: str, key_id_of) -> "bytes | None":
    """The key id that a device's bound file names, or `key_id_of` a plain file's seed; None where there is no whole
    key."""
    data = _read(path, keep_private)
    if data is None or _fault(data):
        return None
    return data[5:21] if len(data) == _BOUND_BYTES else key_id_of(data)


def replace_key(path: str, other: str) -> None:
    """Put the whole key of `other` in the place of `path`'s; `other` stays. Raises `KeyFault`, OSError."""
    data = _read(other, keep_private)
    if data is None or _fault(data):
        raise KeyFault("%s: expected a device's key, found none" % other)
    _write(path, data)


def _sentence(data: bytes) -> str:
    return "key: bound to the %s" % NAMES[data[4]]


def _fault(data: bytes):
    """Why these are no key's bytes, or None."""
    if len(data) == SEED_BYTES:
        return None
    if len(data) != _BOUND_BYTES or data[:4] != MAGIC or not 1 <= data[4] < len(NAMES):
        return "%d other bytes" % len(data)
    return None if crc32(data[:-4]).to_bytes(4, "little") == data[-4:] else "damage"


def _pad(kind: int, hardware_id: bytes, salt: bytes) -> bytes:
    return hashlib.sha256(CONTEXT + bytes([kind, len(hardware_id)]) + hardware_id + salt).digest()


def _combined(first: bytes, second: bytes) -> bytes:
    return bytes([a ^ b for a, b in zip(first, second)])


def _bind(seed: bytes, hardware, device_id: bytes) -> bytes:
    kind, hardware_id = hardware
    salt = os.urandom(_SALT_BYTES)
    data = MAGIC + bytes([kind]) + device_id + salt + _combined(seed, _pad(kind, hardware_id, salt))
    return data + crc32(data).to_bytes(4, "little")


def _unbind(path: str, data: bytes, hardware: list, key_id_of) -> bytes:
    kind, device_id, salt, combined = data[4], data[5:21], data[21:53], data[53:85]
    for found, hardware_id in hardware:
        if found == kind:
            seed = _combined(combined, _pad(kind, hardware_id, salt))
            if key_id_of(seed) == device_id:
                return seed
            text = "%s: holds the key of device %s, which is bound to another %s; enrol this one as a device of its own"
            raise KeyFault(text % (path, device_id.hex(), NAMES[kind]))
    text = "%s: holds the key of device %s, which is bound to a %s, and this machine shows none"
    raise KeyFault(text % (path, device_id.hex(), NAMES[kind]))


def _read(path: str, found=None):
    """What is in the file, at most one byte more than a key has; None where there is no file. `found(file)` is told."""
    try:
        with open(path, "rb") as file:
            if found is not None:
                found(file)
            return file.read(_BOUND_BYTES + 1)
    except OSError as error:
        if error.args and error.args[0] == ENOENT:
            return None
        raise


def _finish(path: str):
    """The bound key that a cut left under its staged name: FAT removes the old file before it renames the new one."""
    staged = _read(path + ".new")
    if staged is None or len(staged) != _BOUND_BYTES or _fault(staged):
        return None
    os.rename(path + ".new", path)
    sync_folder(path)
    return staged


def _write(path: str, data: bytes) -> None:
    """Replace the file as a whole: after a failure the old one is there unchanged."""
    staged = path + ".new"
    with create_private(staged) as file:
        file.write(data)
        file.flush()
        fsync_file(file)
    os.rename(staged, path)
    sync_folder(path)
