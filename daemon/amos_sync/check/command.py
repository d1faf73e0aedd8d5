"""`amos courier check`: whether all that a venue needs is there, in sentences that say what to do."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from amos.protocol.printable_host import printable
from amos_cli.config import TomlFile, read_toml
from amos_cli.output import AsJson, Exit, UsageError, error_sentence, parser_errors, print_json
from amos_cli.paths import file_argument
from amos_mqtt.broker import BrokerSettingError
from amos_sync.check.at_broker import AtBroker
from amos_sync.check.disk import check_disk
from amos_sync.check.finding import Finding, fine, wrong
from amos_sync.check.lines import check_line, check_pattern
from amos_sync.check.players_here import check_player
from amos_sync.check.sources import check_metrics, check_opt_outs, check_packs
from amos_sync.courier_settings import Settings
from amos_sync.errors import SyncError
from amos_sync.options import run_options, settings_of
from amos_sync.roster import Roster
from amos_sync.spool_file import spool_in_use

TABLE = "courier"
PLAYERS = "player"
SENTENCE_CHARACTERS_MAX = 600


def check(
    context: typer.Context,
    file: Annotated[Path, file_argument("FILE", "The venue's settings, as amos setup writes them.")],
    wait_s: Annotated[int, typer.Option(min=1, max=600, help="Wait this long for the broker.")] = 15,
    as_json: AsJson = False,
) -> None:
    """Look at settings, disk, players, audio, broker, ledger and clock; say what is wrong and what to do (exit 1)."""
    read = _configuration(context, file)
    findings, toml = read.findings, read.toml
    if toml is not None and read.settings is not None:
        findings += look(read.settings, _players_of(toml), wait_s * 1000, read.metrics)
    rows = [_row(toml, finding) for finding in findings]
    healthy = all(finding.fine for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": rows})
    else:
        _print(rows)
    raise typer.Exit(Exit.FINE if healthy else Exit.FINDING)


@dataclass(frozen=True)
class _Read:
    """What came of the file: settings only where each has a meaning."""

    findings: list[Finding]
    toml: TomlFile | None = None
    settings: Settings | None = None
    metrics: str | None = None


def look(settings: Settings, players: dict[str, Path], wait_ms: int, metrics: str | None = None) -> list[Finding]:
    """Every finding, in the order in which an operator would mend them."""
    runs = _courier_runs(settings.spool)
    findings = check_disk(settings.spool, settings.spool_bytes_max)
    findings += check_packs(settings) + check_opt_outs(settings) + check_metrics(metrics, runs)
    keys = {
        "ledger_key": settings.ledger_key,
        "publisher_key": settings.publisher_key,
        "operator_key": settings.operator_key,
    }
    for name, directory in players.items():
        findings += check_player(name, directory, keys)
    roster = Roster(settings.addresses)
    roster.look(0)
    findings += [check_pattern(pattern) for pattern in roster.empty()]
    lines = [check_line(address, runs) for address in roster.present]
    findings += [finding for line in lines for finding in line.findings]
    device_ids = list(dict.fromkeys(line.device_id for line in lines if line.device_id is not None))
    return findings + AtBroker(settings, device_ids, runs).findings(wait_ms)


def _configuration(context: typer.Context, file: Path) -> _Read:
    """The file, read as `amos courier run --config FILE` reads it."""
    toml = None
    try:
        with parser_errors():
            toml = read_toml(file)
            options = run_options(context, file)
        settings = settings_of(options)
        _players_of(toml)
    except (UsageError, SyncError, BrokerSettingError) as error:
        advice = "correct it there; amos courier run --help says what each setting takes, amos setup writes them anew"
        return _Read([wrong("settings", error_sentence(error), advice, _setting_in(str(error), toml))], toml)
    found = [fine("settings", f"{file} can be read, and each value has a meaning")]
    return _Read(found, toml, settings, options["metrics"])


def _setting_in(sentence: str, toml: TomlFile | None) -> str | None:
    """The setting that an error begins with, where it is one of the file's."""
    if toml is None:
        return None
    said = sentence.replace(str(toml.path), "")
    found = [(match.start(), key) for key in _courier_table(toml) if (match := re.search(_as_word(key), said))]
    return min(found)[1] if found else None


def _as_word(key: str) -> str:
    return rf"(?<!\w){re.escape(key)}(?![\w-])"


def _courier_table(toml: TomlFile) -> dict[str, Any]:
    table = toml.content.get(TABLE)
    return table if isinstance(table, dict) else toml.content


def _players_of(toml: TomlFile) -> dict[str, Path]:
    """Directory of each player on this machine, by its name. Raises `UsageError`."""
    found = {}
    tables = toml.content.get(PLAYERS, {})
    if not isinstance(tables, dict):
        raise UsageError(f"{toml.path}: {PLAYERS}: expected tables [{PLAYERS}.NAME]")
    for name, player in tables.items():
        directory = player.get("directory") if isinstance(player, dict) else None
        if not isinstance(directory, str):
            raise UsageError(f"{toml.path}: [{PLAYERS}.{name}]: expected its directory")
        found[name] = Path(directory)
    return found


def _courier_runs(spool: Path) -> bool:
    try:
        return spool_in_use(spool)
    except OSError:
        return False


def _row(toml: TomlFile | None, finding: Finding) -> dict[str, Any]:
    table = TABLE if toml is not None and isinstance(toml.content.get(TABLE), dict) else None
    where = toml.where(finding.setting, table) if toml is not None and finding.setting is not None else None
    return {
        "part": finding.part,
        "fine": finding.fine,
        "sentence": printable(finding.sentence, SENTENCE_CHARACTERS_MAX),
        "advice": finding.advice,
        "setting": finding.setting,
        "where": where,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        parts[row["part"]].append(row)
    for found in parts.values():
        for row in found:
            print(f"{'ok   ' if row['fine'] else 'WRONG'} {row['sentence']}")
            if row["advice"] is not None:
                print(
                    f"      to do: {row['advice']}" + (f" ({row['where']}: {row['setting']})" if row["where"] else "")
                )
    count = sum(not row["fine"] for row in rows)
    print("All is well." if count == 0 else f"{count} to mend.")
