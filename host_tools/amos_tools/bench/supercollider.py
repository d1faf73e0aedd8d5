"""The foreign yardstick: SuperCollider's `scsynth`, not in real time, playing the same placements of the same files.

The synth is what a SuperCollider user would write: PlayBuf through an EnvGen with equal-power (welch) fades, to the
output, freeing itself. Its definition is written here in the binary format SynthDef2, its score as OSC bundles.
"""

import struct
import subprocess
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

from amos.score.vm import Vm
from amos.sound.events import Start
from amos_tools import toolchain
from amos_tools.bench.host_mix import SEED
from amos_tools.bench.scene import Scene

BLOCK_FRAMES = (64, 1024)
"""scsynth's default, and one that gives it less to do between blocks; the faster counts."""
TIMEOUT_S = 300
_SCALAR, _CONTROL, _AUDIO = 0, 1, 2
_WELCH, _LINEAR = 4, 1
_MULTIPLY = 2
_PARAMETERS = ("buf", "gain", "rise", "hold", "fall")


def seconds(scene: Scene, frames: int) -> float | None:
    """Seconds that scsynth takes to mix `frames` frames, start and loading not counted; None without scsynth."""
    command = toolchain.scsynth()
    if command is None:
        return None
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        files = _write_stems(Path(folder), scene)
        least = float("inf")
        for block in BLOCK_FRAMES:
            arguments = [*command, "-o", "2", "-i", "0", "-z", str(block), "-n", "4096", "-m", "65536"]
            whole, start = (
                _run(arguments, Path(folder), scene, files, length) for length in (frames, scene.score.rate_hz // 10)
            )
            least = min(least, whole - start)
        return least


def _run(arguments: list[str], folder: Path, scene: Scene, files: Sequence[Path], frames: int) -> float:
    rate = scene.score.rate_hz
    (folder / "score.osc").write_bytes(b"".join(_bundles(scene, files, frames)))
    command = [*arguments, "-N", "score.osc", "_", "out.wav", str(rate), "WAV", "int16"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    took = time.perf_counter() - started
    text = done.stdout + done.stderr
    if done.returncode or "FAILURE" in text:
        raise RuntimeError(f"scsynth: expected a mix, found {text.strip()[-200:]}")
    if _loudest(folder / "out.wav") < 1000:
        raise RuntimeError("scsynth: expected a mix, found silence")
    return took


def _loudest(path: Path) -> int:
    """Greatest magnitude in the first tenth of a second and a bit of the file."""
    with wave.open(str(path)) as file:
        data = file.readframes(4096)
    return max(map(abs, struct.unpack(f"<{len(data) // 2}h", data)), default=0)


def _write_stems(folder: Path, scene: Scene) -> list[Path]:
    paths = []
    for number, samples in enumerate(scene.samples):
        paths.append(folder / f"{number}.wav")
        with wave.open(str(paths[-1]), "wb") as file:
            file.setparams((2, 2, scene.score.rate_hz, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
    return paths


def _bundles(scene: Scene, files: Sequence[Path], frames: int) -> Iterator[bytes]:
    """The score: definition, buffers, one synth for each placement, and an end."""
    rate = scene.score.rate_hz
    messages = [_message("/d_recv", definition())]
    messages += [_message("/b_allocRead", number, str(path)) for number, path in enumerate(files)]
    yield _bundle(0, messages)
    vm = Vm(scene.score, [stem.frames for stem in scene.stems], [stem.gain_q15 for stem in scene.stems], SEED)
    node = 1000
    for event in vm.advance(frames):
        if isinstance(event, Start):
            times = (event.fade_in, event.frames - event.fade_in - event.fade_out, event.fade_out)
            values: list[str | float] = ["buf", float(event.stem), "gain", event.gain_q15 / 32768]
            for name, length in zip(_PARAMETERS[2:], times, strict=True):
                values += [name, length / rate]
            yield _bundle(event.frame / rate, [_message("/s_new", "voice", node, 0, 0, *values)])
            node += 1
    yield _bundle(frames / rate, [_message("/c_set", 0, 0.0)])


def definition() -> bytes:
    """The synth in the format SynthDef2."""
    constants = [0.0, 1.0, 2.0, 3.0, -99.0, float(_WELCH), float(_LINEAR)]
    at = {value: (-1, index) for index, value in enumerate(constants)}
    zero, one, two, three, none, welch, linear = (at[value] for value in (0.0, 1.0, 2.0, 3.0, -99.0, 4.0, 1.0))
    parameter = [(0, index) for index in range(len(_PARAMETERS))]
    buf, gain, rise, hold, fall = parameter
    envelope = [zero, three, none, none, one, rise, welch, zero, one, hold, linear, zero, zero, fall, welch, zero]
    ugens = [
        _ugen("Control", _CONTROL, [], [_CONTROL] * len(_PARAMETERS)),
        _ugen("PlayBuf", _AUDIO, [buf, one, one, zero, zero, zero], [_AUDIO, _AUDIO]),
        _ugen("EnvGen", _CONTROL, [one, gain, zero, one, two, *envelope], [_CONTROL]),
        _ugen("BinaryOpUGen", _AUDIO, [(1, 0), (2, 0)], [_AUDIO], _MULTIPLY),
        _ugen("BinaryOpUGen", _AUDIO, [(1, 1), (2, 0)], [_AUDIO], _MULTIPLY),
        _ugen("Out", _AUDIO, [zero, (3, 0), (4, 0)], []),
    ]
    body = _name("voice") + struct.pack(f">i{len(constants)}f", len(constants), *constants)
    body += struct.pack(f">i{len(_PARAMETERS)}f", len(_PARAMETERS), *[0.0] * len(_PARAMETERS))
    body += struct.pack(">i", len(_PARAMETERS))
    body += b"".join(_name(name) + struct.pack(">i", index) for index, name in enumerate(_PARAMETERS))
    body += struct.pack(">i", len(ugens)) + b"".join(ugens) + struct.pack(">h", 0)
    return b"SCgf" + struct.pack(">ih", 2, 1) + body


def _ugen(name: str, rate: int, inputs: list[tuple[int, int]], outputs: list[int], special: int = 0) -> bytes:
    data = _name(name) + struct.pack(">biih", rate, len(inputs), len(outputs), special)
    return data + b"".join(struct.pack(">ii", *item) for item in inputs) + bytes(outputs)


def _name(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _bundle(at_s: float, messages: list[bytes]) -> bytes:
    """An OSC bundle with its length in front, as a score file holds it."""
    stamp = struct.pack(">II", int(at_s), int(at_s % 1 * 2**32))
    body = b"#bundle\0" + stamp + b"".join(struct.pack(">i", len(message)) + message for message in messages)
    return struct.pack(">i", len(body)) + body


def _message(address: str, *values: str | int | float | bytes) -> bytes:
    tags, body = ",", b""
    for value in values:
        if isinstance(value, str):
            tags += "s"
            body += _padded(value.encode() + b"\0")
        elif isinstance(value, bytes):
            tags += "b"
            body += struct.pack(">i", len(value)) + _padded(value)
        elif isinstance(value, int):
            tags += "i"
            body += struct.pack(">i", value)
        else:
            tags += "f"
            body += struct.pack(">f", value)
    return _padded(address.encode() + b"\0") + _padded(tags.encode() + b"\0") + body


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
