"""`micropython run.py [FILE.py ...]`: the portable tests on a bare interpreter, without pytest.

Runs the `test_*` functions of the files named, or of every test_*.py beside this one, in the order of their names
(MicroPython forgets the order of definition). Ends with "N passed, N failed" and a non-zero exit code if any failed.
"""

import gc
import os
import sys

FOLDER = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."

if hasattr(gc, "mem_free"):
    gc.collect()
    heap_bytes = gc.mem_alloc() + gc.mem_free()
    # As the player does in a board's heap: see amos.heap. To collect so often in a wide one takes most of the time.
    gc.threshold(32 << 10 if heap_bytes < 2 << 20 else heap_bytes // 12)

try:
    print_exception = sys.print_exception
except AttributeError:  # CPython
    from traceback import print_exception


def _test_files():
    return sorted(name for name in os.listdir(FOLDER) if name.startswith("test_") and name.endswith(".py"))


def _run(title, function) -> bool:
    try:
        function()
    except Exception as error:  # pytest calls the failures; here one must not stop the others
        print("FAILED", title)
        print_exception(error)
        return False
    return True


def _run_file(file_name) -> "tuple[int, int]":
    """(passed, failed). A file that cannot be imported, or has no tests, is one failure."""
    module_name = file_name[:-3]
    modules = []
    if not _run(file_name, lambda: modules.append(__import__(module_name))):
        return 0, 1
    names = sorted(name for name in dir(modules[0]) if name.startswith("test_"))
    if not names:
        print("FAILED", file_name, "has no tests")
        return 0, 1
    passed = 0
    for name in names:
        passed += _run(file_name + "::" + name, getattr(modules[0], name))
    del sys.modules[module_name]  # or 1 MB of heap would hold every file's constants at once
    return passed, len(names) - passed


def main(file_names) -> int:
    if FOLDER not in sys.path:
        sys.path.insert(0, FOLDER)
    passed = failed = 0
    for file_name in file_names or _test_files():
        counts = _run_file(file_name.rsplit("/", 1)[-1])
        passed += counts[0]
        failed += counts[1]
        gc.collect()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
