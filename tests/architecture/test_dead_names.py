"""No file that nothing loads, and no public name that only its definition and tests have."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("firmware", "daemon", "host_tools")
LINKED = "host_tools/amos_tools/data/"
ENTRY_POINTS = {"firmware/boot.py", "firmware/main.py", "firmware/manifest.py", "host_tools/amos_tools/bootstrap.py"}
GRAMMAR = "host_tools/amos_tools/script/grammar.lark"
"""Its rules call the builder's methods by name."""

STAND_INS = {
    "firmware/amos/edges/blob_memory.py": "a folder of blobs",
    "firmware/amos/edges/two_slot_memory.py": "a two-slot file",
    "firmware/amos/edges/two_slot_memory.py: TwoSlotMemory": "a two-slot file",
    "firmware/amos/edges/sector_memory.py: spoil": "a medium that rots",
    "firmware/amos/edges/sector_memory.py: after_power_cut": "a medium after a power cut",
}
"""Edges in memory, for tests on every runtime and for whoever embeds the firmware -> what each stands in for."""

IN_A_FORMAT = {
    "firmware/amos/protocol/readings.py: Cell",
    "firmware/amos/protocol/readings.py: DeviceRow",
    "firmware/amos/protocol/segment.py: SEAL_SESSION",
    "firmware/amos/protocol/usage_reader.py: OUTPUT_KIND_I2S",
}
"""Members of a numbered list that a page specifies: readers meet them, and no code of ours writes them. And messages
that a faster codec writes, which is held against these."""

FOR_WITNESSES = {
    "daemon/amos_ledger/log/tree.py: check_consistency",
}
"""What a witness does before it cosigns (c2sp.org/tlog-witness). The crash tests use it."""


@cache
def trees() -> dict[str, ast.Module]:
    paths = [path for source in SOURCES for path in sorted((PROJECT / source).rglob("*.py"))]
    named = {str(path.relative_to(PROJECT)): path for path in paths}
    return {name: ast.parse(path.read_text()) for name, path in named.items() if not name.startswith(LINKED)}


def module_of(name: str) -> str:
    return ".".join(name.removesuffix(".py").removesuffix("/__init__").split("/")[1:])


def loaded(name: str) -> Iterator[str]:
    """Dotted names that a file imports, or names in a text such as "amos_tools.vault.cli:app"."""
    package = module_of(name) if name.endswith("__init__.py") else module_of(name).rpartition(".")[0]
    for node in ast.walk(trees()[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(part for part in (package if node.level else "", node.module) if part)
            yield from (f"{base}.{alias.name}" for alias in node.names)
            yield base
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\bamos\w*(?:\.\w+)+", node.value.replace("/", "."))


def uses(tree: ast.Module) -> Iterator[str]:
    """Names that a file reads, imports, or has as a text of its own; a list of exports is no use."""
    exports = {id(part) for node in tree.body if is_exports(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in exports:
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and not hands_on(tree):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
            yield from re.findall(r"\w+", node.value)


def is_exports(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets)


def hands_on(tree: ast.Module) -> bool:
    """Whether the file does nothing but hand on what it imports."""
    return any(is_exports(node) for node in tree.body)


def definitions(tree: ast.Module) -> Iterator[str]:
    """Public functions, classes, constants and methods; what a decorator takes is used by the decorator."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from (to.id for to in node.targets if isinstance(to, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list:
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield node.name
            if not any(isinstance(base, ast.Name) and base.id == "TyperGroup" for base in node.bases):
                yield from (part.name for part in node.body if isinstance(part, ast.FunctionDef))


def dead_files() -> list[str]:
    names = {wanted for name in trees() for wanted in loaded(name)}
    return [
        name
        for name in trees()
        if name not in ENTRY_POINTS
        and not name.endswith(("__init__.py", "__main__.py"))
        and module_of(name) not in names
        and "__name__" not in {node.id for node in ast.walk(trees()[name]) if isinstance(node, ast.Name)}
    ]


def dead_names() -> list[str]:
    used = Counter(name for tree in trees().values() for name in uses(tree))
    used.update(re.findall(r"\w+", (PROJECT / GRAMMAR).read_text()))
    return [
        f"{name}: {defined}"
        for name, tree in trees().items()
        for defined in definitions(tree)
        if not defined.startswith("_") and not used[defined]
    ]


def is_kept(found: str) -> bool:
    return found in {*STAND_INS, *IN_A_FORMAT, *FOR_WITNESSES}


def test_every_file_is_loaded_by_another_or_is_an_entry_point() -> None:
    assert not [found for found in dead_files() if not is_kept(found)]


def test_every_public_name_is_used_by_more_than_tests() -> None:
    assert not [found for found in dead_names() if not is_kept(found)]


def test_what_is_kept_is_what_would_be_found() -> None:
    """Were these not found, nothing else would be; and whatever has found a use is kept no more."""
    assert {*STAND_INS, *IN_A_FORMAT, *FOR_WITNESSES} == {*dead_files(), *dead_names()}
