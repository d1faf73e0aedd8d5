"""Imports point inward, and pure code stays pure: one table of rules, held against every file's syntax tree.

What a module imports inside `if TYPE_CHECKING:` or `if __name__ == "__main__":` does not count: nobody who imports the
module runs it.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = tuple(PROJECT / name for name in ("firmware", "daemon", "host_tools"))
OURS = {
    "amos",
    "amos_batches",
    "amos_cli",
    "amos_inputs",
    "amos_metrics",
    "amos_mqtt",
    "amos_places",
    "amos_sync",
    "amos_ledger",
    "amos_player",
    "amos_tools",
    "amos_web",
}
FORBIDDEN = {"daemon", "firmware", "host_tools", "tests"}  # folders, not packages

# Files that only CPython imports. `basedpyright` leaves out the same ones and `make lint` hands them to mypy.
CPYTHON_ONLY = ("host.py", "*_host.py", "*_numpy.py")

BYTES = {"array", "binascii", "hashlib", "struct", "zlib"}  # values in, values out, and MicroPython has them
VIPER = BYTES | {"micropython"}
BOARD = BYTES | {
    *(
        "asyncio",
        "collections",
        "deflate",
        "errno",
        "ffi",
        "gc",
        "io",
        "json",
        "machine",
        "micropython",
        "network",
        "os",
    ),
    *("sdcard", "select", "socket", "sys", "termios", "time", "uctypes", "usb", "vfs"),
}
LIGHT_CHECK = (
    *("light", "light_accounts", "light_closing", "light_detail", "light_figures", "light_formats", "light_reading"),
    "light_trees",
)

PURE_HOST = BYTES | {
    *("__future__", "base64", "bisect", "collections", "dataclasses", "datetime", "enum", "fractions", "functools"),
    *("heapq", "itertools", "json", "math", "numpy", "operator", "re", "types", "typing", "unicodedata"),
}
EFFECTS = {"__import__", "breakpoint", "eval", "exec", "input", "open", "print"}  # built-ins that no pure code calls
CLOCKS = {"now", "today", "utcnow"}  # methods of datetime and date

# The courier's decisions; what stores, sends and serves stands beside them in the same package.
PURE_SYNC = ("outbox", "unanswered")

# A roll-out's decisions; what hears, keeps and sends stands beside them.
PURE_ROLLOUT = ("decide", "plain", "plan", "rings", "seen", "state")

# Only what is a command speaks of the command line.
COMMANDS_OF_THE_LEDGER = {
    "cli": (),
    "command": (),
    "cli_status": (),
    "cli_serve": ("amos.edges.notify_host",),
    "cli_work": (),
    "cli_watch": ("amos.edges.notify_host",),
    "cli_fsck": (),
    "cli_played": (),
    "cli_quarantine": (),
    "cli_trust": (),
    "cli_rotate": (),
    "cli_withdraw": (),
}

# What intake and store of the ledger both speak of.
VALUES_OF_THE_LEDGER = ("amos_ledger.limits", "amos_ledger.records")


@dataclass(frozen=True)
class Rule:
    """For the files of `part`, or below it: what they may import, of ours and of others.

    pure        neither I/O nor anything else that is not a function of the arguments
    outside     top-level modules of others that portable or pure code may import; None = whatever pyproject declares
    cpython     what CPython-only files may import beside `outside`
    """

    part: str
    ours: tuple[str, ...]
    outside: frozenset[str] | None = None
    pure: bool = False
    cpython: frozenset[str] = field(default=frozenset())


def rule(part: str, *ours: str, outside: set[str] | None = None, pure: bool = False, cpython: str = "") -> Rule:
    return Rule(part, (part, *ours), None if outside is None else frozenset(outside), pure, frozenset(cpython.split()))


# What stands beside the rooms of the player; `amos.app` alone knows them all, and `amos.compat` is anybody's.
TOP_LEVEL: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "anchored_clock": (("amos.protocol",), {"hashlib"}),
    "config": (
        ("amos.crypto.key_text", "amos.protocol.limits", "amos.protocol.segment", "amos.settings", "amos.staff"),
        {"json", "os"},
    ),
    "back_off": ((), set()),
    "device": (
        (
            "amos.crypto",
            "amos.journal.errors",
            "amos.protocol",
            "amos.edges.worker",
            "amos.log_ring",
            "amos.session.input_allowance",
            "amos.session.seed_root",
            "amos.session.sounding",
        ),
        set(),
    ),
    "directed_inputs": (("amos.score.inputs",), set()),
    "directives": (
        (
            *("amos.crypto", "amos.directed_inputs", "amos.edges.two_slot_file", "amos.ledger_keys"),
            *("amos.operator_keys", "amos.protocol"),
        ),
        set(),
    ),
    "heap": ((), {"gc", "sys"}),
    # A rotation is looked for with each start, and imported only where there is one.
    "identity": (
        (
            "amos.crypto",
            "amos.protocol.link",
            "amos.edges.key_files",
            "amos.edges.key_store",
            "amos.key_rotation",
        ),
        set(),
    ),
    "journal_keeper": (("amos.journal",), set()),
    "key_rotation": (
        (
            "amos.crypto",
            "amos.protocol",
            "amos.edges.key_files",
            "amos.edges.key_store",
            "amos.edges.two_slot_file",
            "amos.identity",
        ),
        set(),
    ),
    "link_service": ((), set()),
    "log_ring": ((), set()),
    "operator_keys": (("amos.ledger_keys",), set()),
    "outage": (("amos.back_off", "amos.heap", "amos.journal.errors", "amos.protocol.link"), set()),
    "play_loop": (("amos.protocol.link",), set()),
    "player_state": (("amos.protocol", "amos.tier_kept"), set()),
    "settings": ((), set()),
    "staff": (("amos.protocol.errors", "amos.score.inputs", "amos.sound.limiter"), set()),
    "standby": (("amos.packs.permission", "amos.protocol.link"), set()),
    "tier_kept": (("amos.protocol",), set()),
}

# The most particular rule for a module is the one that holds.
RULES = (
    rule("amos.compat", outside={"micropython", "sys", "uctypes"}),
    rule(
        "amos.protocol",
        "amos.compat",
        outside=BYTES,
        pure=True,
        cpython="base64 binascii cbor2 collections dataclasses typing",
    ),
    rule("amos.crypto", "amos.compat", outside=VIPER, pure=True, cpython="nacl"),
    rule("amos.sound", "amos.protocol", "amos.compat", outside=VIPER, pure=True, cpython="numpy typing"),
    rule("amos.score", "amos.protocol", "amos.sound", "amos.compat", outside=VIPER, pure=True),
    rule("amos.journal", "amos.protocol", "amos.compat", outside=BYTES, pure=True),
    rule(
        "amos.edges",
        *("amos.protocol", "amos.sound", "amos.compat"),
        outside=BOARD,
        cpython="contextlib ctypes fcntl mmap numpy pathlib signal stat subprocess tempfile threading tty typing",
    ),
    # Leases and opt-outs: values, and what an edge keeps of them.
    rule(
        "amos.rights",
        *("amos.protocol", "amos.compat", "amos.edges.two_slot_file", "amos.edges.worker"),
        outside=BYTES,
        pure=True,
    ),
    # A session knows nothing of where packs come from, and nothing of the link but the numbers of its states.
    rule(
        "amos.session",
        *("amos.protocol", "amos.score", "amos.sound", "amos.journal", "amos.compat", "amos.heap"),
        *("amos.edges.audio_out", "amos.edges.audio_sink", "amos.edges.stem_file", "amos.edges.stems_ahead_host"),
        *("amos.edges.address", "amos.edges.worker"),
        outside=BYTES,
        pure=True,
    ),
    rule(
        "amos.packs",
        *("amos.protocol", "amos.crypto", "amos.rights.licence", "amos.session.start", "amos.compat", "amos.settings"),
        *("amos.edges.blob_folder", "amos.edges.stem_file", "amos.edges.stem_file_numpy", "amos.edges.stem_file_qoa"),
        outside=BYTES | {"os"},
    ),
    *(rule(f"amos.{name}", "amos.compat", *ours, outside=outside) for name, (ours, outside) in TOP_LEVEL.items()),
    rule("amos.app", "amos", outside={"os"}),
    rule("amos.__main__", "amos", outside={"sys"}),
    rule("amos", outside=set()),
    rule("boot", "amos.edges.usb_link", "amos.edges.watchdog", outside=set()),
    rule("main", "amos.__main__", "amos.edges.sd_card", outside={"json"}),
    rule("manifest", outside={"json"}),  # MicroPython's build runs it
    *(
        rule(
            f"amos_sync.{name}",
            *("amos.protocol", "amos_sync.limits", "amos_sync.outbox", "amos_mqtt.back_off", "amos_mqtt.limits"),
            outside=PURE_HOST,
            pure=True,
        )
        for name in PURE_SYNC
    ),
    # The loop's side sees players; the pages' side speaks to people.
    rule(
        "amos_sync.venue",
        *("amos_sync", "amos_inputs", "amos_mqtt", "amos_web", "amos.protocol", "amos.crypto", "amos.score"),
        *("amos.edges.durable_host", "amos.edges.private_host", "amos.staff"),
    ),
    rule("amos_sync.venue.cli", "amos_sync.venue", "amos_web", "amos_cli"),
    rule("amos_web", "amos.edges.durable_host"),
    rule("amos_sync.cli_stick", "amos_sync", "amos_cli", "amos.protocol"),
    rule("amos_sync.cli_pair", "amos_sync", "amos_cli", "amos_mqtt", "amos.protocol", "amos.crypto"),
    rule(
        "amos_sync.cli",
        *("amos_sync", "amos_cli", "amos_metrics", "amos_mqtt", "amos_web"),
        *("amos.protocol", "amos.edges.notify_host", "amos.crypto"),
    ),
    # An input is the score's, and its value the mixer's.
    rule(
        "amos_sync.home_assistant",
        *("amos_sync", "amos_inputs", "amos_mqtt", "amos.protocol", "amos.score.inputs", "amos.sound.ducking"),
    ),
    rule("amos_sync.options", "amos_sync", "amos_cli.keys", "amos_mqtt"),
    # What is looked at before the courier runs: the player's part of the machine, too.
    rule(
        "amos_sync.check",
        *("amos_sync", "amos_metrics", "amos_mqtt", "amos.protocol", "amos.crypto", "amos.edges.alsa_library_host"),
    ),
    rule("amos_sync.check.command", "amos_sync", "amos_cli", "amos_mqtt", "amos.protocol"),
    *(
        rule(
            f"amos_ledger.{name}",
            "amos_ledger",
            "amos_batches",
            "amos_cli",
            "amos.protocol",
            "amos.crypto",
            "amos_metrics",
            "amos_mqtt",
            "amos_places",
            *more,
        )
        for name, more in COMMANDS_OF_THE_LEDGER.items()
    ),
    # A word to the supervisor and a durable write know nothing of players; each has one owner.
    rule(
        "amos_sync",
        "amos.protocol",
        "amos.crypto",
        "amos.edges.notify_host",
        "amos.edges.durable_host",
        "amos.edges.private_host",
        "amos_metrics",
        "amos_mqtt",
    ),
    rule("amos_ledger.log", "amos.protocol", outside=PURE_HOST, pure=True),
    # Memory has no part in what is worked out, and a large period would take too much of it.
    rule(
        "amos_ledger.settlement",
        *("amos_ledger.collecting", "amos_ledger.log", "amos.protocol"),
        outside={*PURE_HOST, "cbor2"},
        pure=True,
    ),
    rule(
        "amos_ledger.intake",
        *VALUES_OF_THE_LEDGER,
        "amos_ledger.settlement.periods",
        "amos.protocol",
        outside=PURE_HOST,
        pure=True,
    ),
    *(
        rule(
            f"amos_ledger.watch.{name}",
            *("amos_ledger.totals", "amos_ledger.watch.conditions", "amos.protocol.printable_host"),
            outside=PURE_HOST,
            pure=True,
        )
        for name in ("conditions", "alerts")
    ),
    # It keeps what was decided elsewhere, and reads the values that are decided about.
    # What an older version did not reckon is reckoned when its store is brought to the present schema, and of the
    # receipts that it stored those are believed that verify.
    rule(
        "amos_ledger.store.migration",
        *("amos_ledger.store", "amos_ledger.limits", "amos_ledger.records", "amos_ledger.intake.placements"),
        *("amos_ledger.settlement.periods", "amos_ledger.settlement.rollup"),
        *("amos_ledger.log", "amos.protocol", "amos.crypto"),
    ),
    rule(
        "amos_ledger.store",
        "amos.edges.private_host",
        "amos.edges.durable_host",
        *VALUES_OF_THE_LEDGER,
        "amos_ledger.totals",
        *("amos_ledger.intake.ordinary", "amos_ledger.intake.reading", "amos_ledger.intake.segment_parse"),
        "amos_ledger.settlement.rollup",
        *("amos_ledger.log", "amos_ledger.errors", "amos.protocol"),
    ),
    rule(
        "amos_ledger",
        *("amos.protocol", "amos.crypto", "amos.edges.durable_host", "amos.edges.private_host"),
        *("amos_batches", "amos_metrics", "amos_mqtt", "amos_places"),
    ),
    # What is worked on travels by its name; the runner knows nothing of it.
    rule("amos_batches", outside={*sys.stdlib_module_names, "distributed"}),
    # Reads and writes files, and knows nothing of what is in them.
    rule("amos_places", "amos.edges.durable_host"),
    # Words in, kinds and values of the score's inputs out.
    rule(
        "amos_inputs",
        *("amos.protocol.printable_host", "amos.score", "amos.sound.limiter", "amos_cli.names"),
        outside=PURE_HOST | {"decimal"},
        pure=True,
    ),
    # Another program's player: the firmware, and nothing of daemons but the words of inputs.
    rule("amos_player", "amos", "amos_inputs"),
    rule("amos_cli", "amos.edges.durable_host", "amos.protocol.printable_host", "amos.crypto.key_text"),
    rule("amos_metrics", "amos_mqtt.address", outside={*sys.stdlib_module_names, "prometheus_client"}),
    rule("amos_mqtt.back_off", outside=PURE_HOST, pure=True),
    rule("amos_mqtt.faults", "amos_mqtt.limits", outside=PURE_HOST, pure=True),
    rule("amos_mqtt.teller", "amos_mqtt.faults", "amos_mqtt.limits", outside=PURE_HOST, pure=True),
    rule("amos_mqtt", outside={*sys.stdlib_module_names, "paho"}),
    *(
        rule(
            f"amos_tools.fleet.rollout.{name}",
            *("amos_tools.fleet", "amos.protocol", "amos_cli.durations", "amos_cli.output", "amos_sync.limits"),
            outside=PURE_HOST | {"difflib", "hashlib"},
            pure=True,
        )
        for name in PURE_ROLLOUT
    ),
    rule("amos_tools.bootstrap", "amos_tools.toolchain", outside=set(sys.stdlib_module_names)),
    # The system's Python runs it; `render` is run in a root, by amos's.
    rule("amos_tools.fresh", "amos_tools.toolchain", outside=set(sys.stdlib_module_names)),
    rule("amos_tools.toolchain", outside=set(sys.stdlib_module_names)),
    # Whoever is audited lends the auditor nothing.
    rule("amos_tools.verify", "amos_batches", "amos.protocol", "amos.crypto", "amos_places"),
    # To be read by itself, from top to bottom.
    *(
        rule(
            f"amos_tools.verify.{name}",
            *(f"amos_tools.verify.{part}" for part in ("errors", *LIGHT_CHECK)),
            outside={*PURE_HOST, "cbor2", "nacl"},
            pure=True,
        )
        for name in LIGHT_CHECK
    ),
    rule("amos_tools.verify.cli", "amos_tools.verify", "amos_batches", "amos_cli", "amos.protocol", "amos_places"),
    rule("amos_tools", *sorted(OURS)),
)


def modules() -> dict[str, Path]:
    """Every module of ours, by its dotted name."""
    found = {}
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def rule_for(module: str) -> Rule:
    holding = [rule for rule in RULES if below(module, rule.part)]
    assert holding, f"{module} belongs to no package of ours; have {sorted(OURS)}"
    return max(holding, key=lambda rule: len(rule.part))


def cpython_only(path: Path) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in CPYTHON_ONLY)


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs when the module is imported or used by another."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and re.match(r"TYPE_CHECKING$|__name__ == '__main__'$", ast.unparse(child.test)):
            yield from executed(ast.Module(child.orelse, []))
        else:
            yield child
            yield from executed(child)


def imports(nodes: list[ast.AST], module: str) -> Iterator[str]:
    """The dotted names a module imports; `from a import b` is a.b where that is a module, else a."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def calls(nodes: list[ast.AST]) -> Iterator[str]:
    """The calls among the nodes that pure code may not make."""
    for node in nodes:
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in EFFECTS:
                yield node.func.id
            elif isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
                yield node.func.attr


