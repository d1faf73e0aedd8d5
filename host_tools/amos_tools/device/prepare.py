"""A player's directory, and the enrolment that lets its play count."""

import json
import time
from pathlib import Path

from amos import crypto
from amos.config import SETTINGS, Config
from amos.edges.durable_host import write_whole
from amos.edges.private_host import make_private_folders
from amos.packs.folder import PackFolder, open_pack
from amos.protocol.link_courier_proof import Proof
from amos.score.score import Score, decode_score
from amos_cli.keys import public_key_of
from amos_tools.boards import Board
from amos_tools.device.place import Place, enrolment_for
from amos_tools.script.shape_work import shape_fault


class PackDoesNotFit(Exception):
    """A board cannot play the pack that is meant for it."""


def prepare(directory: Path, settings: dict[str, object]) -> None:
    """Write `player.json`, checked as the player checks it. Raises `ConfigError`, OSError."""
    Config(str(directory), settings)
    make_private_folders(directory)
    ordered = {name: settings[name] for name in SETTINGS if name in settings}
    _write(directory / "player.json", ordered)


def check_fit(board: Board, pack: Path, publisher_key: str) -> None:
    """Refuse a pack that the board cannot play. Raises `PackDoesNotFit`, `UsageError`, `PackError`,
    `ProtocolError`."""
    opened = _opened(pack, publisher_key)
    manifest = opened.manifest
    for found, limit, unit in ((manifest.voices, "audio.voices", "voices"), (manifest.rate_hz, "audio.rate_hz", "Hz")):
        if found > board[limit]:
            raise PackDoesNotFit(f"pack: expected at most {board[limit]} {unit} on {board.name}, found {found}")
    fault = shape_fault(decode_score(opened.score()), [board])
    if fault:
        raise PackDoesNotFit(f"pack: {fault}")


def read_score(pack: Path, publisher_key: str) -> Score:
    """The score of a pack. Raises `UsageError`, `PackError`, `ProtocolError`, `ScoreError`."""
    return decode_score(_opened(pack, publisher_key).score())


def _opened(pack: Path, publisher_key: str) -> PackFolder:
    return open_pack(str(pack), public_key_of(publisher_key, "--publisher-key"), crypto.verify)


def write_wiring(directory: Path, board: Board) -> dict[str, object] | None:
    """Write and return `board.json`, for boards that need one. Raises OSError."""
    wiring = board.wiring()
    if wiring is not None:
        _write(directory / "board.json", wiring)
    return wiring


def _write(path: Path, content: dict[str, object]) -> None:
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode(), 0o600)


def enrol(identity: Proof, operator_seed: bytes, *, site: str, name: str, tier: int) -> bytes:
    """The enrolment's bytes, signed by the operator. Raises `LocalError` for a site or name that is no slug."""
    return enrolment_for(Place(site, name, tier), None, identity, operator_seed, int(time.time())).data
