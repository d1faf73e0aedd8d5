"""Our Ed25519 on MicroPython against RFC 8032's reference style on the same interpreter."""

from amos_tools import toolchain
from amos_tools.bench.board import run_board
from amos_tools.bench.figure import Figure, note_progress

MESSAGE_BYTES = 1024
REPEATS = 5
WANTED = {"sign": ("at least", 10.0)}
_NAMES = {
    "sign": "sign",
    "sign_first": "first sign",
    "verify": "verify",
    "sign_same_sha512": "sign, same SHA-512",
    "verify_same_sha512": "verify, same SHA-512",
}


def figures(scale: float) -> list[Figure]:
    """Ratios, and our times in the notes, on the native build and on 32-bit ARM (emulated where need be)."""
    found = []
    for arch, label in (("native", "MicroPython"), ("armhf", "armhf")):
        argv = toolchain.micropython(arch)
        if argv is None:
            why = toolchain.explain("micropython" if arch == "native" else arch)
            found.append(Figure("device", f"{label}: Ed25519, reference / ours", None, "x", None, why))
            continue
        note_progress(f"{label}, Ed25519")
        repeats = max(1, round((REPEATS if arch == "native" else 1) * scale))
        result = run_board([*argv, "-X", "heapsize=16m"], ["board_crypto.py", str(MESSAGE_BYTES), str(repeats)])
        for key, name in _NAMES.items():
            ours_us = result["least_us"][key.removesuffix("_same_sha512")]
            note = f"ours {ours_us / 1000:,.1f} ms for {MESSAGE_BYTES} bytes"
            title = f"{label}: {name}, reference / ours"
            found.append(Figure("device", title, result["ratio_tenths"][key] / 10, "x", WANTED.get(key), note))
    return found
