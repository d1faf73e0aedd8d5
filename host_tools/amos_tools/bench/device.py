"""Section `device`: keys, boot, heap, wear and the share of a board's processor."""

import tempfile
from pathlib import Path

from amos_tools.bench import boot, crypto, share, wear
from amos_tools.bench.figure import Figure
from amos_tools.bench.profile import make_profile_pack
from amos_tools.boards import SMALLEST_BOARD, board_names, load_board

STEM_S = 4


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    boards = [board for board in map(load_board, board_names()) if board["runtime"] == "micropython"]
    found = [*crypto.figures(scale), *share.figures(load_board(SMALLEST_BOARD), scale)]
    for board in boards:
        with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
            pack, compiled = make_profile_pack(board, Path(folder), STEM_S)
            if board.name == SMALLEST_BOARD:
                found += [*boot.first_sound(board, pack), *wear.figures(board, compiled, scale)]
            found += boot.heap(board, pack)
    return found
