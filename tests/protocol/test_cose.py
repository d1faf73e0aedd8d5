"""Our COSE_Sign1 against public vectors and two independent COSE libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pycose.algorithms import EdDSA
from pycose.headers import KID, Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

from amos import crypto
from amos.protocol.cbor import Tag, dumps, loads
from amos.protocol.cose import TAG_SIGN1, open_typed, parse, sign, signature_input
from amos.protocol.errors import CoseError, ProtocolError, SignatureError
from amos_tools.toolchain import cache
from amos_tools.toolchain.errors import ToolMissing
from protocol_examples import Examples, Party

ROOT = Path(__file__).parents[2]
VECTOR = ROOT.parent / "shared" / "vectors" / "cose_eddsa_sig_01.json"  # beside the project; not part of it
CWT = "cwt==3.3.0"
ALG_EDDSA = -8
EXAMPLES = Examples()
DEVICE = EXAMPLES.device


@pytest.mark.skipif(not VECTOR.is_file(), reason="no public vectors beside the project")
def test_public_vector_of_the_cose_working_group() -> None:
    vector = json.loads(VECTOR.read_text())
    protected, _unprotected, payload, signature = loads(bytes.fromhex(vector["output"]["cbor"])).value
    message = signature_input(protected, payload)
    assert message == bytes.fromhex(vector["intermediates"]["ToBeSign_hex"])
    key = vector["input"]["sign0"]["key"]
    assert crypto.sign(bytes.fromhex(key["d_hex"]), message) == signature
    with pytest.raises(CoseError, match="alg: expected -19"):
        parse(bytes.fromhex(vector["output"]["cbor"]), 1000)  # EdDSA, -8, is not what we pin


def pycose_key(party: Party) -> OKPKey:
    return OKPKey(crv=Ed25519, d=party.seed, x=party.public_key)


def test_pycose_verifies_our_structure_under_the_algorithm_it_knows() -> None:
    # pycose has no -19, so the same message is built with -8; only the algorithm's number differs.
    message = parse(EXAMPLES.messages["usage"], 1000)
    protected = dumps({1: ALG_EDDSA, 4: DEVICE.id})
    signature = DEVICE.sign(signature_input(protected, message.payload))
    # Not `decode`: with cbor2 6, which has tuples inside tags, pycose takes no message at all.
    theirs = Sign1Message.from_cose_obj([protected, {}, message.payload, signature], True)
    theirs.key = pycose_key(DEVICE)
    assert theirs.verify_signature()
    theirs.payload = message.payload[:-1]
    assert not theirs.verify_signature()


def test_our_signature_input_is_what_pycose_signs() -> None:
    theirs = Sign1Message(phdr={Algorithm: EdDSA, KID: DEVICE.id}, payload=b"payload")
    theirs.key = pycose_key(DEVICE)
    protected, unprotected, payload, signature = loads(theirs.encode()).value
    assert unprotected == {}
    assert crypto.verify(DEVICE.public_key, signature_input(protected, payload), signature)
    assert DEVICE.sign(signature_input(protected, payload)) == signature


def test_another_type_key_or_size_is_refused() -> None:
    message = sign(b"payload", "amos-usage+cose", DEVICE.id, DEVICE.sign)
    assert open_typed(message, "amos-usage+cose", len(message), DEVICE.public_key, crypto.verify) == b"payload"
    with pytest.raises(CoseError, match="typ: expected amos-manifest"):
        open_typed(message, "amos-manifest+cose", 1000, DEVICE.public_key, crypto.verify)
    with pytest.raises(SignatureError, match=DEVICE.id.hex()):
        open_typed(message, "amos-usage+cose", 1000, EXAMPLES.ledger.public_key, crypto.verify)
    with pytest.raises(CoseError, match=f"at most {len(message) - 1} bytes"):
        open_typed(message, "amos-usage+cose", len(message) - 1, DEVICE.public_key, crypto.verify)


def test_signature_is_looked_at_only_when_the_rest_is_right() -> None:
    def never(*_arguments: bytes) -> bool:
        raise AssertionError("verified")

    for alg in (ALG_EDDSA, -7, -65535):
        protected = dumps({1: alg, 4: DEVICE.id, 16: "amos-usage+cose"})
        message = dumps(Tag(TAG_SIGN1, [protected, {}, b"", bytes(64)]))
        with pytest.raises(ProtocolError):
            open_typed(message, "amos-usage+cose", 1000, DEVICE.public_key, never)


@pytest.fixture(scope="session")
def cwt() -> list[str]:
    """The start of a command line that verifies with cwt; it wants an older cbor2, and so has its own folder."""
    name = CWT.replace("==", "-") + f"-py{sys.version_info.major}.{sys.version_info.minor}"
    try:
        with cache.locked(cache.folder()):
            place = cache.folder() / name
            if not place.is_dir():
                with cache.staged(cache.folder(), name) as staged:
                    command = [
                        sys.executable,
                        "-m",
                        "pip",
                        "install",
                        "-qq",
                        "--no-input",
                        "--target",
                        str(staged),
                        CWT,
                    ]
                    subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (OSError, ToolMissing, subprocess.SubprocessError) as error:
        sentence = f"{CWT} cannot be installed: {getattr(error, 'stderr', None) or error}"
        if os.environ.get("CI", "").lower() in ("", "0", "false"):
            pytest.skip(sentence)
        pytest.fail(sentence, pytrace=False)
    # Isolated and without site-packages, so that it cannot meet our cbor2.
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("cwt_check.py")), str(place)]


def test_cwt_verifies_our_messages_and_refuses_changed_ones(cwt: list[str]) -> None:
    messages = EXAMPLES.messages
    cases = [
        (party, messages[name], detached)
        for name, party, detached in (
            ("usage", DEVICE, b""),
            ("manifest", EXAMPLES.publisher, b""),
            ("catalogue", EXAMPLES.publisher, b""),
            ("enrolment", EXAMPLES.operator, b""),
            ("opt-outs", EXAMPLES.publisher, b""),
            ("delegation", EXAMPLES.publisher, b""),
            ("delegated-opt-outs", EXAMPLES.desk, b""),
            ("anchor", EXAMPLES.ledger, b""),
            ("closing", EXAMPLES.ledger, b""),
            ("receipt", EXAMPLES.ledger, EXAMPLES.root),
        )
    ]
    expected = [detached or parse(message, 1000).payload for _party, message, detached in cases]
    usage = bytearray(messages["usage"])
    usage[200] ^= 1
    cases += [(DEVICE, bytes(usage), b""), (EXAMPLES.ledger, messages["receipt"], bytes(32))]
    expected += [None, None]
    lines = [
        [party.public_key.hex(), party.id.hex(), message.hex(), detached.hex()] for party, message, detached in cases
    ]
    done = subprocess.run(cwt, input=json.dumps(lines), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [payload and payload.hex() for payload in expected]
