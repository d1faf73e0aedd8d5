"""On MicroPython: start as a board does, boot.py and then main.py, with `board.json` and settings of this folder.

Arguments: the firmware's folder. Fails when anything was imported that a board has not, or amid play: code that comes
then cuts the heap up.
"""

import builtins
import sys

from amos import heap

FIRMWARE = sys.argv[1]
_open = open
_begin_play = heap.begin_play
_imported = set()


def _at_root(path, *mode):
    return _open("board.json" if path == "/board.json" else path, *mode)


def _note_imported():
    _imported.update(sys.modules)
    _begin_play()


builtins.open = _at_root
heap.begin_play = _note_imported
for _name in ("boot.py", "main.py"):
    with _open(FIRMWARE + "/" + _name) as _file:
        _source = _file.read()
    exec(_source, {"__name__": "__main__"})
_late = [name for name in sys.modules if name.startswith("amos") and name not in _imported]
assert _imported and not _late, _late
_unix = [name for name in sys.modules if name in ("amos.edges.posix", "amos.edges.posix_ffi") or name.endswith("_host")]
assert not _unix, _unix
print("done")