def declared() -> set[str]:
    """The top-level modules of the packages that pyproject.toml declares for use (not the development group)."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    lines = [*project["dependencies"], *chain.from_iterable(extras.values())]
    wanted = {_normal(re.split(r"[<>=~!\[; ]", line)[0]) for line in lines}
    installed = packages_distributions()
    names = {name for name, packages in installed.items() if wanted & {_normal(package) for package in packages}}
    # Extras need not be installed here; these modules are called as their packages.
    return names | {name.replace("-", "_") for name in wanted}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


DECLARED = declared()


def faults(module: str, path: Path, source: str) -> list[str]:
    """Every breach of the module's rule, as sentences."""
    rule = rule_for(module)
    nodes = list(executed(ast.parse(source, str(path))))
    allowed = rule.outside if rule.outside is not None else frozenset(sys.stdlib_module_names) | DECLARED
    if cpython_only(path):
        allowed |= rule.cpython
    found = []
    for name in imports(nodes, module):
        top = name.partition(".")[0]
        if top in FORBIDDEN:
            found.append(f"imports {name}, which is a folder and not a package")
        elif top in OURS:
            # A package's own name stands for what it exports; `amos` exports its version alone.
            if name != "amos" and not any(below(name, part) for part in rule.ours):
                found.append(f"imports {name}; {rule.part} may import {', '.join(rule.ours)}")
        elif top not in allowed:
            kind = (
                "pure code" if rule.pure else "portable code" if rule.outside else "code without a declared dependency"
            )
            found.append(f"imports {name}, which {kind} in {rule.part} may not")
    if rule.pure:
        found += [f"calls {name}(); {rule.part} does no I/O and reads no clock" for name in calls(nodes)]
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_module_keeps_to_its_rule(module: str) -> None:
    path = MODULES[module]
    assert not faults(module, path, path.read_text())


