"""The bench runs at tiny sizes and reports its fields. What it measures is judged by people, never here."""

import importlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from amos.protocol.merkle import leaf_hash
from amos.score.vm import Vm
from amos.sound.events import Start
from amos_ledger import registry
from amos_ledger.log import tree
from amos_tools import toolchain
from amos_tools.bench import (
    audit,
    board,
    boot,
    crypto,
    device,
    figure,
    host_mix,
    ledger,
    ledger_broker,
    ledger_large,
    ledger_size,
    ledger_workers,
    ledger_writes,
    render,
    settle,
    settle_large,
    settle_rollup,
    share,
    simulation,
    supercollider,
    sync,
    wear,
    web,
)
from amos_tools.bench.cli import SECTIONS
from amos_tools.bench.figure import Figure
from amos_tools.bench.ledger_fleet import NOON, SEGMENT_S, Fleet
from amos_tools.bench.ledger_history import History
from amos_tools.bench.ledger_intake import intake_s
from amos_tools.bench.profile import make_profile_pack
from amos_tools.bench.scene import make_scene
from amos_tools.boards import load_board
from amos_tools.cli import app

TINY = 0.002
FIELDS = {"section", "name", "value", "unit", "bound", "note", "broken", "holds"}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["bench", *arguments])
    return result.exit_code, result.stdout


def test_host_figures_without_a_foreign_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "scsynth", lambda: None)
    found = render._host(make_scene(3, 4, 0.75), TINY)
    missing = [figure for figure in found if figure.value is None]
    assert all("scsynth" in figure.name and figure.bound == ("at least", 5.0) for figure in missing) and missing
    assert all(figure.value > 0 for figure in found if figure.value is not None)


def test_the_scene_keeps_its_voices_sounding() -> None:
    scene = make_scene(render.SLOTS, render.STEMS, 0.75)
    _took, voices = host_mix.player_s(scene, 20 * 44_100, 4096)
    assert voices == pytest.approx(render.VOICES, abs=0.5)


def test_simulation_figures() -> None:
    assert [figure.unit for figure in simulation.figures(TINY)] == ["x real time", "KB"]


def test_a_table_and_json_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = [
        Figure("render", "a", 12.34, "x", ("at least", 5)),
        Figure("render", "b", 1.5, "x", ("at most", 1.25)),
        Figure("render", "c", None, "x", ("at most", 1.25), "no such tool"),
    ]
    monkeypatch.setattr(render, "measure", lambda scale: figures)
    code, text = run("render")
    assert code == 0
    assert [word for word in text.split() if word in ("yes", "NO", "missing")] == ["yes", "NO", "missing"]
    code, text = run("render", "--json")
    found = json.loads(text)["figures"]
    assert code == 0 and all(set(figure) == FIELDS for figure in found)
    assert [figure["holds"] for figure in found] == [True, False, None]


def test_replay_audit_figure() -> None:
    (found,) = audit.measure(TINY)
    assert (found.section, found.bound) == ("audit", ("at least", 20_000))
    assert found.value is not None and found.value > 0 and not found.broken


