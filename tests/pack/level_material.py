"""Stems as sound designers bring them: parts of quite different levels, strokes, one-shots and the noise of a room."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm

from amos.crypto import public_key, verify
from amos.edges.stem_file import BlobError
from amos.packs.folder import PackFolder, open_pack
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.sound.limiter import ceiling_for
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer
from amos_tools.pack import PackSummary, build_pack
from amos_tools.script import compile_script
from amos_tools.stems import Split
from amos_tools.vault import StatedFacts, Vault

RATE_HZ = 44_100
TEMPO = 105
BEAT_FRAMES = 25_200
SEED = bytes(range(32))
PUBLISHER = public_key(SEED)
BLOCK_FRAMES = 8192
FACTS = StatedFacts("", "Ilse Maren", (Split("ilse-maren", 1_000_000),), "pads", True, None, TEMPO * 1000, 8)

HEAD = """experience "{name}" seed device
clock 44100 tempo 105 meter 4/4
pool pads = stems where role pads
pool low = stems where role bass
pool kit = stems where role beats
pool keys = stems where role melody
pool spots = stems where role fx
mix target {target} LUFS peak -1 dBTP voices 10
"""
BODIES = {
    "lobby": """section a 8 bars
  play pads from pads every 2 bars fade 1 beat
  play bass from low every 2 bars
  play melody from keys every 2 bars gain -3 dB
  play fx from spots chance 0.3
  next a
""",
    "shop": """section a 8 bars
  play beats from kit every 2 bars
  play bass from low every 2 bars
  play melody from keys every 2 bars gain +3 dB
  next a
""",
    "veil": """section a 8 bars
  play pads from pads every 2 bars count 2 fade 1 bar lowpass 250 Hz pan left 60 %
  play melody from keys every 2 bars gain -6 dB width 180 % lowpass 900 Hz
  next a
""",
    "spa": """section a 8 bars
  play pads from pads every 2 bars count 2 fade 1 bar
  play fx from spots chance 0.2 gain -6 dB
  next a
""",
    "gallery": """section a 4..8 bars
  play pads from pads every 2 bars count 1..2 fade 1 bar
  play melody from keys every 2 bars chance 0.4 gain -4 dB
  next b
section b 4 bars
  play bass from low every 2 bars
  play fx from spots every 2 bars gain -8 dB
  next a
""",
    "bar": """section a 8 bars
  play pads from pads every 2 bars gain -3 dB
  play bass from low every 2 bars
  play melody from keys every 2 bars count 2
  next b
section b 8 bars
  play beats from kit every 2 bars gain -2 dB
  play bass from low every 2 bars
  play melody from keys every 2 bars
  next a
""",
    "club": """section a 8 bars
  play beats from kit every 2 bars count 2 gain +3 dB
  next a
