"""The table of the signatures in a file, as a board has it whose firmware is not frozen."""

import hashlib
from pathlib import Path

import pytest

from amos.crypto.base_table import BASE_TABLE
from amos.edges.base_table_file import TABLE_BYTES, TableFile, table_beside


def put(folder: Path, table: bytes, digest: bytes = hashlib.sha256(BASE_TABLE).digest()) -> str:
    (folder / "base_table.bin").write_bytes(table + digest)
    return f"{folder}/base_table.mpy"


def test_it_gives_what_the_module_has(tmp_path: Path) -> None:
    table = table_beside(put(tmp_path, BASE_TABLE))
    assert len(BASE_TABLE) == TABLE_BYTES
    assert b"".join(table[at : at + 32] for at in range(0, TABLE_BYTES, 32)) == BASE_TABLE


@pytest.mark.parametrize(
    "table", [BASE_TABLE[:-1], BASE_TABLE[:-1] + bytes([BASE_TABLE[-1] ^ 1]), b"", BASE_TABLE + b"\0"]
)
def test_one_that_is_not_whole_is_refused(tmp_path: Path, table: bytes) -> None:
    with pytest.raises(OSError, match=r"base_table\.bin: expected the table as it was made; provision the board again"):
        table_beside(put(tmp_path, table))


def test_one_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"base_table\.bin"):
        TableFile(str(tmp_path / "base_table.bin"))