@pytest.mark.parametrize("section", [ledger, ledger_large])
def test_ledger_figures(section: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    apart = (ledger_broker, ledger_workers, ledger_writes)  # these have tests of their own
    for number, module in enumerate(apart):
        stands_for = [Figure("ledger", f"apart {number}", 1, "x")]
        monkeypatch.setattr(module, "figures", lambda scale, found=stands_for: found)
    figures = section.measure(TINY)
    assert all(figure.section == "ledger" and figure.value is not None and figure.value > 0 for figure in figures)
    assert len({figure.name for figure in figures}) == len(figures) >= 14
    assert sum(figure.name.startswith("apart") for figure in figures) == (len(apart) if section is ledger else 0)


def test_what_takes_half_an_hour_runs_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    for name, module in SECTIONS.items():
        monkeypatch.setattr(importlib.import_module(module), "measure", lambda scale, name=name: ran.append(name) or [])
    assert run()[0] == 0 and ran == ["render", "device", "audit", "ledger", "settle", "sync", "web"]
    ran.clear()
    assert run("ledger-large", "settle-large")[0] == 0 and ran == ["ledger-large", "settle-large"]


def test_settle_figures() -> None:
    figures = settle.measure(TINY)
    assert all(figure.section == "settle" and figure.value is not None and figure.value > 0 for figure in figures)
    assert len({figure.name for figure in figures}) == len(figures) == 18
    assert [figure.bound is not None for figure in figures].count(True) == 8


def test_memory_by_segments() -> None:
    figures = settle_large.measure(TINY)
    assert all(figure.section == "settle-large" and figure.value is not None and figure.value > 0 for figure in figures)
    assert len(figures) == 8 and [figure.bound is not None for figure in figures].count(True) == 2


def test_a_roll_up_without_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    ours, against = settle_rollup.figures(TINY)
    assert ours.value is not None
    assert against.value is None and not against.broken and "`bench`" in against.note


def test_sums_that_differ_are_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    found = settle_rollup._Rows.sums

    def other(rows: settle_rollup._Rows, query: str) -> tuple[float, settle_rollup.Columns]:
        took_s, sums = found(rows, query)
        return took_s, {name: column + (name == "frames") for name, column in sums.items()}

    monkeypatch.setattr(settle_rollup._Rows, "sums", other)
    with pytest.raises(RuntimeError, match="expected the sums of DuckDB"):
        settle_rollup.figures(TINY)


def test_a_written_history_holds_together(tmp_path: Path) -> None:
    """Its log has the root of its entries, and paths are as long as those that are worked out."""
    fleet = Fleet(tmp_path / "ledger", 3, 10)
    intake_s(fleet, list(fleet.sealed(3)), 3, NOON + 2 * SEGMENT_S)
    fleet.ledger.close()
    history = History(fleet.folder.store_path, [player.key.id for player in fleet.players], 50)
    history.grow(700, 40)
    history.close()
    with fleet.folder.open_store() as store:
        size, totals = store.size(), store.totals()
        leaves = [leaf_hash(entry) for _index, entry in store.entries(0, size)]
        hashes = {(level, index): value for level, index, value in tree.grow(0, leaves, lambda *_: b"")}
        assert 700 <= size == len(leaves) and store.root() == tree.root(size, lambda *at: hashes[at])
        registry.publish(fleet.folder, store)
    assert len(totals.devices) == history.devices == 14 and 690 < totals.accepted < 700


def test_what_is_published_has_the_entries() -> None:
    contents = ledger_size.Contents(entry_bytes=1000, segments_each=100)
    assert 1000 < ledger_size.measured_size(300, contents, 4).published_bytes < 1500


def test_an_unknown_section_is_refused() -> None:
    code, _text = run("rendr")
    assert code == 2


def test_crypto_on_micropython(micropython: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "micropython", lambda arch="native": micropython if arch == "native" else None)
    found = crypto.figures(TINY)
    assert [figure.value is None for figure in found] == [False] * 5 + [True]


def test_what_does_not_work_is_told_from_a_tool_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[Figure]:
        raise RuntimeError("board_player.py: expected figures, found MemoryError")

    for reason, exit_code, word in ((fails, 1, "broken"), (lambda: [Figure("render", "c", None, "x")], 0, "missing")):
        found = figure.measured("render", "a part", reason)
        monkeypatch.setattr(render, "measure", lambda scale, found=found: [*found, Figure("render", "b", 1, "x")])
        code, text = run("render")
        assert code == exit_code and word in text.split()
        code, text = run("render", "--json")
        told = json.loads(text)["figures"]
        assert code == exit_code and [item["broken"] for item in told] == [word == "broken", False]
    assert "MemoryError" in figure.measured("render", "a part", fails)[0].note


def test_a_player_that_plays_in_no_heap_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toolchain, "micropython", lambda arch="native": ["true"])
    monkeypatch.setattr(boot, "build_firmware", lambda folder, arch: folder)
    monkeypatch.setattr(boot, "plays_and_answers", lambda *_: False)
    [found] = boot.heap(load_board("pico-2-w"), tmp_path)
    assert found.broken and found.value is None and found.note.startswith("does not even play in")


def working(found: list[Figure], tools: set[str]) -> list[Figure]:
    """Those that have a value. The others want for one of these tools, and nothing else."""
    absent = [item for item in found if item.value is None]
    assert not [item for item in absent if item.broken], absent
    assert {item.note for item in absent} <= {toolchain.explain(tool) for tool in tools}, absent
    return [item for item in found if item.value is not None]


@pytest.mark.long
def test_every_figure_without_the_32_bit_build_can_be_measured(
    micropython: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "micropython", lambda arch="native": micropython if arch == "native" else None)
    assert len(working(render.measure(TINY), {"armhf", "scsynth"})) >= 10
    assert len(working(device.measure(TINY), {"armhf"})) == 10


@pytest.mark.sweep  # minutes of music on an emulated processor, and instructions counted there
def test_every_figure_can_be_measured(micropython: list[str], micropython_armhf: list[str]) -> None:
    if "qemu-arm" not in micropython_armhf[0]:
        pytest.skip("this machine runs ARM programs itself")
    assert len(working(render.measure(TINY), {"scsynth"})) >= 14 and len(working(device.measure(TINY), set())) == 26


