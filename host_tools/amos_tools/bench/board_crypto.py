"""Times our Ed25519 against RFC 8032's reference style, in one run of whichever interpreter runs it; prints JSON.

    micropython board_crypto.py [MESSAGE_BYTES [REPEATS]]      with `amos` and `amos_tools` on its path

Both do the same work in turn, REPEATS times, and the least time of each counts, so that a busy machine harms both
alike. The reference hashes in plain Python, MicroPython having nothing else; `..._same_sha512` lends it our SHA-512, so
that the difference is the curve alone. `sign_first` computes the public key too, as the reference always does; `sign`
remembers it.
"""

# MicroPython runs this too, so it is typed no further than that allows.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, allow-any-generics
# mypy: disable-error-code="attr-defined,no-any-return,var-annotated"

import gc
import json
import struct
import sys
import time
from array import array

from amos.crypto import ed25519, sha512_plain
from amos.crypto.sha512_constants import INITIAL_STATE
from amos.crypto.sha512_portable import sha512
from amos_tools.bench import ed25519_reference as reference

SEED = bytes(range(32))


def plain_sha512(message):
    """SHA-512 without viper, on every runtime."""
    work = array("I", struct.unpack(">16I", INITIAL_STATE))
    padded = message + b"\x80" + bytes((111 - len(message)) % 128) + (8 * len(message)).to_bytes(16, "big")
    sha512_plain.compress(work, padded, 0, len(padded) // 128)
    return struct.pack(">16I", *work)


def _ticks_us():
    try:
        return time.ticks_us()
    except AttributeError:  # CPython
        return time.perf_counter_ns() // 1000


def _sign_first(message):
    ed25519._expanded = None
    return ed25519.sign(SEED, message)


def measure(message_bytes, repeats):
    """Least times in µs, and reference ÷ ours as tenths (no floats, for MicroPython's sake)."""
    message = bytes(message_bytes)
    public = ed25519.public_key(SEED)
    signature = ed25519.sign(SEED, message)
    assert signature == reference.sign(SEED, message, sha512)
    tasks = {
        "sign": lambda: ed25519.sign(SEED, message),
        "sign_first": lambda: _sign_first(message),
        "verify": lambda: ed25519.verify(public, message, signature),
        "reference_sign": lambda: reference.sign(SEED, message, plain_sha512),
        "reference_sign_same_sha512": lambda: reference.sign(SEED, message, sha512),
        "reference_verify": lambda: reference.verify(public, message, signature, plain_sha512),
        "reference_verify_same_sha512": lambda: reference.verify(public, message, signature, sha512),
    }
    least_us = {}
    for _ in range(repeats):
        for name, task in tasks.items():
            gc.collect()
            start = _ticks_us()
            task()
            elapsed = _ticks_us() - start
            least_us[name] = min(elapsed, least_us.get(name, elapsed))
    ratios = {}
    for ours, theirs in (("sign", "sign"), ("sign_first", "sign"), ("verify", "verify")):
        for suffix in ("", "_same_sha512"):
            ratios[ours + suffix] = 10 * least_us["reference_" + theirs + suffix] // least_us[ours]
    return {"message_bytes": message_bytes, "repeats": repeats, "least_us": least_us, "ratio_tenths": ratios}


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]] + [1024, 10][len(sys.argv) - 1 :]
    print(json.dumps(measure(arguments[0], arguments[1])))