BREACHES = [
    ("amos.protocol.x", "import os", "imports os"),
    ("amos.protocol.x", "import cbor2", "imports cbor2"),
    ("amos.protocol.x", "from amos.crypto import sign", "imports amos.crypto"),
    ("amos.protocol.x", "from amos import crypto", "imports amos.crypto"),
    ("amos.protocol.x", "def f():\n    return open('x')", "calls open()"),
    ("amos.crypto.x", "from amos.sound import mixer", "imports amos.sound.mixer"),
    ("amos.score.x", "import random", "imports random"),
    ("amos.score.x", "def f():\n    import time", "imports time"),
    ("amos.score.x", "if TYPE_CHECKING:\n    import a\nelse:\n    import socket", "imports socket"),
    ("amos.edges.x", "import numpy", "imports numpy"),
    ("amos.edges.x", "import dataclasses", "imports dataclasses"),
    ("amos.x", "import amos_tools", "imports amos_tools"),
    ("amos.x", "import os", "imports os"),
    ("amos.rights.x", "from amos.session import session", "imports amos.session.session"),
    ("amos.rights.x", "def f():\n    return open('x')", "calls open()"),
    ("amos.session.x", "from amos.packs import store", "imports amos.packs.store"),
    ("amos.session.x", "from amos.rights import rights", "imports amos.rights.rights"),
    ("amos.session.x", "import os", "imports os"),
    ("amos.packs.x", "from amos.rights import rights", "imports amos.rights.rights"),
    ("amos.packs.x", "from amos import app", "imports amos.app"),
    ("amos.player_state", "from amos.session import session", "imports amos.session.session"),
    ("amos.device", "from amos.edges import clock", "imports amos.edges.clock"),
    ("amos_sync.x", "from amos.sound import events", "imports amos.sound.events"),
    ("amos_sync.x", "from amos.edges import directory_lock", "imports amos.edges.directory_lock"),
    ("boot", "import amos.app", "imports amos.app"),
    ("main", "import machine", "imports machine"),
    ("amos_sync.x", "import amos_ledger", "imports amos_ledger"),
    ("amos_ledger.x", "import amos_tools.cli", "imports amos_tools.cli"),
    ("amos_ledger.x", "import pytest", "imports pytest"),
    ("amos_ledger.settlement.x", "import sqlite3", "imports sqlite3"),
    ("amos_ledger.settlement.x", "from amos_ledger.store.store import Store", "imports amos_ledger.store.store"),
    ("amos_ledger.intake.x", "from amos_ledger.store.chain import Chain", "imports amos_ledger.store.chain"),
    ("amos_ledger.intake.x", "def f():\n    return open('x')", "calls open()"),
    ("amos_ledger.log.x", "import os", "imports os"),
    ("amos_ledger.log.x", "from amos_ledger.folder import Folder", "imports amos_ledger.folder"),
    ("amos_ledger.store.x", "from amos_ledger.intake.decision import decide", "imports amos_ledger.intake.decision"),
    ("amos_tools.verify.x", "from amos_ledger.log import tree", "imports amos_ledger.log.tree"),
    ("amos_ledger.settlement.periods", "from datetime import datetime\ndatetime.now()", "calls now()"),
    ("amos_tools.x", "import daemon.amos_sync", "which is a folder"),
    ("amos_tools.toolchain.x", "import numpy", "imports numpy"),
]


