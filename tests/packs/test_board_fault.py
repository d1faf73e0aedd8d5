"""Which packs a board takes, and how the others are named."""

from types import SimpleNamespace

import pytest

from amos.packs.repertoire import board_fault


@pytest.mark.parametrize(
    ("board_class", "voices", "rate_hz", "fault"),
    [
        ("any", 6, 44100, None),
        ("linux", 6, 44100, None),
        ("cafe", 6, 44100, None),
        ("pi-4", 6, 44100, None),
        ("mcu", 6, 44100, "board class: expected any or linux or cafe or pi-4, found mcu"),
        ("any", 9, 44100, "voices: expected at most 8, found 9"),
        ("any", 8, 48000, "rate_hz: expected at most 44100, found 48000"),
    ],
)
def test_a_pack_for_a_board(board_class: str, voices: int, rate_hz: int, fault: str | None) -> None:
    manifest = SimpleNamespace(board_class=board_class, voices=voices, rate_hz=rate_hz)
    config = SimpleNamespace(board_class="cafe", board="pi-4", voices=8, rate_hz=44100)
    assert board_fault(manifest, config) == fault


def test_each_class_is_named_once() -> None:
    manifest = SimpleNamespace(board_class="mcu", voices=1, rate_hz=22050)
    config = SimpleNamespace(board_class="any", board="linux", voices=8, rate_hz=44100)
    assert board_fault(manifest, config) == "board class: expected any or linux, found mcu"
