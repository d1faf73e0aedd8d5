"""The way of an opt-out, from the artist's word to her statement: the parts are the real ones, without the wires."""

import time
from pathlib import Path

import numpy as np
from player_key import give_key
from statement_bytes import statement_bytes

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.packs.folder import open_pack
from amos.protocol.answer import ACCEPTED
from amos.protocol.envelope_host import wrap
from amos.protocol.link_courier_proof import Proof
from amos.protocol.segment import FLAG_OPT_OUT
from amos.protocol.topics import USAGE, device_topic
from amos.protocol.usage_reader import open_usage
from amos_ledger import registry
from amos_ledger.folder import init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.opt_outs import add_opt_outs, published
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement.periods import period_at
from amos_tools.device.prepare import enrol
from amos_tools.pack import build_pack
from amos_tools.pack.opt_outs import make_opt_outs, withdrawn
from amos_tools.replay.rows import replay, rows
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published

PUBLISHER, OPERATOR = b"p" * 32, b"o" * 32
LEASE_END_S = 2_000_000_000
RATE_HZ = 22050
SCRIPT = """
experience "two voices" seed device
clock 22050 tempo 60 meter 4/4 key A minor
mix target -20 LUFS peak -1 dBTP voices 6
pool both = stems where role pads
section always 4 bars
  play pads from both count 2 fade 1 beat
"""


def test_the_way_of_an_opt_out(tmp_path: Path) -> None:
    # 1. Two artists' stems play in one pack, on one enrolled player.
    vault = Vault.init(tmp_path / "vault", rate_hz=RATE_HZ)
    noise = np.random.RandomState(7)
    for artist in ("ada", "ben", "cleo"):
        told = {"title": f"of {artist}", "artist": artist, "splits": f"{artist}=1000000", "role": "pads"}
        samples = noise.randint(-9000, 9000, (8 * RATE_HZ, 1)).astype("int16")
        vault.import_samples(samples, parse_facts("noise", told | {"opt_in": "yes"}))
    terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "linux"}
    build_pack(compile_script(SCRIPT, vault.stems()), vault, tmp_path / "pack", lease_end_unix_s=LEASE_END_S, **terms)  # type: ignore[arg-type]
    operator, publisher = crypto.public_key(OPERATOR), crypto.public_key(PUBLISHER)
    folder = init_folder(tmp_path / "ledger", "test.example/amos", operator, publisher)
    with folder.open_store() as store:
        registry.add_pack(folder, store, *registry.read_pack(tmp_path / "pack"))

    # 2. While it plays, Ada opts out: the vault notes it, the publisher signs, the ledger hands the list on.
    ada = next(stem for stem in vault.stems() if stem.artist == "ada")
    vault.opt_out([ada.stem_id])
    add_opt_outs(folder, make_opt_outs(withdrawn(vault), PUBLISHER, 1, int(time.time())))
    vault.close()
    settings = {"pack": str(tmp_path / "pack"), "publisher_key": publisher.hex(), "ledger_key": folder.public_key.hex()}
    (tmp_path / "player").mkdir()
    give_key(tmp_path / "player")
    config = Config(
        str(tmp_path / "player"), settings | {"out": "null", "pace": "free", "tier": 255, "minutes": 3, "linger": "no"}
    )
    accepted: list[int] = []

    def turn() -> None:
        session = player.device.player_state.session
        if session is not None and session.frame > 45 * RATE_HZ and not accepted:
            accepted.append(session.performance.frame)
            player.device.take_opt_outs(published(folder) or b"")

    player = Player(config, [].append, heartbeat=turn)
    player.run()

    # 3. The signed rows tell it: before, she played; after, a beat's fade, and never again. A replay gives the same.
    player = Player(config, [].append)
    journal, device = player.device.journal, player.device
    segments = [bytes(journal.read(number, 0, 1 << 16)) for number in sorted(journal.segments)]
    usages = [open_usage(segment, device.identity.public_key, crypto.verify) for segment in segments]
    pack = open_pack(str(tmp_path / "pack"), publisher, crypto.verify)
    index = next(index for index, stem in enumerate(pack.manifest.stems) if stem.stem_id == ada.stem_id)
    hers = [row for found in rows(usages) for row in found if row[0] == index]
    assert hers and max(row[1] + row[2] for row in hers) <= accepted[0] + 64 + RATE_HZ
    assert all(bool(row[3] & FLAG_OPT_OUT) == (row[1] + row[2] > accepted[0]) for row in hers)
    assert rows(usages) == replay(pack, usages)
    pack.close()

    # 4. The ledger takes the segments, the month closes, and she is paid for every frame until the silence.
    nonce = bytes(range(32))
    response = type(
        "Identified", (), {"public_key": device.identity.public_key, "signature": device.identity.sign_identity(nonce)}
    )
    response.device_id = device.identity.device_id
    response.board, response.voices = "linux", device.identity.voices
    with folder.open_store() as store:
        registry.enrol(folder, store, enrol(Proof(response, nonce), OPERATOR, site="cafe", name="bar", tier=255))  # type: ignore[arg-type]
    ledger = Ledger(folder)
    topic = device_topic("cafe", device.identity.device_id, USAGE)
    replies = ledger.take([Message.of(topic, wrap(segment)) for segment in segments], int(time.time()))
    assert {reply.answer.verdict for reply in replies} == {ACCEPTED}
    ledger.close()
    frames = {stem: sum(row[2] for found in rows(usages) for row in found if row[0] == stem) for stem in range(3)}
    settled = settle_period(folder, period_at(int(time.time())), 1_000_000_000, "EUR")
    payouts = dict(zip(settled.closed.result.payees, settled.closed.result.amounts, strict=True))
    assert abs(payouts["ada"] - 1_000_000_000 * frames[index] // sum(frames.values())) <= 1

    # 5. Her statement holds against what the ledger published.
    keys = Keys(folder.public_key, publisher, operator)
    verified = Audit(Published(folder.path / "audit"), keys).check(statement_bytes(settled.statements["ada"]))
    assert (verified.payee, verified.amount_micro) == ("ada", payouts["ada"])
