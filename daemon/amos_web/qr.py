"""Addresses as QR codes (ISO/IEC 18004), for a page and for a terminal, by the package segno."""

import segno

QUIET = 4
"""Light modules around a code, as the standard wants them."""

_ON_WHITE = "\033[30;107m"
_RESET = "\033[0m"


def qr_svg(address: str) -> str:
    """A picture of no size of its own: dark on light in any scheme, since some cameras read no other."""
    return str(
        _code(address).svg_inline(border=QUIET, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None)
    )


def qr_lines(address: str) -> list[str]:
    """For a terminal of whatever colours: two modules in the height of a letter."""
    rows = [list(row) for row in _code(address).matrix_iter(border=QUIET)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    halves = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [_ON_WHITE + "".join(halves[pair] for pair in zip(*two, strict=True)) + _RESET for two in pairs]


def _code(address: str) -> "segno.QRCode":
    return segno.make_qr(address, error="m")
