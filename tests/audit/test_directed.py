"""`amos audit` on a player that follows signed directives: whatever they change is in its log, and replays the same."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_world import OPERATOR, OTHER_SCRIPT, RATE_HZ, SCRIPT, Venue, World, make_packs
from typer.testing import CliRunner

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.directive import Hours, Position
from amos.protocol.directive_host import sign_directive
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.link import BLOB_CONTENT, BLOB_MANIFEST, BUSY
from amos.protocol.link_pack_device import PackRefused
from amos.protocol.segment import OUTPUT_KINDS, PACES, SEAL_TIER, Usage
from amos.score.inputs import INPUT_PAUSE, INPUT_SLIDER, INPUT_VOLUME
from amos_tools.cli import app
from amos_tools.device.send import FolderPack
from amos_tools.replay import unlike
from protocol_examples import a_directive

OPERATOR_KEY = crypto.public_key(OPERATOR)
TIER = 3


def directed(player: Player, serial: int, **wanted: Any) -> None:
    directive = a_directive(player.device.identity.device_id, serial, **wanted)
    signed = sign_directive(directive, crypto.key_id(OPERATOR_KEY), lambda message: crypto.sign(OPERATOR, message))
    player.device.take_directive(signed)


def is_busy(intake: Any, name: bytes) -> bool:
    """Whether the blob is not stored yet; each question goes on with it."""
    try:
        intake.finish(name)
    except PackRefused as refused:
        assert refused.code == BUSY, refused
        return True
    return False


def brought(player: Player, folder: Path) -> bytes:
    """The pack's id; all of it is there and waits for the end of a section."""
    intake, pack = player.device.packs, FolderPack(folder).pack
    assert intake is not None
    signed = (folder / "manifest.cose").read_bytes()
    pack_id = hashlib.sha256(signed).digest()
    blobs = [(BLOB_MANIFEST, pack_id, signed)]
    blobs += [(BLOB_CONTENT, bytes.fromhex(path.name), path.read_bytes()) for path in (folder / "blobs").iterdir()]
    assert pack is not None
    for kind, name, data in blobs:
        if intake.begin(kind, name, len(data)) < len(data):
            intake.put(name, 0, data)
            while is_busy(intake, name):
                pass
    intake.activate(pack_id)
    return pack_id


def hours_now() -> list[Hours]:
    """Silence that began and lasts for two minutes of the session, which passes faster than the time of day."""
    now = time.gmtime()
    minute, weekdays = now.tm_hour * 60 + now.tm_min, 1 << now.tm_wday | 1 << (now.tm_wday - 1) % 7
    return [Hours(from_minute=(minute + 1439) % 1440, until_minute=(minute + 3) % 1440, weekdays=weekdays)]


def acts(other: Path) -> list[tuple[int, Callable[[Player], None]]]:
    """(second of the first session, what happens then)."""
    pack_id = hashlib.sha256((other / "manifest.cose").read_bytes()).digest()
    slider = Position(name="intensity", position_q15=29_000)
    return [
        (6, lambda player: directed(player, 1, volume_q15=9_000)),
        (12, lambda player: directed(player, 2, volume_q15=9_000, sliders=[slider])),
        (18, lambda player: directed(player, 3, volume_q15=20_000, tier=TIER + 1, sync=3)),
        (24, lambda player: directed(player, 4, version=2, volume_q15=20_000, pause=hours_now())),
        (40, lambda player: directed(player, 5, volume_q15=20_000, sliders=[slider])),
        (50, lambda player: directed(player, 6, volume_q15=20_000, pack=pack_id)),
        (52, lambda player: brought(player, other) and None),
    ]


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_packs(tmp_path_factory.mktemp("packs"), SCRIPT, OTHER_SCRIPT)


