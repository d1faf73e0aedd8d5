"""A small pack of noise, and players that are to play it: real ones, each in a directory of its own."""

from pathlib import Path

import numpy as np

from amos import crypto
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.segment import TIER_RENDERER
from amos_tools.device.prepare import prepare
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

RATE_HZ = 22_050
SITE = "harbour"
PUBLISHER, OPERATOR = b"p" * 32, b"o" * 32
VOICES = 8
SCRIPT = """
experience "kills" seed device
clock 22050 tempo 160 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 8
pool long = stems where role pads
pool short = stems where role beats
section loop 2 bars
  play pads from long count 2 fade 1 beat
  play beats from short every 1 beats chance 0.5
"""


def make_pack(folder: Path) -> Path:
    """Three long stems, of which two play at a time, and three short ones that come and go with the beat."""
    noise = np.random.RandomState(3)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(6):
            role, frames = ("pads", RATE_HZ * 2) if number % 2 else ("beats", RATE_HZ // 3)
            samples = noise.randint(-9000, 9000, (frames + number, 1)).astype("int16")
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": role, "opt_in": "yes"}
            vault.import_samples(samples, parse_facts("noise", told))
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        build_pack(compile_script(SCRIPT, vault.stems()), vault, folder / "pack", **terms)  # type: ignore[arg-type]
    return folder / "pack"


def prepare_player(folder: Path, seed: bytes, pack: Path, ledger_key: bytes, more: dict[str, object]) -> None:
    """The directory of a player that has this key, with more settings."""
    settings: dict[str, object] = {
        "pack": str(pack),
        "publisher_key": crypto.public_key(PUBLISHER).hex(),
        "ledger_key": ledger_key.hex(),
        "tier": TIER_RENDERER,
    }
    prepare(folder, settings | more)
    (folder / "device.key").write_bytes(seed)


def enrolment_of(seed: bytes, name: str) -> bytes:
    """What the operator signs for that player."""
    public_key, nonce = crypto.public_key(seed), bytes(16)
    enrolment = Enrolment(
        version=1, device_id=crypto.key_id(public_key), public_key=public_key, site=SITE, name=name,
        tier=TIER_RENDERER, board="linux", voices=VOICES, nonce=nonce, unix_s=1_793_534_400,
        possession=crypto.sign(seed, IDENTIFY_CONTEXT + nonce),
    )  # fmt: skip
    operator = crypto.key_id(crypto.public_key(OPERATOR))
    return sign_enrolment(enrolment, operator, lambda message: crypto.sign(OPERATOR, message))
