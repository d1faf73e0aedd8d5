"""Which files of the firmware MicroPython can come to load, found by following the imports in their syntax trees.

An import counts wherever it stands, also in a function, except in the branch of an `if MICROPYTHON` that MicroPython
does not take. What only CPython has is left out by its name.
"""

import ast
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch

from amos_tools.package_data import firmware_file

CPYTHON_ONLY = ("host.py", "*_host.py", "*_numpy.py")
PACKAGE = "amos"


def reachable(starts: Iterable[str]) -> set[str]:
    """The files `starts` and all that they can come to load, relative to `firmware/`."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += modules_of(firmware_file(name).read_text())
    return found


def modules_of(source: str) -> set[str]:
    """The files of the firmware that this code imports on MicroPython, with the packages around them."""
    return {name for module in _imported(ast.parse(source).body) for name in _files_of(module)}


def _files_of(module: str) -> Iterator[str]:
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        for name in (f"{path}.py", f"{path}/__init__.py"):
            if firmware_file(name).is_file() and not any(fnmatch(name.rpartition("/")[2], p) for p in CPYTHON_ONLY):
                yield name


def _imported(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Dotted names; that of a module's attribute may be among them."""
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)
        elif isinstance(statement, ast.If):
            taken = _on_micropython(statement.test)
            yield from _imported([] if taken is False else statement.body)
            yield from _imported([] if taken is True else statement.orelse)
        else:
            for part in ast.iter_child_nodes(statement):
                if isinstance(part, ast.stmt):
                    yield from _imported([part])
                elif isinstance(part, ast.ExceptHandler | ast.match_case):
                    yield from _imported(part.body)


def _on_micropython(test: ast.expr) -> bool | None:
    """Whether MicroPython takes the branch, as far as `MICROPYTHON` alone decides it; else None."""
    if isinstance(test, ast.Name) and test.id == "MICROPYTHON":
        return True
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        taken = _on_micropython(test.operand)
        return None if taken is None else not taken
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) and False in map(_on_micropython, test.values):
        return False
    return None