@pytest.fixture(scope="module")
def bar(packs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """A venue's player, of a tier that heard music has, though it plays faster here; over another pack and a boot."""
    venue = Venue(tmp_path_factory.mktemp("players") / "bar", "bar")
    left = acts(packs[1])

    def turn(player: Player) -> None:
        session = player.device.player_state.session
        if session is not None and left and session.frame > left[0][0] * RATE_HZ:
            left.pop(0)[1](player)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(Config, "_check_is_heard", lambda self: None)
        venue.play(packs[0], 2, turn, tier=TIER, operator_key=OPERATOR_KEY.hex())
        venue.play(packs[0], 1, tier=TIER, operator_key=OPERATOR_KEY.hex())
        assert not left
        yield venue


def heard(usages: list[Usage]) -> None:
    """As the same player would sign them that plays by the clock, into loudspeakers, which takes minutes."""
    for usage in usages:
        usage.pace, usage.output_kind = PACES.index("clocked"), OUTPUT_KINDS.index("alsa")


def usages_of(venue: Venue) -> list[Usage]:
    payloads = [parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload for segment in venue.segments()]
    return [Usage.decode(payload) for payload in payloads]


def run(world: World, packs: list[Path], *more: str, code: int = 0) -> Any:
    words = ["audit", "--device=cafe/bar", *map(str, world.words(*packs)), "--json", *more]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_what_directives_change_is_in_the_log_and_replays_to_the_same_rows_and_sound(
    bar: Venue, packs: list[Path], tmp_path: Path
) -> None:
    usages = usages_of(bar)
    kinds = [kind for usage in usages for kind in usage.input_kinds]
    values = [value for usage in usages for value in usage.input_values]
    told = list(zip(kinds, values, strict=True))
    for wanted in ((INPUT_VOLUME, 9_000), (INPUT_VOLUME, 20_000), (INPUT_SLIDER, 29_000)):
        assert wanted in told
    assert (INPUT_PAUSE, 1) in told and (INPUT_PAUSE, 0) in told
    assert {usage.tier for usage in usages} == {TIER, TIER + 1} and SEAL_TIER in [usage.reason for usage in usages]
    assert len({usage.pack for usage in usages}) == 2 and len({usage.session for usage in usages}) >= 3
    world = World(tmp_path / "ledger", packs)
    world.take(bar, bar.segments(heard), int(time.time()) + 600)
    rows = run(world, packs)
    assert rows["agrees"], rows
    sums = run(world, packs, "--pcm")["totals"]
    assert sums["segments"] == sums["agree"] == sums["pcm_compared"] == len(usages)


@pytest.mark.parametrize(
    ("kind", "value", "other", "field"),
    [
        (INPUT_VOLUME, 9_000, 9_500, "pcm_sha256"),
        (INPUT_SLIDER, 29_000, 1_000, "row"),
        (INPUT_PAUSE, 1, 0, "row"),
    ],
)
def test_a_log_that_says_otherwise_than_what_was_directed_is_found_and_named(
    kind: int, value: int, other: int, field: str, bar: Venue, packs: list[Path], tmp_path: Path
) -> None:
    """The rows and the sound are what the directive made of them; the input that it left is not."""
    planted: list[int] = []

    def otherwise(usages: list[Usage]) -> None:
        heard(usages)
        for usage in usages:
            for at, told in enumerate(zip(usage.input_kinds, usage.input_values, strict=True)):
                if told == (kind, value) and not planted:
                    planted.append(usage.session)
                    usage.input_values[at] = other

    world = World(tmp_path / "ledger", packs)
    world.take(bar, bar.segments(otherwise), int(time.time()) + 600)
    found = run(world, packs, "--pcm", code=1)
    (session,) = [each for each in found["devices"][0]["sessions"] if each["session"] == planted[0]]
    assert session["difference"]["field"] == field
    if field == "pcm_sha256":
        assert session["difference"]["meaning"] == unlike.PCM
        assert run(world, packs)["agrees"], "the volume decides no rows"
