"""amos as its users have it: installed from a wheel, not from a checkout; alone, with extras, with old packages.

`.ci/run` runs these; each makes an environment, so `make test` leaves them out.
"""

import json
import sys
from pathlib import Path

import pytest
from wheels import PROJECT, Environment, build_wheel, lowest_versions

from amos_tools.demo.content import make_content, starter_script
from amos_tools.demo.workdir import Workdir

pytestmark = pytest.mark.install

PLAYER_BYTES_MAX = 120 << 20
SECONDS = 60
WITHOUT_AN_EXTRA = ["--help", "player --help", "courier --help", "ledger --help", "device --help", "script --help"]
TESTED_WITH_LOWEST = ["vault", "pack", "render", "script/test_compile.py", "crypto", "mqtt", "verify"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_a_player_is_small_and_plays_and_the_demo_needs_one_extra(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.install(str(wheel))
    assert environment.added_bytes() < PLAYER_BYTES_MAX
    for words in WITHOUT_AN_EXTRA:
        assert environment.amos(*words.split()).returncode == 0, words
    _plays(environment, tmp_path)
    _says_which_extra(environment)

    environment.install(f"{wheel}[demo]")
    facts = _demo(environment)
    assert facts["verified"] and facts["workdir"] == str(environment.home / ".cache" / "amos" / "demo")
    assert not list(environment.here.iterdir())


def _plays(environment: Environment, folder: Path) -> None:
    work = Workdir(folder / "content")
    work.make()
    content = make_content(work, None, None, starter_script())
    keys = [f"--publisher-key={content.publisher_public}", f"--ledger-key={content.ledger_public}"]
    player, heard = folder / "player", folder / "heard.wav"
    done = environment.amos(
        "device", "prepare", str(player), f"--pack={work.pack}", *keys, f"--setting=out=wav:{heard}"
    )
    assert done.returncode == 0, done.stderr
    settings = ["pace=free", "tier=255", f"minutes={SECONDS // 60}", "linger=no", f"link=unix:{folder}/link"]
    done = environment.amos("player", str(player), *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert heard.stat().st_size >= SECONDS * 44_100 * 4


def _says_which_extra(environment: Environment) -> None:
    (environment.home / "stem.wav").write_bytes(b"RIFF")
    (environment.home / "stem.json").write_text(
        json.dumps({"title": "t", "artist": "a", "splits": "a=1000000", "role": "pads", "opt_in": "yes"})
    )
    assert environment.amos("vault", "init", str(environment.home / "vault")).returncode == 0
    for words, extra in (
        (["vault", "import", str(environment.home / "vault"), str(environment.home / "stem.wav")], "desk"),
        (["demo"], "demo"),
    ):
        done = environment.amos(*words)
        assert done.returncode == 1 and done.stderr.endswith(f" is not installed: pip install 'amos[{extra}]'\n")
        assert len(done.stderr.splitlines()) == 1


def _demo(environment: Environment) -> dict[str, object]:
    done = environment.amos("demo", "--minutes=1", "--json")
    assert done.returncode == 0, done.stderr
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the lowest versions have wheels for the lowest Python")
def test_the_lowest_versions_that_pyproject_admits(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    constraints = tmp_path / "lowest.txt"
    constraints.write_text("\n".join(lowest_versions((PROJECT / "pyproject.toml").read_text())) + "\n")
    tests = ["pytest", "pytest-xdist", "hypothesis", "cbor2", "pycddl", "pycose", "trustme", "selenium", "jsonschema"]
    environment.install(
        f"--constraint={constraints}", f"{wheel}[demo,analysis,boards,postgres,cluster,fsspec,bench]", *tests
    )
    assert _demo(environment)["verified"]
    parts = [str(PROJECT / "tests" / part) for part in ("test_way_of_a_stem.py", *TESTED_WITH_LOWEST)]
    python = str(environment.folder / "bin" / "python")
    words = [python, "-m", "pytest", "-q", "-x", "-n", "auto", "--dist", "worksteal", "-p", "no:cacheprovider", *parts]
    done = environment.run(*words, here=PROJECT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print(done.stdout.splitlines()[-1])
