"""`amos audit` on what real players signed and a real ledger logged, and on what a liar with a device's key signs."""

import base64
import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from audit_world import OPERATOR, OTHER_SCRIPT, PUBLISHER, RATE_HZ, SCRIPT, Venue, World, make_packs, month
from dask_process import DaskProcesses
from typer.testing import CliRunner

from amos import crypto
from amos.app import Player
from amos.edges.two_slot_file import TwoSlotFile
from amos.packs.folder import PackFolder, open_pack
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.manifest import ROLES
from amos.protocol.segment import FLAG_END, FLAG_OPT_OUT, SEAL_POWER_LOSS, Usage
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_DISLIKE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
)
from amos.session.seed_root import ROOT_BYTES
from amos_batches.runner import InProcess
from amos_tools.audit.choice import choose
from amos_tools.audit.run import Asked, audit
from amos_tools.cli import app
from amos_tools.replay import unlike
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.keys import Keys
from amos_tools.verify.published import Published

INPUTS = [
    *((5, INPUT_DISLIKE, 0), (11, INPUT_SKIP, 0), (18, INPUT_PAUSE, 1), (25, INPUT_PAUSE, 0), (30, INPUT_VOLUME, 9000)),
    *((36, INPUT_ANNOUNCE, 0), (42, INPUT_SLIDER, 30_000), (50, INPUT_LIKE, 0)),
]


def told(inputs: list[tuple[int, int, int]]) -> Callable[[Player], None]:
    """Gives the session these inputs, (second, kind, value)."""
    left = list(inputs)

    def turn(player: Player) -> None:
        session = player.device.player_state.session
        while session is not None and left and session.frame > left[0][0] * RATE_HZ:
            _second, kind, value = left.pop(0)
            session.input(kind, value)

    return turn


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_packs(tmp_path_factory.mktemp("packs"), SCRIPT, OTHER_SCRIPT)


