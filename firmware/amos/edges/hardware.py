"""What tells this machine from others of its kind: numbers that its maker or its first start gave it.

They are not secret: a Pi shows its serial number to every program, a board shows its own over USB. A key that is bound
to them works on one machine only, but it is not hidden from someone who has that machine (see the
threat model in `amos.crypto`).
"""

from amos.compat import const

SOC = 1
MACHINE = 2
BOARD = 3
NAMES = ("", "SoC serial number", "machine id", "board's unique id")

_ID_BYTES_MAX = const(64)

# systemd's ProcSubset=pid hides /proc/device-tree from the player, and leaves /sys.
SOC_FILES = ("/sys/firmware/devicetree/base/serial-number", "/proc/device-tree/serial-number")
MACHINE_FILES = ("/etc/machine-id",)
TRANSIENT_FILE = "/run/machine-id"
"""Where systemd keeps a machine id that is another one after the next start, for want of a place to store it."""


def hardware_ids() -> list:
    """(kind, bytes) of every number found here, the best first; empty where there is none."""
    found = []
    try:
        # Boards; neither CPython nor the unix port has it.
        from machine import unique_id  # pyright: ignore[reportAttributeAccessIssue]

        found.append((BOARD, bytes(unique_id())))
    except ImportError:
        pass
    for kind, paths in ((SOC, SOC_FILES), (MACHINE, MACHINE_FILES)):
        texts = [text for text in [_read(path) for path in paths] if text]
        if texts and not (kind == MACHINE and _read(TRANSIENT_FILE)):
            found.append((kind, texts[0]))
    return found


def _read(path: str) -> bytes:
    """The file's text, or nothing where it is absent or says nothing: zeros, or systemd's `uninitialized`."""
    try:
        with open(path, "rb") as file:
            text = file.read(_ID_BYTES_MAX).rstrip(b"\x00").strip()
    except OSError:
        return b""
    return b"" if text == b"uninitialized" or not text.strip(b"0") else text
