"""What a broker carries of a pairing code: nothing that it can read, or use for another player or site."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "portable"))

from amos import crypto
from amos.protocol.errors import MessageError, SignatureError
from amos.protocol.pairing_host import Pairing, check_proof, decode_paired, nonce_of, open_pairing
from amos_sync.sealed_code import is_code, seal, unseal
from protocol_examples import NONCE, PAIRING_CODE, Examples, Party

EXAMPLES = Examples()
OPERATOR, OTHER = Party(2), Party(9)


def test_the_operator_alone_opens_it() -> None:
    assert unseal(EXAMPLES.records["pairing"].sealed, OPERATOR.seed) == (PAIRING_CODE, NONCE)
    sealed = seal("000042", NONCE, OPERATOR.public_key)
    assert unseal(sealed, OPERATOR.seed) == ("000042", NONCE) and sealed != seal("000042", NONCE, OPERATOR.public_key)
    assert b"000042" not in sealed
    with pytest.raises(MessageError, match="expected what was sealed for this operator's key"):
        unseal(sealed, OTHER.seed)
    with pytest.raises(MessageError, match="expected 6 digits and a salt"):
        unseal(seal("٣00042"[:6], NONCE, OPERATOR.public_key), OPERATOR.seed)
    with pytest.raises(ValueError, match="expected a point of Ed25519"):
        seal("000042", NONCE, b"\x02" + bytes(31))


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "٣٤٥٦٧٨", "-12345", "1 3456"])
def test_six_digits_are_a_code_and_nothing_else_is(text: str) -> None:
    assert is_code("004821") and not is_code(text)


def test_a_proof_is_of_one_site_one_code_and_one_player() -> None:
    request: Pairing = EXAMPLES.records["pairing"]
    device, site = EXAMPLES.device.id, "harbour-cafe"
    assert open_pairing(request.encode(), site, device).encode() == request.encode()
    check_proof(request, nonce_of(PAIRING_CODE, NONCE, site), crypto.verify)
    with pytest.raises(SignatureError, match=r"pairing\.site: expected station-bar, as its topic says"):
        open_pairing(request.encode(), "station-bar", device)
    with pytest.raises(SignatureError, match=r"pairing\.public_key: expected that of 0000"):
        open_pairing(request.encode(), site, bytes(16))
    with pytest.raises(MessageError, match="at most 512 bytes, found 513"):
        open_pairing(bytes(513), site, device)
    with pytest.raises(MessageError, match="at most 512 bytes, found 513"):
        decode_paired(bytes(513))
    for code, salt, of in (("004822", NONCE, site), (PAIRING_CODE, bytes(16), site), (PAIRING_CODE, NONCE, "bar")):
        with pytest.raises(SignatureError, match="expected the player's signature for this site and code"):
            check_proof(request, nonce_of(code, salt, of), crypto.verify)
    enrolled = EXAMPLES.records["enrolment"]
    request.possession = enrolled.possession  # which anybody reads in the log
    with pytest.raises(SignatureError):
        check_proof(request, nonce_of(PAIRING_CODE, NONCE, site), crypto.verify)
