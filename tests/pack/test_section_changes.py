"""Where sections change, the music dips by no more than 3 dB, however uneven the stems: three scripts, rendered."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
from level_material import FACTS, PUBLISHER, SEED, heard
from numpy.typing import NDArray

from amos.crypto import verify
from amos.packs.folder import open_pack
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.sound.events import Section
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault

VAULT_HZ = 44_100
RATE_HZ = 22_050
BAR = 2 * RATE_HZ
MINUTES = 3
DIP_DB_MAX = 3
HEAD = """experience "{name}" seed {seed}
clock 22050 tempo 120 meter 4/4
pool round = stems where role pads and tag "round"
pool wide = stems where role pads and not tag "round"
pool low = stems where role bass
pool air = stems where role fx
mix target {target} LUFS peak -1 dBTP voices 12
"""
SCRIPTS = {
    # Loops that fade in their own files, beside the noise of a room.
    "lobby": """section arrive 8 bars
  play pads from round fade 1 bar
  play fx from air fade 2 bars gain -14 dB
  next stay
section stay 8 bars
  play pads from round fade 2 beats gain -1 dB
  next arrive
transition any -> any at bar fade 1 bar power
""",
    "shop": """section open 8 bars
  play pads from round fade 1 bar gain -4 dB
  play bass from low every 4 bars
  next full
section full 8..16 bars
  play pads from round fade 1 bar
  play bass from low every 4 bars gain -2 dB
  next open
transition any -> any at bar fade 1 bar power
""",
    # Loops that ring out, and pads that know no beats.
    "spa": """section still 8 bars
  play pads from wide count 2 fade 2 bars
  next glow
section glow 8..16 bars
  play pads from wide fade 2 bars
  next still
transition any -> any at bar fade 2 bars power
""",
}
TARGETS = {"lobby": -22, "shop": -18, "spa": -26}


def wash(seconds: float, seed: int) -> NDArray[np.float64]:
    """Soft noise, the same throughout and round: float64 of shape (frames, 2)."""
    frames = round(seconds * VAULT_HZ)
    spectrum = np.fft.rfft(np.random.RandomState(seed).normal(0, 1, (frames, 2)), axis=0)
    over = np.arange(len(spectrum)) * VAULT_HZ / frames / 600
    return np.fft.irfft(spectrum / (1 + over**2)[:, None], frames, axis=0)


def faded(wave: NDArray[np.float64], rise_s: float, fall_s: float) -> NDArray[np.float64]:
    at = np.arange(len(wave)) / VAULT_HZ
    return wave * np.minimum(1, np.minimum(at / rise_s, (at[-1] - at) / fall_s))[:, None]


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Pads of -18 to -36 dB with rises and falls of their own, of 8 and 4 bars, with and without ring-out and beats."""
    facts = replace(FACTS, tempo_mbpm=120_000, beats=32)
    rows = [
        (faded(wash(16, 1), 0.3, 0.5), -18, facts, {"round"}), (faded(wash(16, 2), 0.15, 2), -28, facts, {"round"}),
        (faded(wash(8, 3), 0.6, 0.7), -36, replace(facts, beats=16), {"round"}), (wash(16, 4), -24, facts, {"round"}),
        (faded(wash(17.7, 5), 0.1, 1.7), -20, facts, set()),
        (faded(wash(8.8, 6), 0.1, 0.8), -30, replace(facts, beats=16), set()),
        (faded(wash(9.3, 7), 0.1, 0.1), -26, replace(facts, beats=None), set()),
        (faded(wash(13, 8), 0.5, 0.9), -33, replace(facts, beats=None), set()),
        (wash(8, 9), -24, replace(facts, role="bass", beats=16), set()),
        (wash(30, 10), -38, replace(facts, role="fx", tempo_mbpm=None, beats=None), set()),
    ]  # fmt: skip
    with Vault.init(tmp_path_factory.mktemp("uneven") / "vault") as vault:
        for number, (wave, level_db, said, tags) in enumerate(rows):
            samples = wave * 10 ** (level_db / 20) / wave.std()
            titled = replace(said, title=f"{said.role} {number}", tags=tuple(("mood", tag) for tag in tags))
            vault.import_samples(np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16), titled)
        yield vault


def momentary(samples: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The middles, in frames, and the loudness in LUFS of 400 ms each, 50 ms apart."""
    weighted = samples.copy()
    for stage in pyloudnorm.Meter(RATE_HZ)._filters.values():
        for channel in (0, 1):
            weighted[:, channel] = stage.apply_filter(weighted[:, channel])
    power = np.concatenate(([0], np.cumsum(np.square(weighted).sum(axis=1))))
    window = RATE_HZ * 2 // 5
    begins = np.arange(0, len(samples) - window, RATE_HZ // 20)
    mean = (power[begins + window] - power[begins]) / window
    return begins + window // 2, -0.691 + 10 * np.log10(np.maximum(mean, 1e-12))


def dips_db(samples: NDArray[np.float64], changes: list[int]) -> list[float]:
    """How far the softest 400 ms around each change are below the softest tenth of the four bars before and after."""
    at, lufs = momentary(samples)
    found = []
    for change in changes:
        before = lufs[(at >= change - 4 * BAR) & (at < change)]
        after = lufs[(at >= change + BAR) & (at < change + 5 * BAR)]
        around = lufs[(at >= change - RATE_HZ // 2) & (at < change + 2 * BAR)]
        found.append(float(min(np.percentile(before, 10), np.percentile(after, 10)) - around.min()))
    return found


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_dips_by_no_more_than_3_db(uneven: Vault, tmp_path: Path, name: str) -> None:
    head = HEAD.format(name=name, seed=1, target=TARGETS[name])
    compiled = compile_script(head + SCRIPTS[name], uneven.stems())
    build_pack(
        compiled, uneven, tmp_path / "pack", publisher_seed=SEED, serial=1, board_class="linux", lease_end_unix_s=2**31
    )
    pack = open_pack(str(tmp_path / "pack"), PUBLISHER, verify)
    samples = heard(pack, MINUTES)
    stems = pack.manifest.stems
    vm = Vm(decode_score(pack.score()), [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], bytes(32))
    pack.close()
    events = vm.advance(len(samples) - 5 * BAR)
    changes = [event.frame for event in events if isinstance(event, Section) and event.frame]
    dips = dips_db(samples, changes)
    loudness = pyloudnorm.Meter(RATE_HZ).integrated_loudness(samples)
    print(f"{name}: {len(dips)} changes, dips {sorted(round(dip, 2) for dip in dips)} dB, {loudness:.2f} LUFS")
    assert len(dips) > 5 and max(dips) <= DIP_DB_MAX
    assert abs(loudness - TARGETS[name]) < 1
