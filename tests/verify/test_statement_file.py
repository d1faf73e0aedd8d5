"""A statement's file in both forms: the same statement, and nothing that only begins like one."""

import gzip
import os
import re
import tracemalloc
import zlib
from pathlib import Path

import pytest
from five_stems import ANNS, BOBS, CELLS, SPLITS
from hostile_gzip import HOSTILE
from plain_period import PlainPeriod, file_bytes
from typer.testing import CliRunner

from amos_cli.output import Exit
from amos_ledger.settlement.statement import compressed
from amos_tools.cli import app
from amos_tools.pool.history import history
from amos_tools.pool.read_core import NotAStatement, read_core_of
from amos_tools.verify.errors import Unreadable
from amos_tools.verify.light import STATEMENT_BYTES_MAX
from amos_tools.verify.statement_file import read_statement_file, statement_files

VECTORS = {
    "by this ledger": "1f8b0800000000000203ab564ace2f4a55b2aaaeade502000be7aa450c000000",
    "by gzip(1), with name and time": "1f8b080876ef0c6b02036100ab564ace2f4a55b2aaaeade502000be7aa450c000000",
    "stored": "1f8b08000000000000ff010c00f3ff7b22636f7265223a7b7d7d0a0be7aa450c000000",
}


@pytest.fixture(scope="module")
def period() -> PlainPeriod:
    return PlainPeriod(cells=CELLS, splits=SPLITS, sequences={ANNS: [1, 3], BOBS: [1, 2, 4, 1]})


@pytest.mark.parametrize("text", VECTORS.values(), ids=list(VECTORS))
def test_vectors(tmp_path: Path, text: str) -> None:
    (tmp_path / "ann.json.gz").write_bytes(bytes.fromhex(text))
    assert read_statement_file(tmp_path / "ann.json.gz") == b'{"core":{}}\n'


def test_the_ledger_writes_one_member_without_time_and_name(period: PlainPeriod) -> None:
    data = file_bytes(period.statement("ann"))
    made = compressed(data)
    assert made == compressed(data) and gzip.decompress(made) == data
    assert made[:10].hex() == "1f8b0800000000000203"
    assert made[-8:] == zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")


@pytest.mark.parametrize("name", ["ann.json", "ann.json.gz"])
def test_its_first_bytes_say_which_form_it_has(tmp_path: Path, period: PlainPeriod, name: str) -> None:
    """And with either, the same is said of the same statement, a changed one included."""
    data, path = file_bytes(period.statement("ann")), tmp_path / name
    for plain in (data, data.replace(b'"amount_micro":', b'"amount_micro":1', 1)):
        said = []
        for form in (plain, compressed(plain)):
            path.write_bytes(form)
            assert read_statement_file(path) == plain
            said.append(CliRunner().invoke(app, ["verify", str(path), "--ledger-key", period.public_key.hex()]))
        assert (said[0].exit_code, said[0].output) == (said[1].exit_code, said[1].output)
        assert said[0].exit_code == (plain != data)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_only_begins_like_one_is_refused(tmp_path: Path, name: str) -> None:
    (data, why), path = HOSTILE[name], tmp_path / "ann.json.gz"
    path.write_bytes(data)
    with pytest.raises(NotAStatement, match=why) as refused:
        read_core_of(path)
    assert str(refused.value).startswith(f"{path}: ")
    keys = [f"--{name}-key={'02' * 32}" for name in ("ledger", "publisher", "operator")]
    for words in (["verify", str(path), *keys], ["pool", "show", str(path)]):
        done = CliRunner().invoke(app, words)
        assert (done.exit_code, done.stderr.count("\n")) == (Exit.FINDING, 1) and str(path) in done.stderr


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "gzip inside gzip"])
def test_no_further_key_is_asked_for_to_say_so(tmp_path: Path, name: str) -> None:
    (data, why), path = HOSTILE[name], tmp_path / "ann.json.gz"
    path.write_bytes(data)
    done = CliRunner().invoke(app, ["verify", str(path), "--ledger-key", "02" * 32])
    assert done.exit_code == Exit.FINDING and re.match(rf"no: {path}: expected .*{why}", done.stderr)


def test_a_bomb_takes_no_more_memory_than_a_statement_may(tmp_path: Path) -> None:
    """Two gigabytes are inside."""
    path = tmp_path / "ann.json.gz"
    path.write_bytes(HOSTILE["a bomb"][0])
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="found more"):
            read_statement_file(path)
        assert tracemalloc.get_traced_memory()[1] < 3 * STATEMENT_BYTES_MAX
    finally:
        tracemalloc.stop()


def test_as_many_bytes_as_a_statement_may_have_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "ann.json.gz"
    path.write_bytes(gzip.compress(bytes(STATEMENT_BYTES_MAX), 1))
    assert len(read_statement_file(path)) == STATEMENT_BYTES_MAX
    path.write_bytes(gzip.compress(bytes(STATEMENT_BYTES_MAX + 1), 1))
    with pytest.raises(Unreadable, match=f"at most {STATEMENT_BYTES_MAX} bytes when decompressed"):
        read_statement_file(path)


def test_folders_of_both_forms(tmp_path: Path, period: PlainPeriod) -> None:
    """As a ledger leaves them that was brought up to date between two months, and as a payee keeps copies."""
    for place in ("2026-10-EUR", "2026-11-EUR"):
        (tmp_path / place).mkdir()
    plain = file_bytes(period.statement("ann"))
    (tmp_path / "2026-10-EUR/bob.json").write_bytes(file_bytes(period.statement("bob")))
    (tmp_path / "2026-11-EUR/ann.json").write_bytes(plain)
    (tmp_path / "2026-11-EUR/ann.json.gz").write_bytes(compressed(plain))
    (tmp_path / "2026-11-EUR/notes.txt").write_text("mine")
    month = statement_files(tmp_path / "2026-11-EUR")
    assert [path.name for path in month] == ["ann.json", "ann.json.gz"]
    assert [path.parent.name for path in statement_files(tmp_path, "*")] == ["2026-10-EUR", *["2026-11-EUR"] * 2]
    assert statement_files(tmp_path, "*", "ann") == month and statement_files(tmp_path) == []
    assert len(history("ann", tmp_path)) == 1, "copies count once"
    for folder in (tmp_path, tmp_path / "2026-11-EUR"):
        done = CliRunner().invoke(app, ["verify", str(folder), "--ledger-key", period.public_key.hex()])
        assert done.exit_code == 0 and done.output.count("yes: ann earns ") == 2, done.output


def test_a_pipe_among_statements_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ann.json.gz")
    with pytest.raises(Unreadable, match=r"ann\.json\.gz: expected a file, found something else$"):
        read_statement_file(tmp_path / "ann.json.gz")
    with pytest.raises(NotAStatement, match=r"found something else$"):
        history("ann", tmp_path)
    said = CliRunner().invoke(app, ["verify", str(tmp_path), "--ledger-key", "ab" * 32])
    assert said.exit_code == Exit.FINDING and "found something else" in said.output