@pytest.fixture(scope="module")
def bar(packs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Venue:
    """A player on CPython: inputs of all kinds over a seal, a cut of power, another pack and the first one again."""
    venue = Venue(tmp_path_factory.mktemp("players") / "bar", "bar")
    venue.play(packs[0], 11, told(INPUTS))
    venue.lose_power(packs[0], 3, 80)
    for pack in (packs[0], packs[1], packs[0]):
        venue.play(pack, 2)  # of one minute, chance may make fewer rows than the test wants to see
    return venue


@pytest.fixture(scope="module")
def world(packs: list[Path], bar: Venue, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A ledger with all that it signed."""
    found = World(tmp_path_factory.mktemp("ledger") / "ledger", packs)
    found.take(bar, bar.segments())
    return found


def open_pack_of(folder: Path) -> AbstractContextManager[PackFolder]:
    return closing(open_pack(str(folder), crypto.public_key(PUBLISHER), crypto.verify))


def run(world: World, *words: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["audit", *map(str, words)])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout) if "--json" in words else result.output


def test_what_a_player_signed_is_what_its_scores_decide_and_how_it_sounds(
    world: World, packs: list[Path], bar: Venue
) -> None:
    found = run(world, "--device=cafe/bar", *world.words(*packs), "--pcm", "--json")
    sums = found["totals"]
    assert found["agrees"] and (sums["agree"], sums["differ"], sums["not_replayed"]) == (6, 0, 0)
    assert (sums["sessions"], sums["pcm_compared"], sums["pcm_not_compared"]) == (5, 5, 1)
    assert all(session["rows"] > 50 for session in found["devices"][0]["sessions"])
    by_id = run(world, f"--device={bar.device().identity.device_id.hex()}", *world.words(*packs))
    assert by_id.startswith("yes: 6 of 6 segments of 1 device are what their scores decide\n")


def test_a_player_on_micropython_too(packs: list[Path], tmp_path: Path, micropython: list[str]) -> None:
    venue = Venue(tmp_path / "lounge", "lounge")
    assert micropython
    venue.play_on_micropython(packs[0], 1)
    world = World(tmp_path / "ledger", packs)
    world.take(venue, venue.segments())
    found = run(world, "--device=lounge", *world.words(packs[0]), "--pcm", "--json")
    assert found["agrees"] and found["totals"]["pcm_compared"] == found["totals"]["segments"] == 1


def test_what_cannot_be_replayed_is_named_and_counted(world: World, packs: list[Path]) -> None:
    found = run(world, "--device=cafe/bar", *world.words(packs[0]), "--json")
    sessions = found["devices"][0]["sessions"]
    assert found["totals"]["not_replayed"] == 1 and found["totals"]["agree"] == 5
    assert sessions[3]["not_replayed"] == [{"why": "its pack is not given", "segments": 1}]
    told_by = run(world, "--device=cafe/bar", *world.words(packs[0]))
    assert "not replayed: 1 segment of cafe/bar: its pack is not given" in told_by
    nothing = run(world, "--device=cafe/bar", *world.words(packs[1]), code=0)
    assert "yes: 1 of 1 segment" in nothing, "one session is of the second pack"


def test_a_session_without_its_beginning_is_not_replayed(packs: list[Path], bar: Venue, tmp_path: Path) -> None:
    def lose_the_first(usages: list[Usage]) -> None:
        del usages[0]
        usages[0].lost_first, usages[0].lost_last, usages[0].lost_reason = 1, 1, 1

    world = World(tmp_path / "ledger", packs)
    world.take(bar, bar.segments(lose_the_first))
    found = run(world, "--device=bar", *world.words(*packs), "--json")
    sessions = found["devices"][0]["sessions"]
    assert sessions[0]["not_replayed"] == [{"why": "a segment before it in its session is missing", "segments": 1}]
    assert "what the score remembered" in sessions[1]["not_replayed"][0]["why"]
    assert sessions[3]["agree"] == 1, "another score remembers nothing of them"


def one_frame(usages: list[Usage]) -> None:
    usages[0].frames[7] -= 1


def another_stem(usages: list[Usage]) -> None:
    first = usages[0]
    as_long = [stem for stem, frames in zip(first.stems, first.frames, strict=True) if frames >= first.frames[7]]
    rows = first.rows()
    beside = {row[0] for row in rows if row[1] == rows[7][1]}  # of two equal rows nobody could say which is the lie
    first.stems[7] = next(stem for stem in as_long if stem not in beside)


def a_later_start(usages: list[Usage]) -> None:
    first = usages[0]
    at = next(at for at in range(7, 40) if first.starts[at + 1] >= 64)
    first.starts[at] += 64
    first.starts[at + 1] -= 64
    first.frames[at] -= 64


def no_row(usages: list[Usage]) -> None:
    first = usages[0]
    first.starts[8] += first.starts[7]
    for column in (first.stems, first.starts, first.frames, first.flags):
        del column[7]


def one_row_more(usages: list[Usage]) -> None:
    first = usages[0]
    for column, value in ((first.stems, 3), (first.starts, 0), (first.frames, 1000), (first.flags, 5)):
        column.insert(7, value)


def no_input(usages: list[Usage]) -> None:
    first = usages[0]
    at = list(first.input_kinds).index(INPUT_DISLIKE)
    first.input_starts[at + 1] += first.input_starts[at]
    for column in (first.input_starts, first.input_kinds, first.input_values):
        del column[at]


def no_silence(usages: list[Usage]) -> None:
    usages[0].silent_frames -= 1


def another_state(usages: list[Usage]) -> None:
    for usage in usages:
        if usage.session == 3:
            usage.start_state = bytes(32)


def an_input_amid_a_cell(usages: list[Usage]) -> None:
    usages[0].input_starts[0] += 1


def another_flag(usages: list[Usage]) -> None:
    usages[0].flags[7] |= FLAG_OPT_OUT


LIES = [
    (one_frame, 1, "row", unlike.FRAMES),
    (another_stem, 1, "row", unlike.STEM),
    (a_later_start, 1, "row", unlike.START),
    (no_row, 1, "row", unlike.ROW_LEFT_OUT),
    (one_row_more, 1, "row", unlike.ROW_ADDED),
    (no_input, 1, "row", None),
    (no_silence, 1, "silent_frames", unlike.SILENT),
    (another_state, 4, "start_state", unlike.START_STATE),
    (an_input_amid_a_cell, 1, "input", unlike.INPUT),
    (another_flag, 1, "row", unlike.FLAGS),
]


@pytest.mark.parametrize(("lie", "sequence", "field", "meaning"), LIES)
def test_a_lie_is_found_and_named(
    lie: Any, sequence: int, field: str, meaning: str | None, packs: list[Path], bar: Venue, tmp_path: Path
) -> None:
    world = World(tmp_path / "ledger", packs)
    world.take(bar, bar.segments(lie))
    found = run(world, "--device=bar", *world.words(*packs), "--json", code=1)
    differences = [item["difference"] for item in found["devices"][0]["sessions"] if item["difference"]]
    assert not found["agrees"] and len(differences) == 1
    assert (differences[0]["sequence"], differences[0]["field"]) == (sequence, field)
    assert meaning is None or differences[0]["meaning"] == meaning
    said = run(world, "--device=bar", *world.words(*packs), code=1)
    assert f"segment {sequence}" in said and "expected" in said and "\n  it may be " in said
    if lie in (one_frame, another_stem, another_flag):
        assert differences[0]["row"] == 7 and "row 7: row: expected stem" in said


def other_pack(usages: list[Usage]) -> None:
    usages[1].pack = usages[4].pack


def other_score(usages: list[Usage]) -> None:
    usages[0].score = usages[1].score = bytes(32)


def skipped_frames(usages: list[Usage]) -> None:
    usages[1].first_frame += 640
    usages[1].end_frame += 640


@pytest.mark.parametrize(
    ("lie", "sequence", "field", "meaning"),
    [
        (other_pack, 2, "pack", unlike.SESSION),
        (other_score, 1, "score", unlike.PACK),
        (skipped_frames, 2, "first_frame", unlike.SKIPPED),
    ],
)
def test_a_session_that_is_none_is_found_whatever_the_ledger_took(
    lie: Any, sequence: int, field: str, meaning: str, packs: list[Path], bar: Venue, tmp_path: Path
) -> None:
    world = World(tmp_path / "ledger", packs)
    world.append(bar, bar.segments(lie))
    found = run(world, "--device=bar", *world.words(*packs), "--json", code=1)
    session = found["devices"][0]["sessions"][0]
    difference = session["difference"]
    assert (difference["sequence"], difference["field"], difference["meaning"]) == (sequence, field, meaning)
    assert session["agree"] == sequence - 1 and session["not_replayed"][0]["segments"] == 3 - sequence


def test_the_inputs_before_the_difference_are_told(packs: list[Path], bar: Venue, tmp_path: Path) -> None:
    def late(usages: list[Usage]) -> None:
        first = usages[0]
        at = max(at for at, flags in enumerate(first.flags) if flags & FLAG_END)
        first.frames[at] -= 1

    world = World(tmp_path / "ledger", packs)
    world.take(bar, bar.segments(late))
    said = run(world, "--device=bar", *world.words(*packs), code=1)
    assert "inputs before it: announcement 0 at frame" in said and "slider 0 to 0.916 at frame" in said


def test_a_hash_of_other_sound_is_found_by_rendering_alone(packs: list[Path], bar: Venue, tmp_path: Path) -> None:
    def other_sound(usages: list[Usage]) -> None:
        usages[1].pcm_sha256 = b"\x01" * 32

    world = World(tmp_path / "ledger", packs)
    world.take(bar, bar.segments(other_sound))
    assert run(world, "--device=bar", *world.words(*packs), "--json")["agrees"]
    found = run(world, "--device=bar", *world.words(*packs), "--pcm", "--json", code=1)
    difference = found["devices"][0]["sessions"][0]["difference"]
    assert (difference["sequence"], difference["field"]) == (2, "pcm_sha256")
    assert difference["meaning"] == unlike.PCM and difference["found"] == "01" * 32


def test_stems_that_the_auditor_cannot_read_are_no_finding_about_the_player(
    world: World, packs: list[Path], tmp_path: Path
) -> None:
    spoilt = [Path(shutil.copytree(pack, tmp_path / pack.name)) for pack in packs]
    for pack in spoilt:
        with open_pack_of(pack) as opened:
            for stem in opened.manifest.stems:
                path = Path(opened.blob_path(stem.sha256))
                path.write_bytes(bytes(path.stat().st_size))
    found = run(world, "--device=cafe/bar", *world.words(*spoilt), "--pcm", "--json", code=1)
    sums = found["totals"]
    assert (sums["agree"], sums["differ"], sums["pcm_compared"], sums["pcm_not_compared"]) == (6, 0, 0, 6)
    assert not found["agrees"] and all(item["difference"] is None for item in found["devices"][0]["sessions"])
    told_by = run(world, "--device=cafe/bar", *world.words(*spoilt), "--pcm", code=1)
    assert "differs" not in told_by and "no: 6 of 6 segments of 1 device are what their scores decide" in told_by
    assert "of 6 not, for stems cannot be read" in told_by and "expected SHA-256" in told_by
    assert run(world, "--device=cafe/bar", *world.words(*spoilt), "--json")["agrees"], "nothing is heard without --pcm"


@pytest.mark.parametrize("name", ["manifest.cose", "blobs"])
def test_a_pack_that_is_none_is_named(world: World, packs: list[Path], tmp_path: Path, name: str) -> None:
    spoilt = Path(shutil.copytree(packs[1], tmp_path / "other"))
    with open_pack_of(packs[1]) as opened:
        score = spoilt / "blobs" / opened.manifest.score_sha256.hex()
    path = spoilt / name if name == "manifest.cose" else score
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refused = run(world, "--device=cafe/bar", *world.words(packs[0], spoilt), code=1)
    assert refused.startswith(f"AuditError: {spoilt}: ") and refused.count("\n") == 1


def test_an_opt_out_amid_a_session_is_followed(packs: list[Path], tmp_path: Path) -> None:
    venue, stems = Venue(tmp_path / "inn", "inn"), open_pack(str(packs[0]), crypto.public_key(PUBLISHER), crypto.verify)
    out = four_of(stems.manifest.stems)
    numbers = {number for number, stem in enumerate(stems.manifest.stems) if stem.stem_id in out}
    opt_outs = list_opt_outs(1, int(time.time()), out)
    key = crypto.public_key(PUBLISHER)
    signed = sign_opt_outs(opt_outs, crypto.key_id(key), lambda message: crypto.sign(PUBLISHER, message))

    def turn(player: Player) -> None:
        session = player.device.player_state.session
        if session is not None and session.frame > 20 * RATE_HZ and not handed and numbers & sounding(session):
            handed.append(session.frame)
            player.device.take_opt_outs(signed)

    handed: list[int] = []
    venue.play(packs[0], 1, turn)
    world = World(tmp_path / "ledger", packs)
    segments = venue.segments()
    world.take(venue, segments)
    usage = Usage.decode(parse_typed(segments[0], TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    assert any(flags & FLAG_OPT_OUT for flags in usage.flags), "one of them was fading"
    found = run(world, "--device=inn", *world.words(packs[0]), "--pcm", "--json")
    assert found["agrees"] and found["totals"]["pcm_compared"] == 1


def sounding(session: Any) -> set[int]:
    """Numbers of the stems that are heard now."""
    found: set[int] = session._vm._stage.voices.sounding(session.frame)
    return found


def four_of(stems: Sequence[Any]) -> list[bytes]:
    """The ids of pads enough that one of them sounds soon."""
    return sorted(stem.stem_id for stem in stems if stem.role == ROLES.index("pads"))[:4]


@pytest.mark.parametrize("honest", [True, False])
def test_a_seed_root_that_the_ledger_never_gave_is_found(honest: bool, packs: list[Path], tmp_path: Path) -> None:
    """The rows follow from it, so only the log tells that somebody chose what was to be heard."""
    venue = Venue(tmp_path / "pub", "pub")
    venue.play(packs[0], 1)
    world = World(tmp_path / "ledger", packs)
    world.take(venue, venue.segments())
    venue.leave()
    given = base64.b64decode((world.path / "audit/checkpoint").read_bytes().split(b"\n")[2])
    root = given if honest else b"\x01" * 32
    TwoSlotFile(f"{venue.path}/seed-root", ROOT_BYTES).write(root)
    venue.play(packs[0], 1)
    (world.take if honest else world.append)(venue, venue.segments()[1:])
    found = run(world, "--device=pub", *world.words(*packs), "--json", code=not honest)
    device_id = venue.device().identity.device_id.hex()
    assert found["totals"]["agree"] == 2 and found["agrees"] == honest
    chosen = {"root": root.hex(), "device_id": device_id, "sequence": 2}
    assert found["chosen_seed_roots"] == ([] if honest else [chosen])
    said = run(world, "--device=pub", *world.words(*packs), code=not honest)
    assert honest or "segment 2: seed_root: expected a root that this log had before entry" in said


def test_a_sample_is_told_and_the_same_for_everybody(world: World, packs: list[Path]) -> None:
    words = (*world.words(*packs), "--sample=3", "--json")
    found = run(world, *words, "--seed=7")
    assert found["sample"] == run(world, *words, "--seed=7")["sample"] and found["agrees"]
    assert [len(day["device_ids"]) for day in found["sample"]["days"]] == [1]
    devices = {"2026-11-03": {bytes([number]) * 16 for number in range(40)}, "2026-11-04": {bytes(16)}}
    taken = {seed: choose(devices, 3, seed) for seed in ("a", "b")}
    assert taken["a"] == choose(devices, 3, "a") and taken["a"] != taken["b"]
    assert [len(day) for day in taken["a"].values()] == [3, 1]


def test_on_a_cluster_as_here(world: World, packs: list[Path], tmp_path: Path) -> None:
    words = ("--sample=3", "--seed=7", *world.words(*packs), "--pcm", "--json")
    with DaskProcesses(tmp_path, 1) as dask:
        assert run(world, *words, "--cluster", dask.address) == run(world, *words)


def test_entries_that_change_between_the_readings_are_noticed(world: World, packs: list[Path], tmp_path: Path) -> None:
    copy = shutil.copytree(world.path / "audit", tmp_path / "audit")

    class Changing(InProcess):
        def pairs(self, work: Any, batches: Any) -> Any:
            bundle = next((copy / "tile/entries").rglob("000.p/*"))
            data = bundle.read_bytes()
            bundle.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
            return super().pairs(work, batches)

    keys = Keys(world.folder.public_key, crypto.public_key(PUBLISHER), crypto.public_key(OPERATOR))
    with pytest.raises(Difference, match="expected those that were read before, found others"):
        audit(Audit(Published(copy), keys), {}, Asked(month(), "cafe/bar"), Changing())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device=bar", "--sample=1", "--seed=1"], "expected --device or --sample, found both"),
        ([], "expected --device or --sample, found neither"),
        (["--sample=1"], "expected --sample and --seed together"),
        (["--device=bar", "--income=1"], "--income"),
        (["plausibility", "--device=bar"], "--device"),
    ],
)
def test_words_without_meaning(words: list[str], said: str, world: World, packs: list[Path]) -> None:
    result = CliRunner().invoke(app, ["audit", *words, *world.words(*packs)])
    assert result.exit_code == 2 and said in result.stderr
    result = CliRunner().invoke(app, ["audit", "--device=bar", *world.words()])
    assert result.exit_code == 2 and "--pack" in result.stderr
    result = CliRunner().invoke(app, ["audit", "--device=bar", *world.words(*packs), "--period=2026-13"])
    assert result.exit_code == 2 and "--period" in result.stderr


def test_who_is_not_there_is_a_finding(world: World, packs: list[Path]) -> None:
    assert "expected one that is enrolled" in run(world, "--device=pub", *world.words(*packs), code=1)
    words = [word for word in world.words(*packs) if not word.startswith("--period")]
    assert "expected segments of 2020-01, found none" in run(world, "--device=bar", *words, "--period=2020-01", code=1)


def test_a_cut_of_power_is_told_from_a_lie(bar: Venue) -> None:
    """The world above has one; without it, the tests would pass for a replay that knows no cuts."""
    reasons: list[int] = []
    bar.segments(lambda usages: reasons.extend(usage.reason for usage in usages))
    assert reasons.count(SEAL_POWER_LOSS) == 1
