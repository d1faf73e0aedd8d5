"""How long a player sounds on once it has taken an opt-out of all it plays, or a directive to be silent.

The session is real, and so are its samples; time is the samples' own. What a sound card would hold comes on top: its
buffer, the block in hand, and the block until the player looks at its line.
"""

import os
import time
import wave
from pathlib import Path

import numpy as np

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.packs.folder import open_pack
from amos.protocol.directive import VERSION, Directive, Hours
from amos.protocol.directive_host import sign_directive
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_tools.bench.sync_player import PUBLISHER_SEED
from amos_tools.bench.told_players import DIRECTIVE, OPT_OUTS

BLOCK_FRAMES = 1024
BUFFER_MS = 68
"""What ALSA holds at most, as in `amos.config`."""

TAKEN_S, SILENT_BY_S = 5, 3


def tail_s(folder: Path, pack: Path, what: str, operator_seed: bytes) -> float:
    """Seconds from taking it to the last frame that is not silence."""
    folder.mkdir()
    publisher = crypto.public_key(PUBLISHER_SEED)
    opened = open_pack(str(pack), publisher, crypto.verify)
    rate_hz, stems = opened.manifest.rate_hz, [stem.stem_id for stem in opened.manifest.stems]
    opened.close()
    settings: dict[str, object] = {"pack": str(pack), "publisher_key": publisher.hex(), "ledger_key": "00" * 32}
    settings |= {"operator_key": crypto.public_key(operator_seed).hex(), "block_frames": BLOCK_FRAMES}
    settings |= {"out": f"wav:{folder}/out.wav", "pace": "free", "tier": 255, "linger": "no"}
    taken: list[int] = []

    def turn() -> None:
        session = player.device.player_state.session
        if session is not None and session.frame > (TAKEN_S + 2 * SILENT_BY_S) * rate_hz:
            player.stop()
        if session is None or taken or session.frame < TAKEN_S * rate_hz:
            return
        taken.append(session.frame)
        if what == OPT_OUTS:
            player.device.take_opt_outs(_all_opted_out(stems))
        else:
            player.device.take_directive(_silence(player.device.identity.device_id, operator_seed))

    player = Player(Config(str(folder), settings), [].append, heartbeat=turn)
    player.run()
    sounds = _heard(folder)
    last = int(np.flatnonzero(sounds)[-1])
    if not taken or not sounds[: taken[0]].any() or last > (TAKEN_S + SILENT_BY_S) * rate_hz:
        raise RuntimeError(f"{what}: expected music, and then silence")
    held_s = BUFFER_MS / 1000 + 2 * BLOCK_FRAMES / rate_hz
    return float(max(last - taken[0], 0) / rate_hz + held_s)


def _heard(folder: Path) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    with wave.open(f"{folder}/out.wav", "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    os.unlink(f"{folder}/out.wav")
    return np.asarray(samples.any(axis=1))


def _all_opted_out(stems: list[bytes]) -> bytes:
    key = crypto.key_id(crypto.public_key(PUBLISHER_SEED))
    return bytes(sign_opt_outs(list_opt_outs(1, 1, stems), key, lambda text: crypto.sign(PUBLISHER_SEED, text)))


def _silence(device_id: bytes, operator_seed: bytes) -> bytes:
    now = time.localtime()
    minute = now.tm_hour * 60 + now.tm_min
    hours = Hours(from_minute=(minute - 10) % 1440, until_minute=(minute + 10) % 1440)
    told = {"version": VERSION, "device_id": device_id, "serial": 1, "issued_unix_s": 0, "pause": [hours]}
    key = crypto.key_id(crypto.public_key(operator_seed))
    return sign_directive(Directive(**told), key, lambda text: crypto.sign(operator_seed, text))


__all__ = ("DIRECTIVE", "OPT_OUTS", "tail_s")
