"""Makes the table of `base_table.py`; `python -m amos.crypto.make_base_table` prints that module.

A scalar of 256 binary digits, each +1 or -1 (Hamburg, "Fast and compact elliptic-curve cryptography", 2012), is read
as 8 rows of 32. Halves 0 and 1 of the table serve columns 0 to 15 and 16 to 31: entry m of half t is the sum, for row
j from 0 to 7, of ±2^(32·j + 16·t) times the base point, where row 7 has the sign + and row j < 7 has + when bit j of m
is set.

256 entries of 96 bytes: y + x, y - x and 2·d·x·y modulo p, each 32 bytes, little-endian.
"""

from amos.crypto.edwards import BASE, D2, IDENTITY, P, add_cached, double, invert, negate, to_cached

HALF_ENTRIES = 128


def _row_points(half: int) -> list:
    """The base point times 2^(32·j + 16·half), for each row j."""
    point = BASE
    for _ in range(16 * half):
        point = double(point)
    rows = [point]
    for _ in range(7):
        for _ in range(32):
            point = double(point)
        rows.append(point)
    return rows


def _entry(point: tuple) -> bytes:
    inverse = invert(point[2])
    x = point[0] * inverse % P
    y = point[1] * inverse % P
    return b"".join((part % P).to_bytes(32, "little") for part in (y + x, y - x, D2 * x * y))


def make_base_table() -> bytes:
    """The table's 24,576 bytes."""
    entries = []
    for half in range(2):
        rows = _row_points(half)
        for m in range(HALF_ENTRIES):
            total = add_cached(IDENTITY, to_cached(rows[7]))
            for j in range(7):
                total = add_cached(total, to_cached(rows[j] if m >> j & 1 else negate(rows[j])))
            entries.append(_entry(total))
    return b"".join(entries)


def module_source(table: bytes) -> str:
    """The text of `base_table.py`."""
    lines = [
        '"""Multiples of edwards25519\'s base point; made by `make_base_table.py`, which says how it is laid out.',
        "",
        "One bytes constant: frozen or in an .mpy it needs no work at start, and frozen it stays in flash.",
        '"""',
        "",
        "BASE_TABLE = (",
    ]
    for start in range(0, len(table), 24):
        lines.append('    b"' + "".join("\\x%02x" % byte for byte in table[start : start + 24]) + '"')
    lines.append(")\n")
    return "\n".join(lines)


if __name__ == "__main__":
    print(module_source(make_base_table()), end="")
