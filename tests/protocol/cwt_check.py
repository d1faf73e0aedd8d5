"""Verifies messages with `cwt`; runs in an interpreter that has cwt and nothing of ours.

stdin: a JSON list of [public key, kid, message, detached payload or ""], in hex. stdout: a JSON list of the payloads in
hex, null where the message does not verify.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from cwt import COSE, COSEKey
from cwt.exceptions import VerifyError

OKP, ALG_ED25519, CRV_ED25519 = 1, -19, 6


def verified(public_key: str, kid: str, message: str, detached: str) -> "str | None":
    parameters = {1: OKP, 2: bytes.fromhex(kid), 3: ALG_ED25519, -1: CRV_ED25519, -2: bytes.fromhex(public_key)}
    try:
        payload = COSE.new().decode(
            bytes.fromhex(message), COSEKey.new(parameters), detached_payload=bytes.fromhex(detached) or None
        )
    except VerifyError:
        return None
    return payload.hex()


print(json.dumps([verified(*case) for case in json.load(sys.stdin)]))
