"""A pack of version 1 that amos 0.1.0 made plays bit for bit as that version played it, on every runtime.

The pack in `kept_0_1_0` was built by the last commit of 0.1.0 (93716be0) from its own script and stems, and `TOLD` is
what `play_kept.py` printed with that commit's player: events of half an hour with inputs of every kind, the memory they
leave, what follows from it, a piece of exact length, and samples and rows of forty seconds. Neither is ever made anew.
"""

import subprocess
from pathlib import Path

import pytest

from amos.crypto import public_key, verify
from amos.protocol.manifest import open_manifest
from amos.score.score import VERSION_1, decode_score
from amos_tools.device.run import micropython_environment
from play_kept import PUBLISHER, main

HERE = Path(__file__).parent
PACK = HERE / "kept_0_1_0" / "pack"
TOLD = """\
decided 2963 6ab4d48e2b6698d8b4a9adce6384750c4ac573630c328323fe902c1c60daab2b
memory 70e2ab0910411d679e0b867ff1632740f029d95d9bb8cea40f211301a36310b9
again 572 493e2f80c7279052c5d19d709da873367a98d0c60d4bdafeeb4301bfd48d2183
piece 41 192ae68fe77b1fe57703bf33c2ea5533fa834f6080279dcdc89d16129d594203
heard f73f23b6bf5ad14e7115c006fe79b75931f019395bdbe056d7a99283581e1201 \
c7cfaf182b03fa92d07788e8f626aff06f0347a43026e36b9d89189df64c72e7
"""


@pytest.mark.parametrize("backend", ["numpy", "plain"])
def test_it_plays_bit_for_bit_as_ever(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(str(PACK), backend)
    assert capsys.readouterr().out == TOLD


def test_it_plays_so_on_micropython(micropython: list[str]) -> None:
    command = [*micropython, str(HERE.parent / "portable" / "play_kept.py"), str(PACK)]
    done = subprocess.run(command, env=micropython_environment(), capture_output=True, text=True, timeout=300)
    assert done.stdout == TOLD, done.stderr


def test_it_is_of_version_1_and_of_the_whole_of_it() -> None:
    manifest = open_manifest((PACK / "manifest.cose").read_bytes(), public_key(PUBLISHER), verify)
    score = decode_score((PACK / "blobs" / manifest.score_sha256.hex()).read_bytes())
    assert score.version == VERSION_1
    fields = [name for key, name, _kind, _bound in score.FIELDS if key <= score.KEYS_OF_1]
    lacking = [name for name in fields if getattr(score, name) is None]
    assert lacking == ["seed", "keep_history"]
