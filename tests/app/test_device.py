"""What the device believes: only receipts that its pinned ledger signed over its own bytes; and what it says."""

import hashlib

import pytest

from amos import crypto
from amos.device import Device
from amos.edges.clock import SystemClock
from amos.edges.sector_memory import MemorySectorDevice
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.identity import Identity
from amos.journal.facts import Opened
from amos.journal.journal import Journal
from amos.ledger_keys import LedgerKeys
from amos.player_state import PlayerState
from amos.protocol.errors import CborError, CoseError, ProofError, ProtocolError, SignatureError
from amos.protocol.link_name import SLIDERS
from amos.protocol.merkle import leaf_hash, node_hash
from amos.protocol.signing import sign_receipt
from amos.protocol.usage_reader import open_usage
from amos.rights.lease_clock import LeaseClock
from amos.rights.opt_out_list import OptOutList
from amos.rights.rights import Rights
from amos.session.seed_root import SeedRoot
from amos.session.usage_log import UsageLog
from amos.tier_kept import TierKept

LEDGER, STRANGER, SEED = b"l" * 32, b"x" * 32, b"d" * 32


class Settings:
    board = "linux"
    voices = 8
    tier = 0
    ledger_key = crypto.public_key(LEDGER)


class Silence:
    """A meter that has met nothing but `frame` silent frames."""

    def __init__(self, frame: int):
        self.frame = self.silent_frames = frame

    def cut(self) -> list[tuple[int, int, int, int]]:
        return []


@pytest.fixture
def device() -> Device:
    """A device with three sealed segments."""
    journal = Journal(MemorySectorDevice(), bytes(8))
    lease_clock = LeaseClock(TwoSlotMemory(), 0, None)
    rights = Rights(OptOutList(TwoSlotMemory(), crypto.public_key(STRANGER), crypto.verify), lease_clock)
    identity, state = Identity(SEED, Settings()), PlayerState(bytes(32), TierKept(TwoSlotMemory(), Settings.tier))
    device = Device(identity, state, rights, journal, SystemClock(), LedgerKeys(Settings.ledger_key))
    log = UsageLog(journal, identity.device_id, identity.sign_pieces)
    for number in range(3):
        facts = {"boot": 1, "session": 1, "start_state": bytes(32), "rate_hz": 44100, "start_ms": number, "clock": 0}
        opened = Opened(first_frame=number * 1000, pack=bytes(32), score=bytes(32), tier=0, **facts)
        log.begin(opened, number * 1000)
        log.seal(Silence((number + 1) * 1000), number, 1)
    return device


def receipt_for(entry: bytes, seed: bytes = LEDGER) -> bytes:
    """A receipt for the second leaf of a log of two."""
    genesis = leaf_hash(b"genesis")
    root = node_hash(genesis, leaf_hash(entry))
    return sign_receipt(2, 1, [genesis], root, crypto.key_id(crypto.public_key(seed)), lambda m: crypto.sign(seed, m))


def stored(device: Device, sequence: int) -> bytes:
    return bytes(device.journal.read(sequence, 0, 1 << 16))


def test_a_receipt_trims_its_segment_and_by_the_chain_all_before(device: Device) -> None:
    for sequence in (1, 2, 3):
        usage = open_usage(stored(device, sequence), device.identity.public_key, crypto.verify)
        assert usage.sequence == sequence
    receipt = receipt_for(stored(device, 2))
    device.take_receipt(2, receipt)
    assert sorted(device.journal.segments) == [3] and device.journal.receipted == 2 and device.trimmed == 2
    device.take_receipt(2, receipt)
    device.take_receipt(1, b"anything: it is receipted")
    assert device.trimmed == 2


