"""The demo from top to bottom."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amos_ledger.currencies import check_paid_in
from amos_ledger.folder import Folder
from amos_ledger.settlement.money import parse_income
from amos_ledger.settlement.periods import period_at
from amos_sync.report import report as spool_report
from amos_tools import toolchain
from amos_tools.demo.broker import start_broker
from amos_tools.demo.content import Content, make_content
from amos_tools.demo.idleness import Idleness
from amos_tools.demo.page import verify_in_page
from amos_tools.demo.players import SITE, DemoPlayer, cast, enrol_player, start_player
from amos_tools.demo.processes import POLL_S, DemoError, Process, Processes, amos_command, run_amos
from amos_tools.demo.report import player_facts
from amos_tools.demo.withdrawal import Between, between_months, play_of
from amos_tools.demo.workdir import Workdir
from amos_tools.verify.statement_file import statement_files

RECEIPT_WAIT_S = 60
"""Without work of anyone: more than the courier waits between two tries."""
TELL_S = 20
SECOND_PART = 5
"""The second month is so much shorter than the first."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What the demo is asked for. `income` is a decimal string; `stems` None means the starter vault."""

    minutes: int
    income: str
    currency: str
    stems: Path | None
    sidecar: Path | None
    script: Path


@dataclass(frozen=True)
class Month:
    """A month's play: by which broker, and how often the courier had ended."""

    broker: str
    courier_restarts: int


