"""Public verification cases, read from a folder of vectors; `FILE FOLDER STRIDE` prints what our own code gets
wrong of every STRIDEth case.

Runs on CPython and MicroPython, so that the cases also go through the code that the boards run.
"""

import json
import sys
from binascii import unhexlify

# Of the 12 cases of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020, table 6c) a strict verifier without
# the cofactor accepts one: key and R of mixed order, everything canonical.
SPECCHECK_ACCEPTED = (3,)


def wycheproof(folder):
    """(name, public key, message, signature, whether it is valid) of each Ed25519 case of Wycheproof."""
    with open(folder + "/ed25519_test.json") as file:
        groups = json.load(file)["testGroups"]
    return [
        (
            "wycheproof " + str(case["tcId"]) + ": " + case["comment"],
            unhexlify(group["publicKey"]["pk"]),
            unhexlify(case["msg"]),
            unhexlify(case["sig"]),
            case["result"] == "valid",
        )
        for group in groups
        for case in group["tests"]
    ]


def speccheck(folder):
    """The same of each case of ed25519-speccheck."""
    with open(folder + "/ed25519_speccheck_cases.json") as file:
        cases = json.load(file)
    return [
        (
            "speccheck " + str(number),
            unhexlify(case["pub_key"]),
            unhexlify(case["message"]),
            unhexlify(case["signature"]),
            number in SPECCHECK_ACCEPTED,
        )
        for number, case in enumerate(cases)
    ]


def wrong_answers(cases, verify):
    """The names of the cases on which `verify` differs."""
    return [
        name for name, public, message, signature, valid in cases if verify(public, message, signature) is not valid
    ]


if __name__ == "__main__":
    from amos.crypto import ed25519

    cases = (wycheproof(sys.argv[1]) + speccheck(sys.argv[1]))[:: int(sys.argv[2])]
    print(len(cases), "cases, wrong:", wrong_answers(cases, ed25519.verify))
