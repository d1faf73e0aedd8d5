"""The device's key as its directory has it: made at the first start, and what came of a rotation is finished."""

from amos import crypto
from amos.edges.key_files import HISTORY, KEY, KeyFault, exists
from amos.edges.key_store import load_or_make_device_seed
from amos.identity import key_id_of


def load_key(directory: str, hardware: list) -> tuple:
    """(seed of the key in force, KeyHistory of its handovers or None, a sentence on what the key is bound to); the key
    is made when the directory has none. Raises `KeyFault`, OSError."""
    history, path = None, directory + KEY
    if exists(directory + HISTORY + ".1") or exists(directory + HISTORY + ".0"):
        from amos.key_rotation import finish

        history, path = finish(directory)
    seed, bound = load_or_make_device_seed(path, hardware, key_id_of)
    if history is not None and crypto.public_key(seed) != history.public_key:
        told = (directory + KEY, crypto.key_id(history.public_key).hex(), key_id_of(seed).hex())
        raise KeyFault("%s: expected the key %s, to which the one before gave way, found %s; restore it" % told)
    return seed, history, bound
