"""The way of one stem, from a musician's file to a checked statement. Read this first.

The parts are the real ones; only the wires between them are left out (the demo and its test have those).
"""

import hashlib
import time
from pathlib import Path

import numpy as np
import soundfile as sf
from listing import list_all
from player_key import give_key
from statement_bytes import statement_bytes

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.protocol.answer import ACCEPTED, DUPLICATE
from amos.protocol.envelope_host import wrap
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_offer import offer_receipt
from amos.protocol.link_courier_proof import Proof, prove
from amos.protocol.link_courier_segment import read_segment
from amos.protocol.link_courier_talk import Conversation
from amos.protocol.link_device import DeviceLink
from amos.protocol.topics import USAGE, device_topic
from amos.protocol.usage_reader import open_usage
from amos_ledger import registry
from amos_ledger.folder import init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement.periods import period_at
from amos_tools.device.prepare import enrol
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published
from protocol_player import fed

PUBLISHER, OPERATOR = b"p" * 32, b"o" * 32
LEASE_END_S = 2_000_000_000
RATE_HZ, MINUTE_FRAMES = 22050, 60 * 22050

SCRIPT = """
experience "one stem" seed device
clock 22050 tempo 60 meter 4/4 key A minor
mix target -20 LUFS peak -1 dBTP voices 3
pool only = stems where role pads
section always 4 bars
  play pads from only
"""


def talk(link: CourierLink, device: DeviceLink, steps: object) -> object:
    """One conversation over a wire that loses nothing."""
    conversation = Conversation(steps)  # type: ignore[arg-type]
    while not conversation.done:
        link.feed(fed(device, link.outgoing(0)), 0)
        conversation.advance(0)
    return conversation.result


def test_the_way_of_a_stem(tmp_path: Path) -> None:
    # 1. A musician's recording is imported with its splits and her consent.
    seconds = np.arange(8 * RATE_HZ) / RATE_HZ
    recording = tmp_path / "dusk.flac"
    sf.write(recording, 0.3 * np.sin(2 * np.pi * 220 * seconds), RATE_HZ)
    vault = Vault.init(tmp_path / "vault", rate_hz=RATE_HZ)
    told = {"title": "Dusk", "artist": "Ada", "splits": "ada=700000;berta=300000", "role": "pads", "key": "A minor"}
    stem = vault.import_file(recording, parse_facts(recording.name, told | {"opt_in": "yes"}))
    assert stem.frames == 8 * RATE_HZ

    # 2. A script says when it may sound; the compiler turns it into a score.
    compiled = compile_script(SCRIPT, vault.stems())
    assert [found.stem_id for found in compiled.stems] == [stem.stem_id]

    # 3. Score and stem become a signed pack.
    signing = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "linux", "lease_end_unix_s": LEASE_END_S}
    pack = build_pack(compiled, vault, tmp_path / "pack", **signing)  # type: ignore[arg-type]
    vault.close()

    # 4. A ledger opens its log, and takes note of the pack.
    operator_public, publisher_public = crypto.public_key(OPERATOR), crypto.public_key(PUBLISHER)
    folder = init_folder(tmp_path / "ledger", "test.example/amos", operator_public, publisher_public)
    with folder.open_store() as store:
        registry.add_pack(folder, store, *registry.read_pack(tmp_path / "pack"))

    # 5. The player renders a minute, meters what reached the output, seals and signs it.
    settings = {"pack": str(tmp_path / "pack"), "publisher_key": publisher_public.hex()}
    settings |= {"ledger_key": folder.public_key.hex(), "out": f"wav:{tmp_path / 'out.wav'}"}
    (tmp_path / "player").mkdir()
    give_key(tmp_path / "player")
    config = Config(str(tmp_path / "player"), settings | {"pace": "free", "tier": 255, "minutes": 1, "linger": "no"})
    lines: list[str] = []
    Player(config, lines.append).run()
    heard, rate_hz = sf.read(tmp_path / "out.wav", dtype="int16")
    assert rate_hz == RATE_HZ and len(heard) >= MINUTE_FRAMES and np.abs(heard).max() > 1000

    # 6. The player proves its key; the operator signs its enrolment; the ledger lets its play count.
    player = Player(Config(config.directory, settings | {"linger": "no"}), lines.append)
    device, link = DeviceLink(player.device), CourierLink(1)
    nonce = bytes(range(32))
    identity = talk(link, device, prove(link, nonce, crypto.verify))
    assert isinstance(identity, Proof)
    enrolment = enrol(identity, OPERATOR, site="cafe", name="bar", tier=255)
    with folder.open_store() as store:
        registry.enrol(folder, store, enrolment)

    # 7. The courier pulls the segment and checks that it came over whole.
    (entry,) = talk(link, device, list_all(link, 1))  # type: ignore[misc]
    segment = talk(link, device, read_segment(link, entry))
    assert isinstance(segment, bytes) and hashlib.sha256(segment).digest() == entry.sha256
    usage = open_usage(segment, identity.public_key, crypto.verify)
    assert usage.pack == pack.pack_id and usage.delivered_frames == len(heard)
    assert usage.pcm_sha256 == hashlib.sha256(heard.tobytes()).digest()
    assert {row[0] for row in usage.rows()} == {0}
    assert 0.98 * MINUTE_FRAMES < usage.played_frames() <= 3 * MINUTE_FRAMES

    # 8. It travels, deflated, under the device's topic.
    message = Message.of(device_topic("cafe", usage.device_id, USAGE), wrap(segment))
    assert len(message.payload) < len(segment)

    # 9. The ledger verifies, appends it to the log, and answers with a receipt; a resend gets the same receipt.
    ledger = Ledger(folder)
    (reply,) = ledger.take([message], int(time.time()))
    assert reply.answer.verdict == ACCEPTED and reply.answer.receipt is not None
    (again,) = ledger.take([message], int(time.time()))
    assert again.answer.verdict == DUPLICATE and again.answer.receipt == reply.answer.receipt
    ledger.close()

    # 10. The player checks the ledger's signature over its own bytes, and only then frees the space.
    talk(link, device, offer_receipt(link, entry.sequence, reply.answer.receipt))
    assert not player.device.journal.segments and player.device.journal.receipted == 1

    # 11. The month closes: the whole pool goes to the one stem that played, and is split as agreed.
    period = period_at(int(time.time()))
    settled = settle_period(folder, period, 1_000_000_000, "EUR")
    payouts = dict(zip(settled.closed.result.payees, settled.closed.result.amounts, strict=True))
    assert payouts == {"ada": 700_000_000, "berta": 300_000_000}

    # 12. Anyone can check it, from what the ledger publishes and three pinned keys.
    keys = Keys(folder.public_key, publisher_public, operator_public)
    verified = Audit(Published(folder.path / "audit"), keys).check(statement_bytes(settled.statements["ada"]))
    assert (verified.payee, verified.amount_micro) == ("ada", 700_000_000)