@pytest.mark.long
def test_the_device_section_on_micropython(
    micropython: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(toolchain, "micropython", lambda arch="native": micropython if arch == "native" else None)
    pico = load_board("pico-2-w")
    pack, compiled = make_profile_pack(pico, tmp_path, 1)
    sounds = boot.first_sound(pico, pack)
    assert [figure.value is not None and figure.value > 0 for figure in sounds] == [True, True]
    [heap], share_of_core = boot.heap(pico, pack), share.figures(pico, TINY)[0]
    assert heap.value is None and heap.bound == ("at most", 400.0) and share_of_core.value is None
    written, erases, life = (figure.value for figure in wear.figures(pico, compiled, TINY))
    assert written and erases and life and written > 0.1 and 0 < erases < 1000 and life > 0


def test_a_sync_programs_each_page_it_touches_once() -> None:
    device = wear.CountingDevice(1 << 20)
    pages = wear.PAGE_BYTES // wear.SECTOR_BYTES
    for sector in (0, 1, pages - 1, pages):
        device.write(sector, bytes(wear.SECTOR_BYTES))
    device.write(2 * pages, bytes(2 * wear.PAGE_BYTES))
    device.sync()
    device.write(0, bytes(wear.SECTOR_BYTES))
    device.sync()
    assert (device.syncs, device.pages, device.sectors_written) == (2, 5, 5 + 2 * pages)


def test_the_smallest_heap_is_found() -> None:
    assert all(0 <= board.smallest_heap_kb(16, 1024, lambda heap: heap >= 173, step) - 173 < step for step in (1, 4, 8))


@pytest.mark.sweep  # six minutes of music on an emulated processor
def test_the_whole_player_fits_its_board(micropython_armhf: list[str], tmp_path: Path) -> None:
    pico = load_board("pico-2-w")
    with_code, without = boot.heap(pico, make_profile_pack(pico, tmp_path, 1)[0])
    assert with_code.value is not None and without.holds, (with_code, without)


def test_board_scripts_on_micropython(micropython: list[str]) -> None:
    figure = board._time_ratio("native", "MicroPython", TINY)
    assert figure.value is not None and figure.value > 0


@pytest.mark.parametrize("kind", ["stereo", "ramp", "none", "qoa", "low_pass", "sides", "hash"])
def test_each_bare_loop_runs(micropython: list[str], kind: str) -> None:
    assert board.run_board(micropython, ["board_bare.py", kind, "2", "64", "1"])["took_us"] >= 0


def test_only_viper_is_counted(micropython_armhf: list[str]) -> None:
    if "qemu-arm" not in micropython_armhf[0]:
        pytest.skip("this machine runs ARM programs itself")
    counted = board.count_compiled(micropython_armhf, ["board_bare.py", "low_pass", "1", "64", "1"])
    # What a build for a board reckons with (`script/shape_work.py`); the interpreter takes many times as much.
    assert counted / 64 == pytest.approx(154, abs=20)


@pytest.mark.sweep  # newer emulators log so much that it takes minutes
def test_instructions_are_counted_where_qemu_is(micropython_armhf: list[str]) -> None:
    if "qemu-arm" not in micropython_armhf[0]:
        pytest.skip("this machine runs ARM programs itself")
    assert all(figure.value is not None and 5 < figure.value < 1000 for figure in board._instructions(TINY))
    assert all(
        figure.value is not None and 0 < figure.value < 100 for figure in share.figures(load_board("pico-2-w"), TINY)
    )


def test_the_foreign_score_holds_every_placement() -> None:
    """Length-prefixed OSC bundles in order of time: set-up, one synth for each start, an end."""
    scene = make_scene(3, 4, 0.75)
    frames = 30 * 44_100
    data = b"".join(supercollider._bundles(scene, [], frames))
    times, kinds, at = [], [], 0
    while at < len(data):
        size = struct.unpack_from(">i", data, at)[0]
        bundle = data[at + 4 : at + 4 + size]
        assert bundle[:8] == b"#bundle\0" and size % 4 == 0
        seconds, fraction = struct.unpack_from(">II", bundle, 8)
        times.append(seconds + fraction / 2**32)
        kinds.append(bundle[20:].partition(b"\0")[0])
        at += 4 + size
    vm = Vm(scene.score, [stem.frames for stem in scene.stems], [stem.gain_q15 for stem in scene.stems], host_mix.SEED)
    starts = [event.frame / 44_100 for event in vm.advance(frames) if isinstance(event, Start)]
    assert times == sorted(times) and times[1:-1] == pytest.approx(starts)
    assert kinds == [b"/d_recv", *[b"/s_new"] * len(starts), b"/c_set"]


def test_sync_figures() -> None:
    found = sync.measure(TINY)
    units = ["MB/s"] * 4 + ["%"] + ["s"] * 2 + ["x", "segments/s", "%", "MiB", "x", "x"]
    assert [figure.unit for figure in found] == units, [figure.note for figure in found]
    assert all(figure.value is not None and figure.value > 0 for figure in found)
    bounds = [figure.bound for figure in found if figure.bound]
    assert bounds[:6] == [("at least", 30)] * 3 + [("at least", 97)] + [("at most", 1)] * 2
    assert bounds[6:] == [("at least", 0.8), ("at most", 64), ("at most", 1.1), ("at most", 1.1)]


def test_web_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "BATCH", 4)
    figures = web.measure(TINY)
    assert all(figure.section == "web" and figure.value is not None and figure.value > 0 for figure in figures)
    assert [figure.bound for figure in figures] == [
        *[("at most", 200)] * 2, ("at most", 100_000), ("at most", 1.05),
    ]  # fmt: skip
    monkeypatch.setattr(web, "QUERIES", ("?page=none",))
    (broken,) = web.measure(TINY)
    assert broken.broken and "the fleet's page answered 400" in broken.note
