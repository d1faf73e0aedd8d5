"""A small vault of facts (no audio) and a script that compiles with it."""

import hashlib

from amos.score.draw import numbered_seed
from amos.score.score import RenderPlan, decode_score
from amos.score.vm import Vm
from amos_tools.script import Compiled
from amos_tools.script.preview import stem_frames
from amos_tools.starter.grooves import STROKE_FRAMES
from amos_tools.starter.repertoire import PIECES
from amos_tools.stems import PPM, ROLES, Split, StemFacts

BEAT_FRAMES = 31500  # 84 bpm at 44,100 Hz


def stem(
    role: str,
    number: int,
    *,
    key: str | None = "D minor",
    tempo_mbpm: int | None = 84_000,
    bars: int = 4,
    artist: str = "Ilse Maren",
    opt_in: bool = True,
    title: str | None = None,
    tags: tuple[tuple[str, str], ...] = (),
) -> StemFacts:
    digest = hashlib.sha256(f"{role} {number}".encode()).digest()
    return StemFacts(
        stem_id=digest[:16],
        sha256=digest,
        title=title or f"{role} {number}",
        artist=artist,
        role=role,
        key=key,
        tempo_mbpm=tempo_mbpm,
        beats=bars * 4 or None,
        rate_hz=44100,
        frames=bars * 4 * BEAT_FRAMES or STROKE_FRAMES,
        channels=2,
        loudness_mlufs=-20_000,
        opt_in=opt_in,
        splits=(Split("ilse-maren", PPM),),
        tags=tags,
    )


def starter_stems() -> list[StemFacts]:
    """The facts of the starter vault, without its audio."""
    return [
        stem(
            piece.role,
            100 + number,
            key=piece.key,
            tempo_mbpm=84_000 if piece.bars else None,
            bars=piece.bars,
            artist=piece.artist,
            opt_in=piece.opt_in,
            title=piece.title,
            tags=piece.tags,
        )
        for number, piece in enumerate(PIECES)
    ]


def make_vm(compiled: Compiled, seed: int, *, plan: RenderPlan | None = None) -> Vm:
    """The VM at frame 0, without a pack: all stems as loud as they are."""
    frames = stem_frames(compiled)
    return Vm(decode_score(compiled.score), frames, [32767] * len(frames), numbered_seed(seed), None, plan)


VAULT = [
    stem(role, number, key=None if role in ("beats", "tops", "fx") else "F major", bars=(4, 8, 16)[number % 3])
    for role in ROLES
    for number in range(4)
]
VAULT.append(stem("fx", 99, key=None, bars=1, artist="Noor Adeyemi", title="closing"))

EXAMPLE = """\
experience "harbour cafe" seed device
clock 48000 tempo 84 meter 4/4 key D minor
pool warm = stems where role pads and key fits and tempo fits
pool low  = stems where role bass and key fits and tempo fits
pool kit  = stems where role beats and tempo fits
slider intensity 0..1 start 0.3 scope section slew 8 bars
avoid stem 12 plays 6 h, artist 2 plays, keep reboot
relax artist, stem.hours, stem.plays, key
mix target -23 LUFS peak -3 dBTP voices 8 duck -12 dB 300 ms

section drift 16..32 bars
  play pads from warm count 1..2 gain -3 dB
  play bass from low every 8 bars chance 0.2 + 0.6 * intensity
  next drift 2, bloom 3 when intensity > 0.4, rest 1

section bloom 16 bars
  play pads from warm count 2
  play beats from kit chance intensity enter bar fade 2 bars
  next drift 3, rest 1

section rest 4..8 bars
  play pads from warm gain -9 dB
  next drift 1

transition any -> any at bar fade 4 bars power
daypart mon-fri 07:00..11:00 set intensity 0.25
announce "closing" at 21:45 exact duck
on dislike weight * 0.5 swap at bar
render "promo" length 30 s hit 12 s bloom
"""

MOVING = EXAMPLE.replace("gain -3 dB", "gain -12 dB + 10 dB * intensity")
MOVING = MOVING.replace("gain -9 dB", "gain -18..-6 dB over 4 bars")
"""With gains that move."""

HEAD = """\
clock 44100 tempo 84 meter 4/4 key D minor
pool warm = stems where role pads
slider calm 0..1 start 0.5
"""
"""Lines 1 to 3 of the scripts in the error table."""
