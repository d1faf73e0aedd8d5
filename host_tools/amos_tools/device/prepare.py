"""A player's directory, and the enrolment that lets its play count."""

import json
import os
import time
from pathlib import Path

from amos import crypto
from amos.config import SETTINGS, Config
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos_tools.device.call import Identity

ENROLMENT_VERSION = 1


def prepare(directory: Path, settings: dict[str, object]) -> None:
    """Write `player.json`, checked as the player checks it. Raises `ConfigError`, OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    Config(str(directory), settings)
    ordered = {name: settings[name] for name in SETTINGS if name in settings}
    staged = directory / "player.json.new"
    staged.write_text(json.dumps(ordered, indent=2) + "\n")
    os.replace(staged, directory / "player.json")


def enrol(identity: Identity, operator_seed: bytes, *, site: str, name: str, tier: int) -> bytes:
    """The enrolment's bytes, signed by the operator. Raises `LocalError` for a site or name that is no slug."""
    response = identity.response
    enrolment = Enrolment(
        version=ENROLMENT_VERSION,
        device=identity.device,
        public_key=identity.public_key,
        site=site,
        name=name,
        tier=tier,
        board=response.board,
        voices=response.voices,
        nonce=identity.nonce,
        possession=identity.possession,
        unix_s=int(time.time()),
    )
    operator = crypto.key_id(crypto.public_key(operator_seed))
    return sign_enrolment(enrolment, operator, lambda message: crypto.sign(operator_seed, message))