def test_the_root_of_a_receipt_is_kept_for_the_next_boot(device: Device) -> None:
    kept = TwoSlotMemory()
    device.seed_root = SeedRoot(kept)
    with pytest.raises(SignatureError):
        device.take_receipt(2, receipt_for(stored(device, 2), STRANGER))
    assert kept.content is None
    root = node_hash(leaf_hash(b"genesis"), leaf_hash(stored(device, 2)))
    device.take_receipt(2, receipt_for(stored(device, 2)))
    assert (kept.content, device.seed_root.root, SeedRoot(kept).root) == (root, bytes(32), root)


@pytest.mark.parametrize(("tier", "other"), [(0, 255), (255, 0), (255, 254)])
def test_no_word_over_the_link_makes_or_unmakes_a_renderer(device: Device, tier: int, other: int) -> None:
    device.player_state._kept = TierKept(TwoSlotMemory(), tier)
    with pytest.raises(ProtocolError, match=f"tier: expected to stay {tier}, found {other}"):
        device.set_tier(other)
    device.set_tier(tier)
    assert device.player_state.tier == tier


@pytest.mark.parametrize(
    ("receipt", "error"),
    [
        (lambda device: receipt_for(stored(device, 2), STRANGER), SignatureError),
        (lambda device: receipt_for(stored(device, 1)), SignatureError),
        (lambda device: receipt_for(b"other bytes"), SignatureError),
        (lambda device: receipt_for(stored(device, 2))[:-1], CborError),
        (lambda device: b"", CborError),
        (lambda device: stored(device, 2), CoseError),
        (lambda device: bytes(3000), CoseError),
        (lambda device: sign_receipt(2, 1, [], bytes(32), bytes(16), lambda _m: bytes(64)), ProofError),
    ],
)
def test_any_other_receipt_is_refused_by_name_and_frees_nothing(device: Device, receipt, error) -> None:
    with pytest.raises(error):
        device.take_receipt(2, receipt(device))
    assert sorted(device.journal.segments) == [1, 2, 3] and device.journal.receipted == 0


def test_every_bit_of_a_receipt_counts(device: Device) -> None:
    receipt = receipt_for(stored(device, 3))
    for position in range(len(receipt) * 8):
        flipped = bytearray(receipt)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(ProtocolError):
            device.take_receipt(3, bytes(flipped))
    assert sorted(device.journal.segments) == [1, 2, 3]


def test_a_receipt_for_what_is_not_here_is_refused(device: Device) -> None:
    with pytest.raises(ProofError, match="stored here"):
        device.take_receipt(9, receipt_for(stored(device, 3)))


def test_status_counts_what_is_not_synced(device: Device) -> None:
    status = device.status()
    assert (status.next_sequence, status.last_receipted) == (4, 0)
    assert status.unsynced_ms == 3 * (1000 * 1000 // 44100)
    device.take_receipt(3, receipt_for(stored(device, 3)))
    assert (device.status().unsynced_ms, device.status().last_receipted) == (0, 3)


def test_tier_and_inputs_from_outside_are_checked(device: Device) -> None:
    for value in (-1, 256):
        with pytest.raises(ProtocolError, match="tier: expected 0 to 255"):
            device.set_tier(value)
    device.set_tier(7)
    assert device.status().tier == 7
    device.set_tier(7)
    with pytest.raises(ProtocolError, match="tier: expected one change within 10 s"):
        device.set_tier(8)
    assert device.status().tier == 7
    with pytest.raises(ProtocolError, match="while a session plays"):
        device.input(bytes(16), 0, 0)


def test_names_are_told_while_a_session_plays(device: Device) -> None:
    with pytest.raises(ProtocolError, match="names: expected while a session plays"):
        device.names(SLIDERS, 0)


def test_identity_is_signed_in_a_context_of_its_own(device: Device) -> None:
    nonce = bytes(32)
    signature = device.identity.sign_identity(nonce)
    assert crypto.verify(device.identity.public_key, b"amos/1/identify\x00" + nonce, signature)
    assert not crypto.verify(device.identity.public_key, nonce, signature)
    assert device.identity.device_id == hashlib.sha256(device.identity.public_key).digest()[:16]
