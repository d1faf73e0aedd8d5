"""`amos.crypto.base_table` of a board whose firmware is not frozen: the table stays in the flash's file system.

`amos_tools.firmware_build` compiles this in that module's place and puts the table beside it, `base_table.bin`: the
24,576 bytes, then their SHA-256. A signature reads 32 entries of 96 bytes; in the heap all of
them would be there all the time.
"""

import hashlib

TABLE_BYTES = 256 * 96
_PIECE_BYTES = 512


class TableFile:
    """The table of `path`, of which slices are read when they are asked for. Raises OSError when it is not whole."""

    def __init__(self, path: str):
        self._file = open(path, "rb")
        digest = hashlib.sha256()
        for _ in range(TABLE_BYTES // _PIECE_BYTES):
            digest.update(self._file.read(_PIECE_BYTES))
        if self._file.read(_PIECE_BYTES) != digest.digest():
            raise OSError("%s: expected the table as it was made; provision the board again" % path)

    def __getitem__(self, at: slice) -> bytes:
        self._file.seek(at.start)
        return self._file.read(at.stop - at.start)


def table_beside(module: str) -> TableFile:
    """The one in the folder of a module's file."""
    return TableFile(module.rsplit("/", 1)[0] + "/base_table.bin")


if __name__ == "amos.crypto.base_table":
    BASE_TABLE = table_beside(__file__)
