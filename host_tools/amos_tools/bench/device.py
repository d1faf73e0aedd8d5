"""Section `device`: keys, boot, heap, wear and the share of a board's processor."""

import tempfile
from functools import partial
from pathlib import Path

from amos_tools.bench import boot, crypto, share, wear
from amos_tools.bench.figure import Figure, measured
from amos_tools.bench.profile import make_profile_pack
from amos_tools.boards import SMALLEST_BOARD, Board, board_names, load_board

STEM_S = 4


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    boards = [board for board in map(load_board, board_names()) if board["runtime"] == "micropython"]
    smallest = load_board(SMALLEST_BOARD)
    found = measured("device", "Ed25519", lambda: crypto.figures(scale))
    found += measured("device", f"{smallest.name}, share of a core", lambda: share.figures(smallest, scale))
    for board in boards:
        with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
            found += measured("device", f"{board.name}, its music", partial(_of_board, board, Path(folder), scale))
    return found


def _of_board(board: Board, folder: Path, scale: float) -> list[Figure]:
    """What is measured with the fullest music that the board's profile allows."""
    pack, compiled = make_profile_pack(board, folder, STEM_S)
    found = []
    if board.name == SMALLEST_BOARD:
        found += measured("device", "boot to first sound", lambda: boot.first_sound(board, pack))
        found += measured("device", f"{board.name}, journal", lambda: wear.figures(board, compiled, scale))
    return found + measured("device", f"{board.name}, smallest heap", lambda: boot.heap(board, pack))
