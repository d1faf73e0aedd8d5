"""An operator at a running player: `amos device input` is heard, logged and replayed, and lasts as it should."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from needed import missing
from patience import Patience
from typer.testing import CliRunner

from amos import crypto
from amos.edges.link_ports import open_port
from amos.edges.sector_device import FileSectorDevice
from amos.edges.stem_file import BlobError
from amos.journal.journal import Journal
from amos.packs.folder import open_pack
from amos.protocol.link import NAMES, STATE_PAUSED, STATE_PLAYING
from amos.protocol.link_device import DeviceLink
from amos.protocol.segment import Usage
from amos.protocol.usage_reader import open_usage
from amos.score.inputs import INPUT_ANNOUNCE, INPUT_CLOCK, INPUT_PAUSE, INPUT_SLIDER, INPUT_VOLUME, OWN_INPUTS
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.session.start import session_seed
from amos.sound.limiter import ceiling_for
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer
from amos_cli.output import Exit
from amos_inputs.words import GIVEN_KINDS, NAMED_KINDS, PLAIN_KINDS
from amos_tools import toolchain
from amos_tools.cli import app
from amos_tools.device.call import DeviceError, ask_status, send_input
from amos_tools.device.run import micropython_environment
from amos_tools.pack import build_pack
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts
from protocol_player import Player as ProtocolPlayer

SEED, PUBLISHER = b"d" * 32, b"p" * 32
RATE_HZ = 22050
SCRIPT = """
experience "two" seed device
clock 22050 tempo 240 meter 4/4 key A minor
mix target -18 LUFS peak -1 dBTP voices 4
pool all = stems where role pads
slider energy 0..10 start 2
section loop 2 bars
  play pads from all fade 1 beat
"""
SPEAKING = SCRIPT + 'announce "closing time" duck for 1 s\n'


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_pack(tmp_path_factory.mktemp("pack"), SCRIPT)


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack with an announcement; its player tells the score what time it is."""
    return a_pack(tmp_path_factory.mktemp("speaking"), SPEAKING)


def a_pack(folder: Path, script: str) -> Path:
    noise = np.random.RandomState(3)
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for number in range(3):
            samples = noise.randint(-9000, 9000, (RATE_HZ * 2 + number, 1)).astype("int16")
            told = {"title": f"stem {number}", "artist": "A", "splits": "a=1000000", "role": "pads", "opt_in": "yes"}
            vault.import_samples(samples, parse_facts("noise", told))
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        build_pack(compile_script(script, vault.stems()), vault, folder / "pack", **terms)  # type: ignore[arg-type]
    return folder / "pack"


