"""The real player with short segments, on every runtime; it notes what it seals, trims and is handed as a receipt.

python noted_player.py NOTES CLOCK_OFFSET_S DIRECTORY [name=value ...]

A line of NOTES is a word, a sequence number and bytes in hexadecimal digits. When there is a file `enough` in the
directory, the player ends its play, hands over all it has, and leaves.
"""

import os
import sys
import time
from binascii import hexlify

from amos.app import Player
from amos.config import load
from amos.device import Device
from amos.journal.journal import Journal
from amos.protocol.cbor import Pieces
from amos.protocol.segment import SEAL_INTERVAL
from amos.session.usage_log import UsageLog

SEGMENTS_A_SECOND = 10


def note_all(path: str) -> None:
    """Have the player write down what it does."""
    file = open(path, "ab")  # noqa: SIM115 (for as long as the player lives)
    seal, trim, begin_boot, take_receipt = Journal.seal, Journal.trim, Journal.begin_boot, Device.take_receipt

    def note(word: str, sequence: int, data: bytes = b"") -> None:
        file.write(b"%s %d %s\n" % (word.encode(), sequence, hexlify(data)))
        file.flush()

    def noted_seal(self, sequence, segment, delivered_ms):
        data = b"".join([bytes(part) for part in segment.parts]) if isinstance(segment, Pieces) else bytes(segment)
        seal(self, sequence, segment, delivered_ms)
        note("sealed", sequence, data)

    def noted_trim(self, sequence):
        count = trim(self, sequence)
        note("trimmed", sequence)
        return count

    def noted_boot(self):
        # What the life before sealed in its last moment was not noted; nobody has asked for it since.
        for sequence in list(self.segments):
            note("sealed", sequence, bytes(self.read(sequence, 0, 1 << 16)))
        begin_boot(self)

    def noted_receipt(self, sequence, data):
        note("receipt", sequence, bytes(data))
        take_receipt(self, sequence, data)

    Journal.seal, Journal.trim, Journal.begin_boot = noted_seal, noted_trim, noted_boot
    Device.take_receipt = noted_receipt


def seal_often() -> None:
    """Segments of a fraction of a second."""
    delivered = UsageLog.delivered

    def soon(self, pcm, meter, now_ms):
        reason = delivered(self, pcm, meter, now_ms)
        if reason is None and not self.busy and (meter.frame - self._first) * SEGMENTS_A_SECOND >= self._rate_hz:
            return SEAL_INTERVAL
        return reason

    UsageLog.delivered = soon


def set_clock(offset_s: int) -> None:
    """This process believes another time than the machine."""
    if offset_s:  # MicroPython's clock is left alone
        time_ns = time.time_ns
        time.time_ns = lambda: time_ns() + offset_s * 1_000_000_000


def has_enough(directory: str) -> bool:
    try:
        os.stat(directory + "/enough")
    except OSError:
        return False
    return True


def main(notes: str, offset_s: str, directory: str, *settings: str) -> None:
    note_all(notes)
    seal_often()
    set_clock(int(offset_s))
    player = Player(load(directory, settings))
    stopping = player._loop._stopping
    player._loop._stopping = lambda: has_enough(directory) or stopping()
    player.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
