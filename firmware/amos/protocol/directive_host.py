"""What hosts do with a directive beside players: sign one, and read one without believing it."""

from collections.abc import Callable

from amos.protocol.cose import TYP_DIRECTIVE, parse_typed, sign
from amos.protocol.directive import Directive
from amos.protocol.limits import DIRECTIVE_BYTES_MAX


def sign_directive(directive: Directive, operator: bytes, sign_message: Callable[[bytes], bytes]) -> bytes:
    """The message's bytes; `operator` is the key id of the operator's key."""
    return sign(directive.encode(), TYP_DIRECTIVE, operator, sign_message)


def read_directive(data: bytes) -> Directive:
    """Decode without verifying: what somebody says that the operator wants. Raises `CoseError`, `CborError`,
    `MessageError`."""
    directive: Directive = Directive.decode(parse_typed(data, TYP_DIRECTIVE, DIRECTIVE_BYTES_MAX).payload)
    return directive
