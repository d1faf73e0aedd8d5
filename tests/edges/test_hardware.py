"""Which numbers a machine is known by: the best first, none that would not last or that says nothing."""

from pathlib import Path

import pytest

from amos.edges import hardware
from amos.edges.hardware import MACHINE, SOC, hardware_ids

SERIAL, ID = b"10000000a1b2c3d4", b"3d1219c7c4c5404aaa1f6d2a48adfda4"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"serial": SERIAL + b"\x00", "machine-id": ID + b"\n"}, [(SOC, SERIAL), (MACHINE, ID)]),
        ({"machine-id": ID + b"\n"}, [(MACHINE, ID)]),
        ({"serial": b"0000000000000000\x00", "machine-id": ID}, [(MACHINE, ID)]),
        ({"machine-id": b"uninitialized\n"}, []),
        ({"machine-id": b""}, []),
        ({"machine-id": ID, "transient": ID}, []),
        ({"serial": SERIAL, "machine-id": ID, "transient": ID}, [(SOC, SERIAL)]),
        ({"serial": b"x" * 1000}, [(SOC, b"x" * 64)]),
        ({}, []),
    ],
)
def test_numbers_of_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], expected: list[tuple[int, bytes]]
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(hardware, "SOC_FILES", (str(tmp_path / "none"), str(tmp_path / "serial")))
    monkeypatch.setattr(hardware, "MACHINE_FILES", (str(tmp_path / "machine-id"),))
    monkeypatch.setattr(hardware, "TRANSIENT_FILE", str(tmp_path / "transient"))
    assert hardware_ids() == expected
