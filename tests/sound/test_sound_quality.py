"""Listening checks on ten minutes of the starter pack, and of real recordings: loudness, true peak, offset, clicks; and
that nothing but the music decides what is rendered and metered."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import soxr

import amos_tools.script
from amos.crypto import public_key, verify
from amos.edges.stem_file import BlobError
from amos.edges.stem_file_numpy import MappedStem
from amos.edges.stem_file_qoa import QoaStem
from amos.packs.folder import PackFolder, open_pack
from amos.score.score import Score, decode_score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.sound.events import Start, Stop
from amos.sound.limiter import ceiling_for
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer
from amos_tools.pack import build_pack, sample_render, working
from amos_tools.script import compile_script
from amos_tools.script.compile import EDGE_OUT_FRAMES
from amos_tools.starter import make_starter_vault
from amos_tools.vault import Vault

SCRIPT = Path(amos_tools.script.__file__).parent / "examples" / "starter.aimi"
PUBLISHER_SEED = bytes(range(32))
BLOCK_FRAMES = 8192
MINUTES = 10
EDGE_FRAMES = 3  # around a node: a second difference takes in three frames
ROUNDING = 4  # a sample's may be off by one, so a second difference by four


@dataclass
class Heard:
    """Ten minutes as they came out: int64 of shape (frames, 2), and the events that made them."""

    score: Score
    pack: PackFolder
    samples: np.ndarray
    events: list[object]


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with make_starter_vault(tmp_path_factory.mktemp("quality") / "vault") as vault:
        yield vault


def built(vault: Vault, name: str, script: bytes, codec: str = "pcm16") -> PackFolder:
    folder = vault.path.parent / name
    compiled = compile_script(script, vault.stems())
    arguments = {"publisher_seed": PUBLISHER_SEED, "serial": 1, "board_class": "linux", "lease_end_unix_s": 2**31}
    build_pack(compiled, vault, folder, codec=codec, **arguments)  # type: ignore[arg-type]
    return open_pack(str(folder), public_key(PUBLISHER_SEED), verify)


def performance(pack: PackFolder, score: Score, meter: Meter, seed: int, events: list[object]) -> Performance:
    stems = pack.manifest.stems
    seed32 = hashlib.sha256(b"%d" % seed).digest()
    vm = Vm(score, [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], seed32)
    advance = vm.advance

    def noted(until_frame: int) -> list[object]:
        found = advance(until_frame)
        events.extend(found)
        return found

    vm.advance = noted
    mixer = make_mixer(score.rate_hz, score.voices, BLOCK_FRAMES, ceiling=ceiling_for(score.peak_mdb))
    return Performance(vm, mixer, meter, pack.stem, BlobError)


def heard(pack: PackFolder, seed: int, minutes: int) -> Heard:
    score = decode_score(pack.score())
    events: list[object] = []
    played = performance(pack, score, Meter(score.voices), seed, events)
    blocks = minutes * 60 * score.rate_hz // BLOCK_FRAMES
    pcm = b"".join(bytes(played.render(BLOCK_FRAMES)) for _ in range(blocks))
    assert not played.refused
    return Heard(score, pack, np.frombuffer(pcm, "<i2").reshape(-1, 2).astype(np.int64), events)


def lufs(samples: np.ndarray, rate_hz: int) -> float:
    import pyloudnorm  # brings in SciPy, a second that workers which only collect need not pay

    return float(pyloudnorm.Meter(rate_hz).integrated_loudness(samples / 32768))


def true_peak_dbtp(samples: np.ndarray, rate_hz: int) -> float:
    """At four times the rate (ITU-R BS.1770-4, annex 2)."""
    peak = 0.0
    for start in range(0, len(samples), 30 * rate_hz):
        part = samples[start : start + 30 * rate_hz].astype(np.float32) / 32768
        peak = max(peak, float(np.abs(soxr.resample(part, rate_hz, 4 * rate_hz, quality="HQ")).max()))
    return 20 * float(np.log10(peak))


def bends(samples: np.ndarray) -> np.ndarray:
    """Magnitude of the second difference at each frame but the first and last, the greater of both sides."""
    return np.abs(np.diff(samples.astype(np.int64), 2, axis=0)).max(axis=1)


def bends_of(stem: MappedStem) -> np.ndarray:
    """The same of a whole stem."""
    return bends(stem.samples.reshape(-1, stem.channels))


@pytest.fixture(scope="module")
def pack(vault: Vault) -> PackFolder:
    return built(vault, "pack", SCRIPT.read_bytes())


@pytest.fixture(scope="module", params=["starter", "cafe_hour"])
def cafe(request: pytest.FixtureRequest) -> Heard:
    if request.param == "starter":
        return heard(request.getfixturevalue("pack"), 1, MINUTES)
    recordings = request.getfixturevalue("cafe_vault")
    return heard(built(recordings, "cafe-pack", SCRIPT.with_name("cafe_hour.aimi").read_bytes()), 1, MINUTES)


def test_loudness_is_the_script_s(cafe: Heard) -> None:
    assert abs(lufs(cafe.samples, cafe.score.rate_hz) - cafe.score.target_mlufs / 1000) <= 0.5


def test_true_peak_is_below_the_script_s(cafe: Heard) -> None:
    assert cafe.score.peak_mdb == -1000
    assert true_peak_dbtp(cafe.samples, cafe.score.rate_hz) <= -1


def test_true_peak_holds_when_the_limiter_works_all_the_time(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (sample_render, working):  # how loud it is to a tenth of a decibel is of no concern here
        monkeypatch.setattr(part, "SAMPLE_S", 20)
    loud = built(vault, "loud", SCRIPT.read_bytes().replace(b"target -20 LUFS", b"target -12 LUFS"))
    played = heard(loud, 2, 2)
    assert np.abs(played.samples).max() == ceiling_for(-1000)
    assert true_peak_dbtp(played.samples, played.score.rate_hz) <= -1


def test_no_offset(cafe: Heard) -> None:
    assert np.abs(cafe.samples.mean(axis=0)).max() < 1


def test_no_click_where_a_stem_begins_fades_or_ends(cafe: Heard) -> None:
    own = [bends_of(cafe.pack.stem(index)).max() for index in range(len(cafe.pack.manifest.stems))]
    sounding: dict[int, list[int]] = {}
    placements, nodes = [], []
    for event in cafe.events:
        if isinstance(event, Start):
            end = event.frame + event.frames
            sounding[event.voice] = [event.frame, end, event.stem, event.gain_q15]
            placements.append(sounding[event.voice])
            nodes += [event.frame, event.frame + event.fade_in, end - event.fade_out, end]
        elif isinstance(event, Stop) and event.frame < sounding[event.voice][1]:
            sounding[event.voice][1] = min(sounding[event.voice][1], event.frame + event.fade)
            nodes += [event.frame, event.frame + event.fade]
    bent = bends(cafe.samples)
    nodes = [frame for frame in nodes if EDGE_FRAMES <= frame < len(bent) - EDGE_FRAMES]
    assert len(nodes) > 200
    for frame in nodes:
        near = [p for p in placements if p[0] <= frame + EDGE_FRAMES and p[1] >= frame - EDGE_FRAMES]
        allowed = sum(own[stem] * gain / 32768 for _begin, _end, stem, gain in near) + ROUNDING
        assert bent[frame - EDGE_FRAMES : frame + 2].max() <= allowed, frame


def test_no_click_where_a_stem_is_cut(pack: PackFolder) -> None:
    fade = EDGE_OUT_FRAMES  # the shortest there is
    for index, record in enumerate(pack.manifest.stems):
        source = pack.stem(index)
        allowed = bends_of(source).max() * record.gain_q15 / 32768 + ROUNDING
        mixer = make_mixer(pack.manifest.rate_hz, 1, BLOCK_FRAMES)
        mixer.start(Start(0, 0, index, source.frames, record.gain_q15, 64, fade), source)
        mixer.stop(Stop(100_001, 0, fade))
        pcm = b"".join(bytes(mixer.render(BLOCK_FRAMES)) for _ in range(13))
        bent = bends(np.frombuffer(pcm, "<i2").reshape(-1, 2))
        assert bent[100_001 - EDGE_FRAMES : 100_001 + fade + 2].max() <= allowed, record.stem_id.hex()


@pytest.mark.parametrize("seed", [1, 2])
def test_blocks_and_seals_change_neither_samples_nor_rows(pack: PackFolder, seed: int) -> None:
    whole = rendered(pack, seed, (BLOCK_FRAMES,), ())
    assert len(whole[1]) >= 8
    assert rendered(pack, seed, (64, 4096, 192, 1024), (3, 7)) == whole


def rendered(pack: PackFolder, seed: int, blocks: tuple[int, ...], cuts: tuple[int, ...]) -> tuple[bytes, dict]:
    """SHA-256 of a minute's PCM, and its rows; cut after those blocks of every ten, and joined again."""
    score = decode_score(pack.score())
    meter = Meter(score.voices)
    played = performance(pack, score, meter, seed, [])
    frames = 60 * score.rate_hz // 64 * 64
    digest = hashlib.sha256()
    rows: list[tuple] = []
    for number, block in enumerate(cycle(blocks)):
        digest.update(played.render(min(block, frames - played.frame)))
        played.delivered(played.frame)
        if number % 10 in cuts:
            rows += meter.cut()
        if played.frame == frames:
            rows += meter.cut()
            return digest.digest(), joined(rows)
    raise AssertionError


