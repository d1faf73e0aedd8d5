"""A player with its journal in memory, for the tests, on every runtime. As a program it serves one on a pty:

micropython sync_journals.py PTY SEED_HEX SEGMENTS
"""

import hashlib
import sys
import time
from array import array

from amos import crypto
from amos.directives import Directives
from amos.edges.blob_memory import MemoryFolder
from amos.ledger_keys import LedgerKeys
from amos.operator_keys import OperatorKeys
from amos.packs.intake import PackIntake
from amos.packs.store import PackStore
from amos.protocol.anchor import open_anchor
from amos.protocol.errors import ProofError
from amos.protocol.limits import LIST_ENTRIES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT, OUTPUT_NONE, STATE_STOPPED, Status
from amos.protocol.link_device import DeviceLink
from amos.protocol.receipt import parse_receipt
from amos.protocol.segment import (
    CLOCK_SYNCHRONISED,
    CLOCK_UNKNOWN,
    FIRST_PREVIOUS,
    FLAG_BEGIN,
    FLAG_END,
    SEAL_INTERVAL,
    Usage,
)
from amos.session.start import check_playable
from signed_usage import columns, sign_usage

LEDGER_SEED = b"L" * 32
LEDGER_KEY = crypto.public_key(LEDGER_SEED)
OPERATOR_SEED = b"\x02" * 32
PUBLISHER_KEY = crypto.public_key(b"p" * 32)