def told(port: str, *words: str) -> tuple[int, str]:
    """Exit code and output of `amos device input`."""
    result = CliRunner().invoke(app, ["device", "input", port, *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.output


class Running:
    """A player process in real time, with a link."""

    def __init__(self, folder: Path, pack: Path) -> None:
        self.folder = folder
        self.port = f"unix:{folder / 'link'}"
        folder.mkdir(exist_ok=True)
        (folder / "device.key").write_bytes(SEED)
        settings = {"pack": str(pack), "publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": "00" * 32}
        settings |= {"linger": "no", "out": "null", "tier": 255, "link": self.port}
        (folder / "player.json").write_text(json.dumps(settings | {"block_frames": 1024}))

    def __enter__(self) -> "Running":
        command = [sys.executable, "-m", "amos", str(self.folder)]
        self._process = subprocess.Popen(command, env=micropython_environment(), stdout=subprocess.PIPE, text=True)
        ask_status(self.port, 60)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        out, _err = self._process.communicate(timeout=90)
        assert self._process.returncode == 0, out

    def tell(self, *words: str) -> tuple[int, str]:
        return told(self.port, *words)

    def until(self, condition: Callable[[int, int], bool]) -> None:
        """Wait until state and frame meet the condition."""
        patience = Patience()
        while True:
            status = ask_status(self.port, 60)
            if condition(status.state, status.frame):
                return
            assert patience.lasts(), (status.state, status.frame)
            time.sleep(0.05)


def segments(folder: Path) -> list[Usage]:
    store = FileSectorDevice(str(folder / "journal.ring"), 1 << 23)
    journal = Journal(store, bytes(8))
    public = crypto.public_key(SEED)
    found = [open_usage(journal.read(n, 0, 1 << 16), public, crypto.verify) for n in sorted(journal.segments)]
    store.close()
    return found


def inputs_of(usage: Usage) -> list[tuple[int, int, int]]:
    found = []
    frame = usage.first_frame
    for start, kind, value in zip(usage.input_starts, usage.input_kinds, usage.input_values, strict=True):
        frame += start
        found.append((frame, kind, value))
    return found


def replayed(pack: Path, usage: Usage) -> tuple[bytes, list[tuple[int, int, int]]]:
    """SHA-256 of the PCM and the rows, from pack, session and inputs alone."""
    opened = open_pack(str(pack), crypto.public_key(PUBLISHER), crypto.verify)
    score = decode_score(opened.score())
    stems = opened.manifest.stems
    seed = session_seed(usage.device_id, opened.pack_id, usage.session, usage.seed_root)
    vm = Vm(score, [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], seed)
    assert hashlib.sha256(vm.start_state()).digest() == usage.start_state
    for frame, kind, value in inputs_of(usage):
        vm.input(kind, value, frame)
    meter = Meter(score.voices)
    mixer = make_mixer(RATE_HZ, score.voices, 64, ceiling=ceiling_for(score.peak_mdb))
    played = Performance(vm, mixer, meter, opened.stem, BlobError)
    digest = hashlib.sha256()
    while played.frame < usage.end_frame:
        digest.update(played.render(64))
        played.delivered(played.frame)
    return digest.digest(), [row[:3] for row in meter.cut()]


def test_pause_and_volume_are_logged_and_replayed(pack: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "player", pack) as player:
        assert player.tell("volume", "-20") == (0, "volume -20: taken\n")
        assert player.tell("energy", "7.5")[0] == 0
        player.until(lambda _state, frame: frame > RATE_HZ)
        assert player.tell("pause")[0] == 0
        player.until(lambda state, _frame: state == STATE_PAUSED)
        start = ask_status(player.port).frame
        player.until(lambda _state, frame: frame > start + RATE_HZ)
        assert player.tell("resume")[0] == 0
        player.until(lambda state, frame: state == STATE_PLAYING and frame > start + 2 * RATE_HZ)
    (usage,) = segments(tmp_path / "player")
    kinds = [(kind, value) for _frame, kind, value in inputs_of(usage)]
    assert kinds == [(INPUT_VOLUME, 3277), (INPUT_SLIDER, 24576), (INPUT_PAUSE, 1), (INPUT_PAUSE, 0)]
    paused, resumed = [frame for frame, kind, _value in inputs_of(usage) if kind == INPUT_PAUSE]
    beat = RATE_HZ // 4
    assert usage.silent_frames >= resumed - paused - beat > RATE_HZ // 2, "delivered, and not counted"
    assert not [row for row in usage.rows() if paused + beat <= row[1] < resumed]
    assert (usage.pcm_sha256, [row[:3] for row in usage.rows()]) == replayed(pack, usage)


def test_names_need_no_pack_and_a_wrong_one_is_refused_with_the_nearest(speaking: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "player", speaking) as player:
        player.until(lambda _state, frame: frame > 0)
        assert player.tell("energy", "7.5") == (0, "energy 7.5: taken\n")
        assert player.tell("announce", "closing time") == (0, "announce closing time: taken\n")
        for words, sentence in (
            (["enrgy", "1"], "found 'enrgy'; the nearest is energy"),
            (["volum", "-6"], "found 'volum'; the nearest is volume"),
            (["energy", "11"], "value: expected 0 to 10 for energy, found 11"),
            (["energy"], "value: expected 0 to 10 for energy, found none"),
            (
                ["announce", "closing tim"],
                "expected one of closing time, found 'closing tim'; the nearest is closing time",
            ),
            (["skip", "loop"], "skip: expected no value, found 'loop'"),
            (["volume", "nan"], "value: expected a number, found 'nan'"),
            (["shuffle", "9999999999"], "value: expected 0 to 2147483647, found 9999999999"),
        ):
            code, output = player.tell(*words)
            assert code == Exit.USAGE and sentence in " ".join(output.split()), output
        code, output = player.tell("like", "99")
        assert code == Exit.FINDING and "value: expected 0 to" in output, "which stems there are the player says"
    (usage,) = segments(tmp_path / "player")
    taken = [(kind, value) for _frame, kind, value in inputs_of(usage) if kind != INPUT_CLOCK]
    assert taken == [(INPUT_SLIDER, 24576), (INPUT_ANNOUNCE, 0)]


def test_a_player_on_micropython_tells_the_same_names(speaking: Path, tmp_path: Path) -> None:
    player = Running(tmp_path / "player", speaking)
    interpreter = toolchain.micropython("compiling") or toolchain.micropython()
    if interpreter is None:
        missing(toolchain.explain("micropython"))
    command = [*interpreter, "-X", "heapsize=4m", "-m", "amos", str(player.folder), f"link=pty:{player.folder}/pty"]
    player.port = f"serial:{player.folder}/pty"
    process = subprocess.Popen(command, env=micropython_environment(), stdout=subprocess.PIPE)
    try:
        ask_status(player.port, 60)
        player.until(lambda _state, frame: frame > 0)
        assert player.tell("energy", "7.5") == (0, "energy 7.5: taken\n")
        assert player.tell("announce", "closing time") == (0, "announce closing time: taken\n")
        code, output = player.tell("enrgy", "1")
        assert code == Exit.USAGE and "the nearest is energy" in " ".join(output.split())
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_a_player_takes_every_kind_that_the_command_lists_and_no_other(speaking: Path, tmp_path: Path) -> None:
    """Of those that inputs of `amos script simulate` may have, so that both agree on what a person may do."""
    words = {"announce": ["0"], "volume": ["-6"], "energy": ["7"]}
    with Running(tmp_path / "player", speaking) as player:
        player.until(lambda _state, frame: frame > 0)
        code, output = player.tell("nothing-such")
        listed = " ".join(output.split()).partition("kind: expected ")[2].partition(";")[0].split(", ")
        assert code == Exit.USAGE and set(listed) == {*PLAIN_KINDS, *GIVEN_KINDS, "volume", "energy"}
        for kind in listed:
            assert player.tell(kind, *words.get(kind, []))[0] == 0, kind
        own = NAMED_KINDS.keys() - set(listed)
        assert own == {"clock", "block", "leave"}
        for kind in own:
            code, output = player.tell(kind, "0")
            assert code == Exit.USAGE and f"found '{kind}'" in " ".join(output.split())
        for number in OWN_INPUTS:
            with pytest.raises(DeviceError, match=f"input: expected a kind for others to give, found {number}"):
                send_input(player.port, number, 0)


class OlderLink(DeviceLink):
    """Of a firmware in which nobody could ask for names."""

    def __init__(self, player: ProtocolPlayer) -> None:
        super().__init__(player)
        del self._verbs[NAMES]

    def another(self) -> DeviceLink:
        return OlderLink(self._player)


def test_a_player_that_does_not_know_the_verb_is_said_to_be_older(speaking: Path, tmp_path: Path) -> None:
    player, address = ProtocolPlayer(), f"unix:{tmp_path / 'link'}"
    link, port, over = OlderLink(player), open_port(address), threading.Event()

    def serve() -> None:
        while not over.is_set():
            port.poll(link, 20)

    served = threading.Thread(target=serve)
    served.start()
    key = ["--pack", str(speaking), "--publisher-key", crypto.public_key(PUBLISHER).hex()]
    try:
        for words in (["energy", "7.5"], ["announce", "closing time"]):
            code, output = told(address, *words)
            assert code == Exit.FINDING
            assert "this player's firmware is older and tells no names; give --pack" in " ".join(output.split())
            assert not player.taken
            assert told(address, *words, *key)[0] == 0 and player.taken.pop()
        assert told(address, "volume", "-6")[0] == 0 and player.taken.pop()
    finally:
        over.set()
        served.join()


def test_the_volume_lasts_over_a_restart_and_a_pause_does_not(pack: Path, tmp_path: Path) -> None:
    for _life in range(2):
        with Running(tmp_path / "player", pack) as player:
            if _life == 0:
                assert player.tell("volume", "-20")[0] == player.tell("pause")[0] == 0
                player.until(lambda state, _frame: state == STATE_PAUSED)
            else:
                player.until(lambda state, frame: state == STATE_PLAYING and frame > 0)
    first, second = segments(tmp_path / "player")
    assert inputs_of(second) == [] and second.start_state != first.start_state


def test_a_stem_that_is_refused_is_told_in_the_status(pack: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(pack, broken)
    for blob in sorted((broken / "blobs").iterdir(), key=lambda path: path.stat().st_size)[1:]:
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with Running(tmp_path / "player", broken) as player:
        player.until(lambda _state, frame: frame > 0)
        text = ask_status(player.port).text
        assert text is not None and text.startswith("silent: stem ") and "expected SHA-256" in text
    (usage,) = segments(tmp_path / "player")
    assert usage.rows() == [] and usage.silent_frames == usage.delivered_frames


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["volume", "3"], "volume: expected -60 to 0 dB, found 3"),
        (["volume", "loud"], "value: expected a number, found 'loud'"),
        (["volume", "nan"], "value: expected a number, found 'nan'"),
        (["energy", "1e999"], "value: expected a number, found '1e999'"),
        (["like", "4"], "value: expected 0 to 3, found 4"),
        (["nonsense"], "kind: expected skip, pause, resume, volume"),
        (["energy", "11"], "value: expected 0 to 10 for energy, found 11"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(pack: Path, tmp_path: Path, words: list[str], sentence: str) -> None:
    key = ["--pack", str(pack), "--publisher-key", crypto.public_key(PUBLISHER).hex()]
    code, output = told(f"unix:{tmp_path}/none", *words, *key)
    assert code == Exit.USAGE and sentence in output


@pytest.mark.parametrize("number", ["nan", "inf", "1e999", "-inf", "", "9" * 5000 + "x"])
def test_an_option_that_is_no_number_is_refused_in_a_sentence(tmp_path: Path, number: str) -> None:
    key = "00" * 32
    ready = ["prepare", str(tmp_path / "p"), "--publisher-key", key, "--ledger-key", key, "--setting"]
    enrol = ["enrol", "unix:none", "--site", "s", "--name", "n", "--operator-key-file", "k", "--out", "o"]
    for words in (
        ["pack", "unix:none", str(tmp_path), "--wait-s", number],
        [*enrol, "--wait-s", number],
        [*enrol, "--tier", number],
        *([*ready, f"{name}={number}"] for name in ("tier", "minutes", "voices", "block_frames", "journal_bytes")),
    ):
        result = CliRunner().invoke(app, ["device", *words])
        assert result.exit_code == Exit.USAGE and isinstance(result.exception, SystemExit), (words, result.output)
        assert "Traceback" not in result.output and result.output.strip()
