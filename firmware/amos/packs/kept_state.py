"""What a player's store knows for good: two files of fixed size, written alternately, so that one is always whole.

Each: magic `AMPK`, version u8, tries u8, generation u32, highest serial u64, active and pending pack id (32 bytes,
zeros for none), CRC-32 of all before it; integers big-endian. The valid one of the higher generation holds.
"""

import binascii

MAGIC = b"AMPK"
VERSION = 1
STATE_BYTES = 86
NAMES = ("record.0", "record.1")
NONE = bytes(32)


class KeptState:
    """active, pending: pack ids or `NONE`. serial: the highest ever active. tries: starts of the pending one so far."""

    def __init__(self, generation: int = 0, serial: int = 0, active=NONE, pending=NONE, tries: int = 0):
        self.generation = generation
        self.serial = serial
        self.active = active
        self.pending = pending
        self.tries = tries

    def encode(self) -> bytes:
        """The file's bytes."""
        numbers = bytes((VERSION, self.tries)) + self.generation.to_bytes(4, "big") + self.serial.to_bytes(8, "big")
        content = MAGIC + numbers + self.active + self.pending
        return content + (binascii.crc32(content) & 0xFFFFFFFF).to_bytes(4, "big")

    def store(self, folder) -> None:
        """Write it in place of the older one; it holds when this returns. After an OSError, this or the last does."""
        folder.write_in_place(NAMES[self.generation & 1], self.encode())


def _decoded(data: bytes) -> "KeptState | None":
    content, trailer = data[:-4], data[-4:]
    if len(data) != STATE_BYTES or content[:5] != MAGIC + bytes((VERSION,)):
        return None
    if binascii.crc32(content) & 0xFFFFFFFF != int.from_bytes(trailer, "big"):
        return None
    generation, serial = int.from_bytes(content[6:10], "big"), int.from_bytes(content[10:18], "big")
    return KeptState(generation, serial, content[18:50], content[50:82], content[5])


def load_kept_state(folder) -> KeptState:
    """The state that holds; an empty one when there is none. Raises OSError."""
    found = [_decoded(folder.read(name, STATE_BYTES)) for name in NAMES]
    valid = [state for state in found if state is not None]
    return max(valid, key=_generation) if valid else KeptState()


def _generation(state: KeptState) -> int:
    return state.generation