def run_demo(work: Workdir, options: Options, say: Say) -> dict[str, Any]:
    """Everything, in the order of the way of a stem; the figures as data. Raises `DemoError`."""
    started, played_in = time.monotonic(), period_at(int(time.time()))
    _check(options)
    work.make()
    content = make_content(work, options.stems, options.sidecar, options.script)
    say(f"{content.stems} stems, {content.opted_in} opted in; pack {content.pack.pack_id.hex()[:12]} signed")
    players = cast(work)
    if all(player.runtime == "cpython" for player in players):
        say(f"both players run on CPython: {toolchain.explain('compiling')}")
    month = _play(work, options.minutes, content, players, say)
    months, between = [_settle(work, options)], None
    if options.stems is None and months[0]["payees"]:
        between = between_months(work, months[0])
        say(f"{months[0]['period']} is settled; {between.stem['title']} is withdrawn, and a payment corrected")
        _play(work, max(options.minutes // SECOND_PART, 1), content, players, say)
        months.append(_settle(work, options))
    verified = all([_verify(work, content, settled) for settled in months])
    told = [path for settled in months for path in statement_files(Path(settled["statements"]))]
    page = verify_in_page(work, content.keys_file, told)
    audited = _audit(work, content, played_in, len(players))
    facts = {
        "workdir": str(work.root),
        "broker": month.broker,
        "courier_restarts": month.courier_restarts,
        "content": content.facts(),
        "pack": {
            "id": content.pack.pack_id.hex(),
            "serial": content.pack.serial,
            "stems": content.pack.stems,
            "bytes": content.pack.blob_bytes,
        },
        "players": player_facts(work, players, spool_report(work.spool)),
        "ledger": json.loads(run_amos("ledger", "status", str(work.ledger), "--json")),
        "settlement": months[0],
        "months": months,
        "between": None if between is None else _since(between, Path(months[-1]["statements"])),
        "verified": verified and not page.refused,
        "page": page.facts(),
        "audited": audited,
        "keys": str(content.keys_file),
        "seconds": round(time.monotonic() - started, 1),
    }
    return facts | {"totals": _totals(facts)}


def _play(work: Workdir, minutes: int, content: Content, players: list[DemoPlayer], say: Say) -> Month:
    """Let everybody work until all that was played is receipted."""
    with Processes(work.logs) as processes:
        broker, port = start_broker(processes, work.root / "broker")
        address = f"127.0.0.1:{port}"
        ledger = processes.start("ledger", amos_command("ledger", "serve", str(work.ledger), f"--broker={address}"))
        running = {p.name: start_player(work, p, content, minutes, processes) for p in players}
        length = "1 minute" if minutes == 1 else f"{minutes} minutes"
        say(f"{broker} at {address}, the ledger, and {len(players)} players run; {length} each")
        for player in players:
            enrol_player(work, player, running[player.name])
        say("each player proved its key and is enrolled")
        command = courier_command(work, players, broker, address, content.ledger_public)
        courier = processes.start("courier", command)
        _until_receipted(work, running, [ledger, courier], say)
        say("every segment is receipted, and the players have freed its space")
        return Month(broker, courier.restarts)


def _since(between: Between, statements: Path) -> dict[str, Any]:
    return between.facts() | {"since": play_of(statements, between.stem["stem_id"])}


def _check(options: Options) -> None:
    """Refuse at once what would only be found out at the end. Raises `MoneyError`."""
    parse_income(options.income)
    check_paid_in(options.currency)


def courier_command(work: Workdir, players: list[DemoPlayer], broker: str, address: str, ledger_key: str) -> list[str]:
    """What starts the courier of these players. `broker` is its kind."""
    devices = [f"--device={player.courier_address}" for player in players]
    words = ["courier", "run", f"--site={SITE}", f"--broker={address}", f"--spool={work.spool}"]
    if broker == "amqtt":
        words.append("--mqtt-version=3.1.1")  # it never answers MQTT 5, and finding that out takes two seconds
    return amos_command(*words, f"--ledger-key={ledger_key}", *devices)


def _until_receipted(work: Workdir, running: dict[str, Process], services: list[Process], say: Say) -> None:
    """Players end by themselves once all they sealed is receipted; what dies meanwhile is started again."""
    idleness = Idleness()
    waiting = dict(running)
    told_at = time.monotonic()
    while waiting:
        for service in services:
            if service.keep_running():
                say(f"{service.name} had ended and was started again")
        for name, process in list(waiting.items()):
            if process.ended() == 0:
                del waiting[name]
            else:
                process.check_alive()
        if idleness.seconds([process.pid for process in (*waiting.values(), *services)]) > RECEIPT_WAIT_S:
            raise DemoError(f"no receipts for {', '.join(waiting)}; see {services[0].log.parent}")
        if time.monotonic() - told_at >= TELL_S:
            told_at = time.monotonic()
            say("still at work: " + ", ".join(f"{name} has {work.music_s(name):,} s of music" for name in waiting))
        time.sleep(POLL_S)


def _settle(work: Workdir, options: Options) -> dict[str, Any]:
    """Close the first month from today on that is still open: this one, or for a later run on it, the next.

    The demo's broker has ended by then, so nobody can be asked for the ledger's head.
    """
    with Folder(work.ledger).open_store() as store:
        closed = set(store.closed_periods())
    period = period_at(int(time.time()))
    while period in closed:
        year, month = int(period[:4]), int(period[5:])
        period = f"{year + month // 12:04}-{month % 12 + 1:02}"
    words = ["pool", "settle", f"--period={period}", f"--income={options.income}", f"--currency={options.currency}"]
    folder = work.statements / f"{period}-{options.currency}"
    result = run_amos(
        *words,
        f"--ledger={work.ledger}",
        f"--out={work.statements}",
        "--close-now",
        "--rehearsal",
        "--unasked",
        "--json",
    )
    settled: dict[str, Any] = json.loads(result)
    return settled | {"statements": str(folder)}


def _verify(work: Workdir, content: Content, settled: dict[str, Any]) -> bool:
    if not settled["payees"]:
        return False
    words = ["verify", settled["statements"], f"--published={work.ledger / 'audit'}", f"--keys={content.keys_file}"]
    return bool(json.loads(run_amos(*words, "--json"))["verified"])


def _audit(work: Workdir, content: Content, period: str, players: int) -> dict[str, Any]:
    """Replay what all players have signed in that month, and render it again."""
    words = ["audit", f"--ledger={work.ledger / 'audit'}", f"--period={period}", "--seed=demo"]
    words += [f"--sample={players}", f"--pack={work.pack}", f"--keys={content.keys_file}", "--pcm", "--json"]
    found = json.loads(run_amos(*words))
    return {"agrees": found["agrees"], **found["totals"]}


def _totals(facts: dict[str, Any]) -> dict[str, Any]:
    players = sum(player["played_frames"] for player in facts["players"])
    untold = sum(player["untold_sessions"] for player in facts["players"])
    ledger = facts["ledger"]["frames"]
    months = facts["months"]
    paid = sum(payee["amount_micro"] for settled in months for payee in settled["payees"])
    # What a month carries out is in the pool of the next one.
    pools = sum(settled["pool_micro"] - settled["carry_in_micro"] for settled in months) + months[0]["carry_in_micro"]
    return {
        "player_frames": players,
        "ledger_frames": ledger,
        "untold_sessions": untold,
        "frames_agree": players <= ledger if untold else players == ledger,
        "paid_micro": paid,
        "pool_micro": pools,
        "pool_agrees": paid + months[-1]["carry_out_micro"] == pools,
    }