""",
}
TARGETS = {"lobby": -22, "shop": -18, "spa": -26, "veil": -26, "gallery": -24, "bar": -15, "club": -14}


def notes(hz: list[float], beats: int, decay: float, seed: int) -> np.ndarray:
    """A note on each beat, float64 of shape (frames, 2); the last rings into the first."""
    random = np.random.RandomState(seed)
    frames = beats * BEAT_FRAMES
    wave = np.zeros((2 * frames, 2))
    for beat in range(beats):
        age = np.arange(2 * frames - beat * BEAT_FRAMES) / RATE_HZ
        tone = sum(np.sin(2 * np.pi * hz[beat % len(hz)] * over * age) / over for over in (1, 2, 3))
        attack = np.minimum(1, age / 0.005)
        wave[beat * BEAT_FRAMES :] += (tone * attack * np.exp(-age * decay))[:, None] * random.uniform(0.6, 1, 2)
    return wave[:frames] + wave[frames:]


def strokes(beats: int, seed: int) -> np.ndarray:
    """A kit: a kick on each beat, a hat between; its peaks stand 18 dB above its loudness."""
    random = np.random.RandomState(seed)
    wave = np.zeros((beats * BEAT_FRAMES, 2))
    age = np.arange(BEAT_FRAMES // 2) / RATE_HZ
    kick = np.sin(2 * np.pi * (45 * age + 4 * (1 - np.exp(-age * 30)))) * np.exp(-age * 18)
    for beat in range(beats):
        at = beat * BEAT_FRAMES
        wave[at : at + len(kick)] += kick[:, None]
        hat = random.uniform(-1, 1, len(age)) * np.exp(-age * 120) * 0.5
        wave[at + BEAT_FRAMES // 2 : at + BEAT_FRAMES // 2 + len(hat)] += hat[:, None]
    return wave


def at_lufs(wave: np.ndarray, lufs: float) -> np.ndarray:
    """`wave` as loud as that."""
    return wave * 10 ** ((lufs - pyloudnorm.Meter(RATE_HZ).integrated_loudness(wave)) / 20)


def fill(vault: Vault) -> None:
    """Stems of -24 to -40 LUFS in each role, and one-shots and a room among the effects."""
    parts = [
        ("pads", notes([220, 262, 330], 8, 0.5, 1), -24), ("pads", notes([247, 294], 8, 0.4, 2), -33),
        ("pads", notes([196, 392], 8, 0.6, 3), -40), ("bass", notes([55, 65], 8, 2, 4), -27),
        ("bass", notes([49, 73], 8, 3, 5), -38), ("beats", strokes(8, 6), -24), ("beats", strokes(8, 7), -32),
        ("melody", notes([880, 659, 784], 8, 5, 8), -26), ("melody", notes([988, 523], 8, 7, 9), -37),
    ]  # fmt: skip
    for number, (role, wave, lufs) in enumerate(parts):
        _put(vault, at_lufs(wave, lufs), replace(FACTS, title=f"{role} {number}", role=role))
    room = np.random.RandomState(10).normal(0, 1, (12 * RATE_HZ, 1))
    one_shot = notes([1318], 2, 4, 11)
    spot = replace(FACTS, role="fx", tempo_mbpm=None, beats=None)
    _put(vault, at_lufs(room, -36), replace(spot, title="room"))
    _put(vault, at_lufs(one_shot, -30) + 0.05, replace(spot, title="bell"))
    _put(vault, at_lufs(one_shot[::2], -22), replace(spot, title="chime"))


def _put(vault: Vault, wave: np.ndarray, facts: StatedFacts) -> None:
    vault.import_samples(np.rint(np.clip(wave, -1, 1) * 32767).astype(np.int16), facts)


def built(vault: Vault, out: Path, name: str, target: float | None = None) -> tuple[PackSummary, PackFolder]:
    """The pack of the script of that name, opened as a player opens it."""
    head = HEAD.format(name=name, target=TARGETS[name] if target is None else target)
    compiled = compile_script(head + BODIES[name], vault.stems())
    summary = build_pack(
        compiled, vault, out, publisher_seed=SEED, serial=1, board_class="linux", lease_end_unix_s=2**31
    )
    return summary, open_pack(str(out), PUBLISHER, verify)


def heard(pack: PackFolder, minutes: float, seed: bytes = b"1") -> np.ndarray:
    """What a player renders, float64 of shape (frames, 2)."""
    score = decode_score(pack.score())
    stems = pack.manifest.stems
    vm = Vm(score, [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], hashlib.sha256(seed).digest())
    mixer = make_mixer(score.rate_hz, score.voices, BLOCK_FRAMES, ceiling=ceiling_for(score.peak_mdb))
    played = Performance(vm, mixer, Meter(score.voices), pack.stem, BlobError)
    blocks = round(minutes * 60 * score.rate_hz / BLOCK_FRAMES)
    pcm = b"".join(bytes(played.render(BLOCK_FRAMES)) for _ in range(blocks))
    return np.frombuffer(pcm, "<i2").reshape(-1, 2) / 32768
