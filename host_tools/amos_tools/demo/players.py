"""The demo's two players: prepared, started as real processes, enrolled over their real links."""

import hashlib
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amos.protocol.segment import TIER_RENDERER
from amos_tools import toolchain
from amos_tools.demo.content import Content
from amos_tools.demo.processes import Process, Processes, amos_command, run_amos
from amos_tools.demo.workdir import OPERATOR, Workdir
from amos_tools.device.prepare import prepare

SITE = "harbour-cafe"
SOCKET_PATH_BYTES_MAX = 103
"""unix(7) has room for 108 with the end mark, other systems for 104."""
LINK_WAIT_S = 3600
"""A player may take as long as it likes to open its link while it works; `run_amos` notices when it does not."""


@dataclass(frozen=True)
class DemoPlayer:
    """One player: what runs it, and where its courier finds it."""

    name: str
    runtime: str
    link: str
    courier_address: str

    @property
    def line(self) -> str:
        """What its courier talks over."""
        return "a Unix socket" if self.courier_address.startswith("unix:") else "a serial line (pty)"


def cast(work: Workdir) -> list[DemoPlayer]:
    """One player on CPython with a Unix socket, one on MicroPython with a serial line; or two on CPython.

    A MicroPython that compiles nothing to machine code would render ten minutes of music in as much time.
    """
    bar = _on_socket(work, "bar")
    if toolchain.micropython("compiling") is None:
        return [bar, _on_socket(work, "lounge")]
    line = work.player("lounge") / "serial"
    return [bar, DemoPlayer("lounge", "micropython", f"pty:{line}", f"serial:{line}")]


def _on_socket(work: Workdir, name: str) -> DemoPlayer:
    address = f"unix:{_socket(work.player(name) / 'link.sock')}"
    return DemoPlayer(name, "cpython", address, address)


def _socket(wanted: Path) -> Path:
    """`wanted`, or where the system takes no path as long as that one, a name of its own in the temporary folder."""
    if len(os.fsencode(wanted)) <= SOCKET_PATH_BYTES_MAX:
        return wanted
    digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"amos-{digest}.sock"


def start_player(work: Workdir, player: DemoPlayer, content: Content, minutes: int, processes: Processes) -> Process:
    """Prepare the player's directory and start its process."""
    settings: dict[str, object] = {
        "pack": str(work.pack),
        "publisher_key": content.publisher_public,
        "ledger_key": content.ledger_public,
        "board": "linux" if player.runtime == "cpython" else "unix",
        "link": player.link,
        "out": f"wav:{work.audio / player.name}.wav",
        "pace": "free",
        "tier": TIER_RENDERER,
        "minutes": minutes,
        "linger": "receipted",
    }
    prepare(work.player(player.name), settings)
    command = amos_command("player", str(work.player(player.name)), f"--runtime={player.runtime}")
    # The one signal that MicroPython knows: a player seals and says what it did before it ends.
    return processes.start(player.name, command, signal.SIGINT)


def enrol_player(work: Workdir, player: DemoPlayer, process: Process) -> None:
    """Let the running player prove its key, sign the enrolment, hand it to the ledger. The same again is no error."""
    file = work.player(player.name) / "enrolment.cose"
    if not file.exists():
        words = [
            "device",
            "enrol",
            player.courier_address,
            f"--site={SITE}",
            f"--name={player.name}",
            f"--tier={TIER_RENDERER}",
        ]
        words += [f"--tier={TIER_RENDERER}", f"--operator-key-file={work.key(OPERATOR)}"]
        words += [f"--out={file}", f"--wait-s={LINK_WAIT_S}"]
        run_amos(*words, beside=process)
    run_amos("ledger", "enrol", str(work.ledger), str(file), "--unasked")  # it may not know this run's broker yet
