"""A player as the link sees it: two segments, receipts that say good, and an empty store of packs."""

from amos.edges.blob_memory import MemoryFolder
from amos.packs.intake import PackIntake
from amos.packs.store import PackStore
from amos.protocol.errors import MessageError
from amos.protocol.limits import NAMES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.link_name import ANNOUNCEMENTS, SLIDERS, Name
from amos.protocol.link_sounding import sounding_of
from protocol_examples import a_status


def _never(_key, _message, _signature):
    return False


def _fits(_pack):
    return None


class Player:
    """What `DeviceLink` asks of a player; `taken` is what it was told."""

    device_id = bytes(range(16))
    public_key = bytes(range(32))
    firmware = "0.1.0"
    board = "test"
    voices = 8
    key_history = None
    sounds = False

    def __init__(self):
        self.segments = {3: bytes(range(256)) * 10, 4: b"four"}
        self.identity = self
        self.taken: list = []
        self.said = b""
        self.named: dict = {SLIDERS: [Name(name="energy", lo_q15=0, hi_q15=327680)], ANNOUNCEMENTS: []}
        self.packs = PackIntake(PackStore(MemoryFolder(), self.public_key, _never), _fits, _fits)

    def sign_identity(self, nonce):
        return (IDENTIFY_CONTEXT + nonce + bytes(64))[:64]

    def status(self):
        return a_status(self.device_id, bytes(32))

    def list_segments(self, first):
        return [(number, len(self.segments[number]), bytes(32)) for number in sorted(self.segments) if number >= first]

    def read_segment(self, sequence, offset, length):
        return self.segments[sequence][offset : offset + length]

    def segment_size(self, sequence):
        return len(self.segments[sequence]) if sequence in self.segments else None

    def take_receipt(self, sequence, data):
        if not data.startswith(b"good"):
            raise MessageError("receipt: expected good, found \xe9vil\n")
        self.taken.append((sequence, data))

    def read_logs(self, offset, length):
        return offset, self.said[offset : offset + length], len(self.said)

    def names(self, kind, first):
        if kind not in self.named:
            raise MessageError("names: expected kind 1 or 2, found %d" % kind)
        names = self.named[kind]
        return bytes(32), len(names), names[first : first + NAMES_MAX] if first < len(names) else []

    def sounding(self):
        if not self.sounds:
            raise MessageError("sounding: expected while a session plays")
        return sounding_of("bloom", range(40), 16423, [-32768]).encode()

    def set_tier(self, value):
        if value not in (1, 2):
            raise MessageError("tier: expected 1 or 2")
        self.taken.append(value)

    def input(self, nonce, kind, value):
        self.taken.append((nonce, kind, value))

    def take_opt_outs(self, data):
        if not data.startswith(b"good"):
            raise MessageError("opt-outs: expected good")
        self.taken.append(("opt-outs", data))

    def take_anchor(self, data):
        if not data.startswith(b"good"):
            raise MessageError("anchor: expected good")
        self.taken.append(("anchor", data))

    def take_rotation(self, data):
        if not data.startswith(b"good"):
            raise MessageError("rotation: expected good")
        self.taken.append(("rotation", data))

    def take_directive(self, data):
        if not data.startswith(b"good"):
            raise MessageError("directive: expected good")
        self.taken.append(("directive", data))

    def challenge(self):
        return bytes(range(16))


def fed(link, data) -> bytes:
    """What a `DeviceLink` answers to `data`, all of it."""
    sent, at = bytearray(), 0

    while at < len(data):
        at = link.serve(data, at, sent.extend)
    return bytes(sent)