def sealed(seed: bytes, count: int, rows: int = 40) -> list[bytes]:
    """A chain of signed segments, ten minutes each, with `rows` placements."""
    device = crypto.key_id(crypto.public_key(seed))
    previous, segments = FIRST_PREVIOUS, []
    for number in range(1, count + 1):
        first = (number - 1) * 28_800_000
        placed = [
            (index * 7 % 24, first + index * 28_000_000 // rows, 500_000 + 64 * index, FLAG_BEGIN | FLAG_END)
            for index in range(rows)
        ]
        stems, starts, frames, flags = columns(placed, first)
        usage = Usage(
            version=1, device_id=device, sequence=number, previous=previous, boot=1, session=1, start_state=bytes(32),
            first_frame=first, end_frame=first + 28_800_000, rate_hz=48000, start_ms=number * 600_000,
            end_ms=(number + 1) * 600_000, clock=0, pack=b"P" * 32, score=b"S" * 32, tier=1, stems=stems, starts=starts,
            frames=frames, flags=flags, input_starts=array("I"), input_kinds=array("B"), input_values=array("i"),
            delivered_frames=28_800_000, underruns=0, silent_frames=0, pcm_sha256=hashlib.sha256(b"pcm").digest(),
            reason=SEAL_INTERVAL,
        )  # fmt: skip
        segments.append(sign_usage(usage, lambda message: crypto.sign(seed, message)))
        previous = hashlib.sha256(segments[-1]).digest()
    return segments


class FakePlayer:
    """What `DeviceLink` needs, over a dict of segments; trims what a verified receipt covers."""

    firmware, board, voices = "0.1.0", "fake", 8
    key_history: "bytes | None" = None

    def __init__(self, seed: bytes, segments: list[bytes], ledger_key: bytes = LEDGER_KEY):
        self.identity = self
        self.seed = seed
        self.public_key = crypto.public_key(seed)
        self.device_id = crypto.key_id(self.public_key)
        self.segments = dict(enumerate(segments, 1))
        self.next_sequence = len(segments) + 1
        self.last_receipted = 0
        self.keys = LedgerKeys(ledger_key)
        self.older = False  # as a player of 0.1.0, which knows no rotation
        self.refused = 0
        self.clock = CLOCK_UNKNOWN
        self.nonces: list = []
        self.anchored: list = []
        self.opt_outs: list = []
        self.tier = 1
        operator = OperatorKeys(crypto.public_key(OPERATOR_SEED), self.keys)
        self.directives = Directives(operator, self.device_id, crypto.verify)
        self.said = b""
        self.inputs: list = []
        self.folder = MemoryFolder()
        self.reboot()

    def sign_identity(self, nonce: bytes) -> bytes:
        return crypto.sign(self.seed, IDENTIFY_CONTEXT + nonce)

    def status(self) -> Status:
        return Status(
            device_id=self.device_id, state=STATE_STOPPED, firmware=self.firmware, boot=1, session=1, frame=0,
            rate_hz=48000, uptime_ms=1, next_sequence=self.next_sequence, last_receipted=self.last_receipted,
            unsynced_ms=0, clock=self.clock, pack=self.plays(), tier=self.tier, underruns=0, damaged_frames=0,
            trimmed=self.last_receipted,
            output=OUTPUT_NONE, spare_segments=1, failed_writes=0, spoilt_blobs=self.packs.spoilt,
            directive_serial=self.directives.serial,
            directive_refused=self.directives.refused,
        )  # fmt: skip

    def reboot(self) -> None:
        """What its memory knew of packs is gone."""
        self.store = PackStore(self.folder, PUBLISHER_KEY, crypto.verify)
        self.packs = PackIntake(self.store, lambda _manifest: None, self._check_playable)

    def _check_playable(self, pack) -> None:
        self.directives.check_pack(pack.pack_id, time.time_ns() // 1000000)
        check_playable(pack)

    def take_directive(self, data: bytes) -> None:
        self.directives.take(data, self.set_tier)

    def plays(self) -> bytes:
        """Id of its pack: one that waits comes next at every look."""
        for pack_id in self.store.choices():
            if self.store.commit(self.store.open(pack_id)):
                self.store.spoilt = []
                self.packs.committed()
            return pack_id
        return bytes(32)

    def list_segments(self, first: int) -> list:
        numbers = sorted(number for number in self.segments if number >= first)[:LIST_ENTRIES_MAX]
        return [(n, len(self.segments[n]), hashlib.sha256(self.segments[n]).digest()) for n in numbers]

    def segment_size(self, sequence: int) -> int | None:
        return len(self.segments[sequence]) if sequence in self.segments else None

    def read_segment(self, sequence: int, offset: int, length: int) -> bytes | None:
        return self.segments[sequence][offset : offset + length] if sequence in self.segments else None

    def take_receipt(self, sequence: int, data: bytes) -> None:
        if sequence <= self.last_receipted:
            return
        try:
            if sequence not in self.segments:
                raise ProofError("receipt: expected one for a segment stored here")
            parse_receipt(data).check(self.segments[sequence], self.ledger_key, crypto.verify)
        except ValueError:
            self.refused += 1
            raise
        self.last_receipted = sequence
        self.segments = {number: data for number, data in self.segments.items() if number > sequence}

    @property
    def ledger_key(self) -> bytes:
        return self.keys.key

    def take_rotation(self, data: bytes) -> None:
        if self.older:
            raise ProofError("expected a known kind of at most 0 bytes")
        if not self.keys.take(data, crypto.verify):
            self.directives.operator.take(data, crypto.verify)

    def take_opt_outs(self, data: bytes) -> None:
        if not data.startswith(b"good"):
            raise ProofError("opt-outs: expected good ones")
        self.opt_outs.append(data)

    def challenge(self) -> bytes:
        self.nonces.append(bytes((len(self.nonces) + 1,)) * 16)
        return self.nonces[-1]

    def take_anchor(self, data: bytes) -> None:
        anchor = open_anchor(data, self.ledger_key, crypto.verify)
        if anchor.nonce != self.nonces[-1] or anchor.device_id != self.device_id:
            raise ProofError("anchor.nonce: expected the last one")
        self.anchored.append(anchor.unix_ms)
        self.clock = CLOCK_SYNCHRONISED

    def read_logs(self, offset: int, length: int) -> tuple[int, bytes, int]:
        return offset, self.said[offset : offset + length], len(self.said)

    def set_tier(self, value: int) -> None:
        self.tier = value

    def input(self, nonce: bytes, kind: int, value: int) -> None:
        self.inputs.append((kind, value))


def main(path: str, seed_hex: str, count: str) -> None:
    from amos.edges.link_ports import open_port

    seed = bytes.fromhex(seed_hex)
    link = DeviceLink(FakePlayer(seed, sealed(seed, int(count))))
    port = open_port("pty:" + path)
    print("ready")
    while True:
        port.poll(link, 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