def joined(rows: list[tuple]) -> dict[tuple[int, int], int]:
    """(stem, frame) -> how many more voices sound it from there on: the same however its rows are cut, also where it
    goes round under its own end."""
    changes: Counter[tuple[int, int]] = Counter()
    for stem, start, frames, _flags in rows:
        changes[stem, start] += 1
        changes[stem, start + frames] -= 1
    return {place: change for place, change in changes.items() if change}


def test_a_board_s_decoder_and_numpy_s_play_the_same_qoa(pack: PackFolder, vault: Vault) -> None:
    script = b"\n".join(line for line in SCRIPT.read_bytes().split(b"\n") if b"play fx" not in line)
    packed = built(vault, "qoa", first_section(script), "qoa")
    score = decode_score(packed.score())
    sums = []
    for portable in (False, True):
        played = performance(packed, score, Meter(score.voices), 5, [])
        if portable:
            played._source_of = lambda index: QoaStem(
                packed.admit,
                packed.blob_path(packed.manifest.stems[index].sha256),
                packed.manifest.stems[index].frames,
                packed.manifest.stems[index].channels,
            )
        sums.append(hashlib.sha256(b"".join(bytes(played.render(1024)) for _ in range(40))).hexdigest())
    assert sums[0] == sums[1]


def first_section(script: bytes) -> bytes:
    """A script of pads alone, so that few stems are encoded."""
    head, _, rest = script.partition(b"section dawn")
    body = rest.partition(b"section stroll")[0].partition(b"  next")[0]
    kept = [line for line in head.split(b"\n") if not line.startswith(b"pool") or b"haze" in line]
    return b"\n".join(kept) + b"section dawn" + body + b"  next dawn 1\n"
