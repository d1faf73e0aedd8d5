"""On MicroPython: start as a board does, boot.py and then main.py, with `board.json` and settings of this folder.

Arguments: the firmware's folder. Fails when anything was imported that a board has not.
"""

import builtins
import sys

FIRMWARE = sys.argv[1]
_open = open


def _at_root(path, *mode):
    return _open("board.json" if path == "/board.json" else path, *mode)


builtins.open = _at_root
for _name in ("boot.py", "main.py"):
    with _open(FIRMWARE + "/" + _name) as _file:
        _source = _file.read()
    exec(_source, {"__name__": "__main__"})
_unix = [name for name in sys.modules if name in ("amos.edges.posix", "amos.edges.posix_ffi") or name.endswith("_host")]
assert not _unix, _unix
print("done")
