"""A device with a real journal, key and session, all in memory: what the link's targets talk to."""

from amos import crypto
from amos.anchored_clock import AnchoredClock
from amos.device import Device
from amos.edges.blob_memory import MemoryFolder
from amos.edges.clock import SystemClock
from amos.edges.sector_memory import MemorySectorDevice
from amos.edges.stem_memory import MemoryStem
from amos.edges.two_slot_memory import TwoSlotMemory
from amos.identity import Identity
from amos.journal.journal import Journal
from amos.ledger_keys import LedgerKeys
from amos.packs.intake import PackIntake
from amos.packs.store import PackStore
from amos.player_state import PlayerState
from amos.protocol.cbor import dumps
from amos.protocol.link_device import DeviceLink
from amos.protocol.manifest import Manifest
from amos.protocol.merkle import leaf_hash, node_hash
from amos.protocol.signing import sign_receipt
from amos.rights.lease_clock import LeaseClock
from amos.rights.opt_out_list import OptOutList
from amos.rights.rights import Rights
from amos.session.session import Session
from amos.tier_kept import TierKept
from protocol_examples import a_stem
from test_score import score_map

LEDGER, PUBLISHER, SEED = b"l" * 32, b"p" * 32, b"d" * 32
BLOCK_FRAMES = 1024
STEMS = 7
SEALED = 4
SECTORS = 1024


class Settings:
    """The player's settings, as far as a session without files asks for them."""

    board, voices, tier, holidays = "linux", 8, 0, ""
    ledger_key = crypto.public_key(LEDGER)
    pace, out, block_frames = "free", "null", BLOCK_FRAMES
    open_output = None


class MemoryPack:
    """A pack of short noises, never read from a folder."""

    pack_id = b"p" * 32

    def __init__(self):
        self._score = dumps(score_map(sliders=[{1: "calm", 2: 0, 3: 32768, 4: 16384}]))
        self.manifest = Manifest(
            version=1,
            serial=1,
            name="fuzz",
            rate_hz=48000,
            board_class="any",
            voices=8,
            lease_end_unix_s=2_000_000_000,
            score_sha256=bytes(32),
            score_bytes=len(self._score),
            stems=[a_stem("stem %d" % number, "a", 0) for number in range(STEMS)],
        )
        for stem in self.manifest.stems:
            stem.frames = 9600
        self._source = MemoryStem(bytes(range(256)) * 75, 1)

    def score(self) -> bytes:
        return self._score

    def stem(self, _index: int) -> MemoryStem:
        return self._source


class World:
    """`device` with `SEALED` sealed segments and a session that plays; `link` to it; `receipts` that are true."""

    def __init__(self):
        self.journal = journal = Journal(MemorySectorDevice(SECTORS), bytes(8))
        journal.begin_boot()
        clock, publisher = AnchoredClock(SystemClock(), bytes), crypto.public_key(PUBLISHER)
        packs = PackIntake(
            PackStore(MemoryFolder(), publisher, crypto.verify), lambda _manifest: None, lambda _pack: None
        )
        opt_outs = OptOutList(TwoSlotMemory(), publisher, crypto.verify)
        rights = Rights(opt_outs, LeaseClock(TwoSlotMemory(), clock.now_ms(), None))
        self._state = state = PlayerState(MemoryPack.pack_id, TierKept(TwoSlotMemory(), Settings.tier))
        identity = Identity(SEED, Settings())
        self.device = Device(identity, state, rights, journal, clock, LedgerKeys(Settings.ledger_key), packs)
        self.link = DeviceLink(self.device)
        self.device.attach(self.link)
        session = Session(self.device, MemoryPack(), Settings(), clock)
        state.begin_session(session, MemoryPack.pack_id)
        while journal.last_sequence < SEALED:
            state.set_tier(1 - state.tier)  # a change of tier seals
            session.step(BLOCK_FRAMES)
        self.receipts = {sequence: self._receipt(sequence) for sequence in sorted(journal.segments)}

    def play(self) -> None:
        """One block more."""
        if self._state.session is not None:
            self._state.session.step(BLOCK_FRAMES)

    def _receipt(self, sequence: int) -> bytes:
        segment = self.journal.read(sequence, 0, 1 << 16)
        genesis = leaf_hash(b"genesis")
        root, ledger = node_hash(genesis, leaf_hash(segment)), crypto.key_id(crypto.public_key(LEDGER))
        return sign_receipt(2, 1, [genesis], root, ledger, lambda message: crypto.sign(LEDGER, message))
