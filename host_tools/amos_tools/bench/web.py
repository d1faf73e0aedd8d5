"""Section `web`: the fleet's page of ten thousand players beside intake, and what intake loses by it."""

import http.client
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.ledger_fleet import NOON, SEGMENT_S, SITE, Fleet
from amos_tools.demo.broker import free_port
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.tags.kept import write_tags
from amos_tools.fleet.tags.tags import tags_of
from amos_tools.pages.serve import people_of
from amos_web.people import FLEET

SECTION = "web"
PLAYERS, ROWS, BATCH = 10_000, 20, 100
QUESTIONS = 30
FIRST_BYTE_MS_MAX, PAGE_BYTES_MAX, INTAKE_LOSS_MAX = 200, 100_000, 0.05
TURNS, TURN_BATCHES = 6, 8
START_S_MAX = 60.0
TAGS = ("hotel", "north", "pilot", "harbour side")
QUERIES = ("", "?page=50", "?sort=heard&down=yes", "?q=player-99", "?sort=state&page=7", "?wrong=yes", "?tag=north")


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    return measured(SECTION, "fleet page", lambda: _figures(scale))


def _figures(scale: float) -> list[Figure]:
    players, questions = max(4, round(PLAYERS * scale)), max(3, round(QUESTIONS * scale))
    note_progress(f"enrolment of {players} players")
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        fleet = Fleet(Path(folder) / "ledger", players, ROWS)
        intake = _Intake(fleet)
        desk = DeskFolder(Path(folder) / "desk")
        desk.make()
        device_ids = [player.key.id.hex() for player in fleet.players]
        write_tags(desk.path, tags_of({f"{SITE}/{each}": TAGS[: 2 + n % 3] for n, each in enumerate(device_ids)}))
        with _served(fleet.folder.path, desk.path) as port:
            visitor = _Visitor(fleet.folder.path, port)
            note_progress("the fleet's page, beside intake")
            asked = _while_asked(visitor, questions, intake.take)
            note_progress("intake, with and without somebody who looks")
            loss = _loss(intake, visitor, max(2, round(TURNS * scale)))
        fleet.ledger.close()
    times_ms, sizes = sorted(each[0] for each in asked), [each[1] for each in asked]
    first, most = ("at most", FIRST_BYTE_MS_MAX), ("at most", PAGE_BYTES_MAX)
    return [
        Figure(
            SECTION, f"first byte of the fleet's page, {players} players, beside intake", median(times_ms), "ms", first
        ),
        Figure(SECTION, f"the slowest of {len(asked)} such", times_ms[-1], "ms", first),
        Figure(SECTION, "the largest of these pages", max(sizes), "bytes", most),
        Figure(SECTION, "CPU of intake while somebody looks / else", loss, "", ("at most", 1 + INTAKE_LOSS_MAX)),
    ]


class _Intake:
    """Takes in one batch after the other, on the thread that made the ledger."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._received_s = NOON

    def take(self) -> float:
        """One batch; the CPU seconds of this thread."""
        messages = [player.message(data) for player, data in self._fleet.sealed(BATCH)]
        self._received_s += SEGMENT_S
        before = time.thread_time()
        self._fleet.ledger.take(messages, self._received_s)
        return time.thread_time() - before


class _Visitor:
    """Somebody who is signed in at the pages."""

    def __init__(self, ledger: Path, port: int) -> None:
        self._port = port
        self._turn = 0
        code = people_of(ledger).invite("bench", FLEET)
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S_MAX)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        line.request("POST", "/signin", urllib.parse.urlencode({"code": code}), kind)
        self._cookie = (line.getresponse().headers["set-cookie"] or "").partition(";")[0]
        line.close()

    def ask(self) -> tuple[float, int]:
        """(milliseconds to the first byte, bytes) of the fleet's page, by one of the queries after the other. Raises
        `RuntimeError` where that is not the page."""
        query = QUERIES[self._turn % len(QUERIES)]
        self._turn += 1
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=START_S_MAX)
        begun_s = time.perf_counter()
        line.request("GET", f"/fleet{query}", headers={"Cookie": self._cookie})
        answer = line.getresponse()
        first = answer.read(1)
        took_ms = (time.perf_counter() - begun_s) * 1000
        page = first + answer.read()
        line.close()
        if answer.status != 200 or b"<table>" not in page:
            raise RuntimeError(f"the fleet's page answered {answer.status}")
        return took_ms, len(page)


def _while_asked(visitor: _Visitor, questions: int, work: Callable[[], object]) -> list[tuple[float, int]]:
    """What the visitor found in so many questions, while this thread works."""
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(lambda: [visitor.ask() for _ in range(questions)])
        while not asking.done():
            work()
        return asking.result()


def _loss(intake: _Intake, visitor: _Visitor, turns: int) -> float:
    """How many times the CPU a batch takes while pages are asked for, in turn with as many while none is."""
    quiet, busy = list[float](), list[float]()
    for _ in range(turns):
        quiet += [intake.take() for _ in range(TURN_BATCHES)]
        _while_asked(visitor, TURN_BATCHES, lambda: busy.append(intake.take()))
    return median(busy) / median(quiet)


@contextmanager
def _served(ledger: Path, desk: Path) -> Iterator[int]:
    """Pages in a process of their own; their port."""
    port = free_port()
    command = [sys.executable, "-m", "amos_tools", "pages", "serve", str(ledger), "--web", f"127.0.0.1:{port}"]
    command += ["--desk", str(desk)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            end_s = time.monotonic() + START_S_MAX
            while True:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if process.poll() is not None or time.monotonic() > end_s:
                    raise RuntimeError("the pages were not served")
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
