"""The Broadcast Audio Extension chunk (EBU Tech 3285, version 1). Pure."""

import struct
import time

from amos_tools.render.marks import MARK
from amos_tools.render.provenance import Provenance

_FIXED = struct.Struct("<256s32s32s10s8sIIH64s190x")
_VERSION = 1


def bext(facts: Provenance, created_unix_s: int) -> bytes:
    """The chunk's content. Its length depends on the sample rate's digits alone, so it can be written again in place.

    The description begins with the mark; the originator's reference is the start of the PCM's hash.
    """
    description = f"{MARK}: {_ascii(facts.name)[:64]}, pack {facts.pack_id.hex()[:32]}, seed {facts.plan.seed.hex()}"
    created = time.gmtime(created_unix_s)
    history = f"A=PCM,F={facts.rate_hz},W=16,M=stereo,T=amos\r\n"
    return _FIXED.pack(
        description.encode("ascii"),
        b"amos",
        facts.pcm_sha256.hex()[:32].encode("ascii"),
        time.strftime("%Y-%m-%d", created).encode("ascii"),
        time.strftime("%H:%M:%S", created).encode("ascii"),
        0,
        0,
        _VERSION,
        bytes(64),
    ) + history.encode("ascii")


def _ascii(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)