@pytest.mark.parametrize(("module", "source", "expected"), BREACHES)
def test_breach_is_found(module: str, source: str, expected: str) -> None:
    assert expected in "\n".join(faults(module, Path("x.py"), source))


KEPT = [
    ("amos.protocol.x", "x.py", "import struct\nfrom amos.protocol.errors import MessageError"),
    ("amos.sound.x", "mixer_numpy.py", "import numpy as np"),
    ("amos.score.x", "x.py", "if TYPE_CHECKING:\n    from typing import Any"),
    ("amos.score.x", "x.py", "if __name__ == '__main__':\n    import sys\n    print(sys.argv)"),
    ("amos.edges.x", "x.py", "import os, select, socket\nfrom amos.protocol import frames"),
    ("amos_sync.x", "x.py", "import sqlite3, serial, paho.mqtt.client\nfrom amos.crypto import verify"),
    ("amos_tools.x", "x.py", "import amos_ledger, amos_sync, soundfile\nfrom amos.sound import mixer"),
]


@pytest.mark.parametrize(("module", "file_name", "source"), KEPT)
def test_what_the_rules_allow_is_no_breach(module: str, file_name: str, source: str) -> None:
    assert not faults(module, Path(file_name), source)


def test_cpython_only_files_are_the_ones_the_type_checkers_divide_between_them() -> None:
    left_out = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["basedpyright"]["exclude"]
    left_out = {pattern.rpartition("/")[2] for pattern in left_out} - {"*_viper.py"}  # viper's types are not Python's
    names = next(line for line in (PROJECT / "Makefile").read_text().splitlines() if line.startswith("CPYTHON_ONLY"))
    assert left_out == set(CPYTHON_ONLY) == set(re.findall(r"-name '?([^' )]+)", names))
