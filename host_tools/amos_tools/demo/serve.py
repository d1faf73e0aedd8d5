"""The demo's pages: the venue's, the operator's and a payee's, kept open with players that play on in real time."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from amos_sync.venue.serve import WEB_PORT as VENUE_PORT
from amos_tools.demo.broker import free_port, is_free, listens, start_broker
from amos_tools.demo.players import DemoPlayer, cast
from amos_tools.demo.processes import DemoError, Processes, amos_command, ending_signals, run_amos, wait_until
from amos_tools.demo.run import courier_command
from amos_tools.demo.workdir import OPERATOR as KEY
from amos_tools.demo.workdir import Workdir
from amos_tools.device.prepare import prepare
from amos_tools.pages.serve import WEB_PORT as PAGES_PORT

VENUE, OPERATOR, PAYEE = NAMES = ("venue.localhost", "operator.localhost", "payee.localhost")
"""Browsers take such names for this machine, and keep a session for each."""

GUEST = "demo"
START_S = 60
LOOK_S = 0.5


@dataclass(frozen=True)
class Pages:
    """Where the three are, as a browser opens them. With `opened`, the latter two let one person in, once, and `token`
    is what the venue's asks for. `payee` is whose statements; empty where nobody earned."""

    venue: str
    operator: str
    payee_address: str
    payee: str = ""
    token: str = ""
    opened: bool = False

    def facts(self) -> dict[str, Any]:
        """For the report."""
        known = {"venue": self.venue, "operator": self.operator, "payee": self.payee_address}
        return known | {"payee_name": self.payee, "token": self.token, "opened": self.opened}


def closed_pages() -> Pages:
    """Where they would be, were they served."""
    addresses = _addresses(VENUE_PORT, PAGES_PORT)
    return Pages(*addresses)


def check_web() -> None:
    """Raises `DemoError` at once where the pages' packages are missing, which would only be met in the end."""
    for module in ("starlette", "uvicorn", "jinja2", "segno"):
        if find_spec(module) is None:
            raise DemoError(f"{module} is not installed: pip install 'amos[demo]'")


class Served:
    """`pages` as long as `keep` runs what serves them."""

    def __init__(self, pages: Pages, processes: Processes) -> None:
        self.pages = pages
        self._processes = processes

    def keep(self) -> None:
        """Until Ctrl-C, SIGTERM or a closed terminal; what ends meanwhile is started again. Raises `DemoError`."""
        ended = threading.Event()
        for number in ending_signals():
            signal.signal(number, lambda *_: ended.set())
        while not ended.wait(LOOK_S):
            self._processes.keep_running()


@contextmanager
def serving_demo(work: Workdir, payees: list[str], keys_file: Path) -> Iterator[Served]:
    """Broker, ledger, players in real time, courier and pages, as long as inside. Raises `DemoError`."""
    ports = [port if is_free(port) else free_port() for port in (VENUE_PORT, PAGES_PORT)]
    keys, players = json.loads(keys_file.read_text()), cast(work)
    with Processes(work.logs) as processes:
        broker, port = start_broker(processes, work.root / "broker")
        address = f"--broker=127.0.0.1:{port}"
        processes.start("ledger", amos_command("ledger", "serve", str(work.ledger), address))
        for player in players:
            _play_on(work, player, keys["operator"], processes)
        courier = courier_command(work, players, broker, f"127.0.0.1:{port}", keys["ledger"])
        courier += [
            f"--packs={work.pack}",
            f"--publisher-key={keys['publisher']}",
            f"--operator-key={keys['operator']}",
        ]
        processes.start("courier", [*courier, f"--web=127.0.0.1:{ports[0]}", f"--web-host={VENUE}"])
        desk = work.root / "desk"
        words = ["fleet", "serve", str(desk), address, f"--packs={work.root}", f"--operator-key-file={work.key(KEY)}"]
        words += [f"--ledger-key={keys['ledger']}", f"--records={work.root / 'enrolments'}"]
        processes.start("desk", amos_command(*words))
        wait_until((desk / "desk.json").exists, f"a desk that works (see {work.logs})", START_S)
        hosts = [f"--web-host={name}" for name in (OPERATOR, PAYEE)]
        pages = ["pages", "serve", str(work.ledger), f"--web=127.0.0.1:{ports[1]}", *hosts, address, f"--desk={desk}"]
        processes.start("pages", amos_command(*pages))
        wait_until(lambda: all(map(listens, ports)), f"pages that answer (see {work.logs})", START_S)
        yield Served(_let_in(work, payees[0] if payees else "", ports), processes)


def _play_on(work: Workdir, player: DemoPlayer, operator_key: str, processes: Processes) -> None:
    """As it played, in real time and into nothing, for as long as somebody looks; and it takes directives."""
    folder = work.player(player.name)
    settings = json.loads((folder / "player.json").read_text())
    more = {"pace": "clocked", "minutes": 0, "linger": "forever", "out": "null", "operator_key": operator_key}
    prepare(folder, settings | more)
    command = amos_command("player", str(folder), f"--runtime={player.runtime}")
    processes.start(player.name, command, signal.SIGINT)


def _let_in(work: Workdir, payee: str, ports: list[int]) -> Pages:
    venue, operator, payee_address = _addresses(*ports)
    token = ["courier", "token", f"--spool={work.spool}", "--json"]
    if any(each["name"] == GUEST for each in json.loads(run_amos(*token))["tokens"]):  # of an earlier run
        run_amos(*token, f"--take-away={GUEST}")
    made = json.loads(run_amos(*token, f"--name={GUEST}"))["token"]
    invite = ["pages", "invite", str(work.ledger), "--json"]
    operator = json.loads(run_amos(*invite, "--name=operator", "--role=admin", f"--address={operator}"))["link"]
    if payee:
        words = [f"--name={payee}", "--role=payee", f"--payee={payee}", f"--address={payee_address}"]
        payee_address = json.loads(run_amos(*invite, *words))["link"]
    return Pages(venue, operator, payee_address, payee, made, opened=True)


def _addresses(venue_port: int, pages_port: int) -> tuple[str, str, str]:
    ports = (venue_port, pages_port, pages_port)
    venue, operator, payee = (f"http://{name}:{port}" for name, port in zip(NAMES, ports, strict=True))
    return venue, operator, payee
