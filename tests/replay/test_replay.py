"""`amos replay` on the journal of a real player, and on what was changed in it."""

import json
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from player_key import give_key
from typer.testing import CliRunner

from amos import crypto
from amos.app import Player
from amos.config import Config
from amos.packs.folder import open_pack
from amos_tools.cli import app
from amos_tools.pack import build_pack
from amos_tools.replay.piece import piece_of
from amos_tools.replay.sessions import DIFFERENT, SAME, UNKNOWN, read_usages, replay_all
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

LEASE_END_S = 2_000_000_000
PUBLISHER = b"p" * 32
RATE_HZ = 22050
SESSIONS = 3
SCRIPT = """
experience "what was heard" seed device
clock 22050 tempo 60 meter 4/4 key A minor
mix target -20 LUFS peak -1 dBTP voices 6
avoid stem 2 plays, keep reboot
pool all = stems where role pads
section always 4 bars
  play pads from all count 2 fade 1 beat
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pack, and a player that played it in three sessions."""
    folder = tmp_path_factory.mktemp("replay")
    vault, noise = Vault.init(folder / "vault", rate_hz=RATE_HZ), np.random.RandomState(7)
    for artist in ("ada", "ben", "cleo", "dora", "eve"):
        told = {"title": f"of {artist}", "artist": artist, "splits": f"{artist}=1000000", "role": "pads"}
        samples = noise.randint(-9000, 9000, (8 * RATE_HZ, 1)).astype("int16")
        vault.import_samples(samples, parse_facts("noise", told | {"opt_in": "yes"}))
    terms: dict[str, Any] = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "linux"}
    build_pack(compile_script(SCRIPT, vault.stems()), vault, folder / "pack", lease_end_unix_s=LEASE_END_S, **terms)
    vault.close()
    settings = {"publisher_key": crypto.public_key(PUBLISHER).hex(), "ledger_key": bytes(32).hex(), "tier": 255}
    (folder / "player").mkdir()
    give_key(folder / "player")
    for minutes in range(1, SESSIONS + 1):
        told = {"pack": str(folder / "pack"), "out": "null", "pace": "free", "linger": "no", "minutes": minutes}
        Player(Config(str(folder / "player"), settings | told), [].append).run()
    return folder


def run(folder: Path, *more: object) -> Any:
    words = ["replay", folder / "player" / "journal.ring", "--pack", folder / "pack"]
    key = ["--publisher-key", crypto.public_key(PUBLISHER).hex()]
    return CliRunner().invoke(app, [str(word) for word in (*words, *key, *more)])


def packs(folder: Path) -> dict[bytes, Any]:
    pack = open_pack(str(folder / "pack"), crypto.public_key(PUBLISHER), crypto.verify)
    return {pack.pack_id: piece_of(pack, crypto.public_key(PUBLISHER))}


def test_what_a_player_signed_is_what_its_score_decides(played: Path) -> None:
    result = run(played)
    assert result.exit_code == 0, result.output
    assert result.output.endswith(f"{SESSIONS} of {SESSIONS} sessions are what their scores decide\n")
    told = json.loads(run(played, "--json").output)["sessions"]
    assert [item["result"] for item in told] == [SAME] * SESSIONS and all(item["rows"] > 8 for item in told)


@pytest.mark.parametrize(
    ("field", "at", "by", "said"),
    [("frames", 0, -1, "expected stem"), ("stems", 1, 1, "expected stem"), ("starts", 2, 1, "expected stem")],
)
def test_a_row_that_was_changed_is_the_first_difference(played: Path, field: str, at: int, by: int, said: str) -> None:
    usages = read_usages(played / "player" / "journal.ring")
    column: array[int] = getattr(usages[0], field)
    column[at] += by
    found = list(replay_all(usages, packs(played)))
    assert found[0].result == DIFFERENT and found[0].detail.startswith(f"segment 1: {said}")


def test_another_seed_root_gives_other_music(played: Path) -> None:
    usages = read_usages(played / "player" / "journal.ring")
    usages[0].seed_root = b"\x01" * 32
    assert next(replay_all(usages, packs(played))).result == DIFFERENT


def test_what_is_missing_is_said_and_no_finding(played: Path) -> None:
    usages = read_usages(played / "player" / "journal.ring")
    later = [usage for usage in usages if usage.session == usages[-1].session]
    (found,) = replay_all(later, packs(played))
    assert found.result == UNKNOWN and "needs the sessions before it" in found.detail
    assert {item.result for item in replay_all(usages, {})} == {UNKNOWN}
    assert next(replay_all(usages, {})).detail.startswith("needs pack ")
