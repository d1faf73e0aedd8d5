"""`amos ledger` as the operator meets it: its lines, its errors in one line, and serving as a process."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from audited import audited
from typer.testing import CliRunner

from amos.protocol import answer
from amos.protocol.catalogue import Catalogue, sign_catalogue
from amos.protocol.checkpoint_host import verifier_key
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_ledger import rotating
from amos_ledger.cli import app
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import Message

ORIGIN = "ledger.example/amos"


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: object, code: int = 1) -> str:
    """The one line of a refusal."""
    result = run(*arguments)
    assert result.exit_code == code
    assert result.output.count("\n") == 1 and "Traceback" not in result.output
    return str(result.output)


def keys(world: Any) -> list[str]:
    return ["--operator-key", world.operator.public.hex(), "--publisher-key", world.publisher.public.hex()]


@pytest.fixture
def pack_folder(tmp_path: Path, world: Any) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "manifest.cose").write_bytes(world.pack.manifest)
    (folder / "catalogue.cose").write_bytes(world.pack.catalogue)
    return folder


def enrolment_file(tmp_path: Path, world: Any, device: Any, **changes: Any) -> Path:
    path = tmp_path / "enrolment.cose"
    path.write_bytes(device.enrolment(world.operator, **changes))
    return path


def test_a_ledger_from_nothing(tmp_path: Path, world: Any, pack_folder: Path) -> None:
    folder = tmp_path / "fresh"
    made = run("init", folder, "--origin", ORIGIN, *keys(world))
    assert made.exit_code == 0 and re.fullmatch(r"[0-9a-f]{64}\n", made.output)
    assert (folder / "ledger.key").stat().st_mode & 0o777 == 0o600
    assert run("init", folder, "--origin", ORIGIN, *keys(world)).output == made.output
    device = world.device(enrolled=False)
    path = enrolment_file(tmp_path, world, device)
    name = f"{device.key.id.hex()} {{}}: player-1 at harbour\n"
    assert run("enrol", folder, path).output == name.format("enrolled")
    assert run("enrol", folder, path).output == name.format("was enrolled before")
    assert "published: pack 1, 4 stems" in run("publish", folder, pack_folder).output
    assert "was published before: pack 1" in run("publish", folder, pack_folder).output
    facts = json.loads(run("status", folder, "--json").output)
    assert facts["public_key"] == made.output.strip()
    assert facts["verifier_key"] == verifier_key(ORIGIN, bytes.fromhex(facts["public_key"]))
    assert (facts["accepted"], facts["log_size"], facts["quarantined"]) == (0, 4, [])
    assert (folder / "public" / "checkpoint").read_text().startswith(f"{ORIGIN}\n4\n")


def test_status_says_what_was_refused_and_who_is_in_quarantine(world: Any) -> None:
    device = world.device()
    world.take(device, device.seal())
    world.take(device, device.seal([(9, 0, 1)]))
    world.ledger.take([Message.of("x", b"")], 1_793_534_400)
    facts = json.loads(run("status", world.path, "--json").output)
    assert (facts["accepted"], facts["held"], facts["duplicates"]) == (1, 0, 0)
    assert facts["refused"] == {"malformed": 1, "impossible": 1}
    assert facts["quarantined"] == [device.key.id.hex()]
    (listed,) = facts["devices"]
    assert (listed["segments"], listed["frames"], listed["last_sequence"]) == (1, facts["frames"], 1)
    lines = run("status", world.path).output.splitlines()
    assert lines[1].startswith("1 accepted, 0 duplicates, 0 held, 2 refused, 1 devices in quarantine, ")
    assert "quarantined: impossible: sequence 2: stem_not_in_pack: stems: expected below" in lines[-4]
    assert lines[-3:] == [
        "    1 sessions in 1 boots, 0 of them without play",
        f"    undated: 1 segments, {facts['frames']} frames",
        "    evidence, stem_not_in_pack: 1",
    ]
    assert listed["flags"] == {"undated": {"segments": 1, "frames": facts["frames"]}}
    assert (listed["device_id"], listed["findings"]) == (device.key.id.hex(), {"stem_not_in_pack": 1})


def test_plausibility_says_what_is_odd_and_how_odd(world: Any) -> None:
    assert run("plausibility", world.path).output == "nothing odd\n"
    device = world.device()
    world.take(device, device.seal())
    played = device.frame
    device.frame = 0
    world.take(device, device.seal([], boot=9, session=4, end_frame=played))
    found = json.loads(run("plausibility", world.path, "--json").output)["oddities"]
    odd = {(item["oddity"], item["unit"]): (item["count"], item["whole"], item["share"]) for item in found}
    frames = world.totals().frames
    assert odd == {
        ("undated", "frames"): (frames, frames, 1.0),
        ("output_not_said", "frames"): (frames, frames, 1.0),
        ("sessions_without_play", "sessions"): (3, 4, 0.75),
    }
    lines = run("plausibility", world.path).output.splitlines()
    assert f"{device.key.id.hex()} player-1: sessions_without_play: 3 of 4 sessions (75.0%)" in lines


def test_a_later_enrolment_takes_the_place_of_an_earlier_one(tmp_path: Path, world: Any) -> None:
    device = world.device()
    later = enrolment_file(tmp_path, world, device, name="kitchen", unix_s=1_793_534_401)
    assert "enrolled: kitchen at harbour" in run("enrol", world.path, later).output
    older = enrolment_file(tmp_path, world, device, name="cellar")
    assert "EnrolmentRefused: enrolment.unix_s: expected after 1793534401" in refused("enrol", world.path, older)


def test_enrolments_that_are_refused(tmp_path: Path, world: Any) -> None:
    device = world.device(enrolled=False)
    path = enrolment_file(tmp_path, world, device)
    path.write_bytes(device.enrolment(world.publisher))
    assert "EnrolmentRefused: enrolment: signature: expected one by key" in refused("enrol", world.path, path)
    path.write_bytes(device.enrolment(world.operator, possession=bytes(64)))
    assert "possession" in refused("enrol", world.path, path)
    path.write_bytes(b"garbage")
    assert "EnrolmentRefused: enrolment: " in refused("enrol", world.path, path)
    path.write_bytes(bytes(5000))
    assert "expected at most 2048 bytes" in refused("enrol", world.path, path)


def test_packs_that_are_refused(world: Any, pack_folder: Path, make_pack: Callable[..., Any]) -> None:
    bigger = make_pack(world.publisher, 2, stems=5)
    (pack_folder / "manifest.cose").write_bytes(bigger.manifest)
    assert "PackRefused: catalogue: expected every stem of the pack" in refused("publish", world.path, pack_folder)
    (pack_folder / "catalogue.cose").write_bytes(bigger.catalogue)
    assert "PackRefused: catalogue.serial: expected a number not used" in refused("publish", world.path, pack_folder)
    empty = sign_catalogue(Catalogue(version=1, serial=9, works=[]), world.operator.id, world.operator.sign)
    (pack_folder / "catalogue.cose").write_bytes(empty)
    assert "PackRefused: pack: signature" in refused("publish", world.path, pack_folder)
    (pack_folder / "manifest.cose").write_bytes(b"")
    assert "PackRefused: pack: " in refused("publish", world.path, pack_folder)
    (pack_folder / "manifest.cose").unlink()
    assert "No such file" in refused("publish", world.path, pack_folder)


def test_folders_that_are_no_ledger(tmp_path: Path, world: Any) -> None:
    assert "NotALedger: " in refused("status", tmp_path)
    assert "LedgerExists: " in refused("init", world.path, "--origin", "another", *keys(world))
    assert "UsageError: --operator-key: expected a public key of 64 hex digits" in refused(
        "init", tmp_path / "n", "--origin", "o", "--operator-key", "zz", "--publisher-key", "zz", code=2
    )
    assert "origin: expected a name" in refused("init", tmp_path / "n", "--origin", "two words", *keys(world), code=2)
    (tmp_path / "file").write_text("")
    assert "StorageFailed: " in refused("init", tmp_path / "file", "--origin", ORIGIN, *keys(world))
    (world.path / "ledger.key").write_bytes(bytes(32))
    assert "KeyUnusable: " in refused("status", world.path)
    (world.path / "ledger.key").write_bytes(b"short")
    assert "expected a seed of 32 bytes, found 5" in refused("status", world.path)
    (world.path / "trust.json").write_text("{}")
    assert "expected JSON with origin, operator and publisher" in refused("status", world.path)
    (world.path / "ledger.sqlite").write_bytes(b"not a database, but long enough to look like one" * 100)
    assert ": " in refused("status", world.path)


@pytest.mark.parametrize("broker", ["", "host:", ":1883", "host:0", "host:99999", "host:x", "host:" + "9" * 5000])
def test_a_broker_that_is_no_address(broker: str, world: Any) -> None:
    assert "BrokerSettingError: broker: expected HOST or HOST:PORT" in refused(
        "serve", world.path, "--broker", broker, code=2
    )


def test_a_broker_that_is_never_there_while_serving_once(world: Any) -> None:
    command = [sys.executable, "-c", "from amos_ledger.cli import app; app()", "serve", str(world.path)]
    command += ["--broker", "127.0.0.1:1", "--once-idle", "0.3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert done.stderr.endswith("BrokerUnusable: broker: expected one at 127.0.0.1:1, found none in 0.3 s\n")


def test_an_interrupted_init_is_finished_by_the_next(tmp_path: Path, world: Any) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "ledger.key").write_bytes(bytes(range(32)))
    (folder / "ledger.sqlite").touch()
    assert run("init", folder, "--origin", ORIGIN, *keys(world)).exit_code == 0
    assert (folder / "ledger.key").read_bytes() == bytes(range(32))
    assert json.loads(run("status", folder, "--json").output)["log_size"] == 1


@pytest.fixture
def serving(world: Any) -> Iterator[subprocess.Popen[str]]:
    """`serve` as a process, with a broker that is not there."""
    command = [sys.executable, "-c", "from amos_ledger.cli import app; app()", "serve", str(world.path)]
    process = subprocess.Popen([*command, "--broker", "127.0.0.1:1"], stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def test_serving_ends_cleanly_and_only_once_at_a_time(world: Any, serving: Any) -> None:
    assert "serving" in serving.stderr.readline()
    assert (
        "127.0.0.1:1 cannot be reached: nothing listens at this port; trying again until it is there"
        in serving.stderr.readline()
    )
    assert "AlreadyServing: " in refused("serve", world.path, "--broker", "127.0.0.1:1")
    assert run("status", world.path).exit_code == 0
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(60) == 0
    rest = serving.stderr.read()
    assert rest.endswith("ledger: ended\n") and "Traceback" not in rest


def test_an_opt_out_list_comes_into_force(tmp_path: Path, world: Any) -> None:
    def listed(serial: int, signer: Any) -> Path:
        path = tmp_path / "list"
        path.write_bytes(sign_opt_outs(list_opt_outs(serial, 5, [bytes(16)]), signer.id, signer.sign))
        return path

    assert run("optouts", world.path, listed(2, world.publisher)).output == "opt-outs 2 in force: 1 stems\n"
    assert run("optouts", world.path, listed(2, world.publisher)).output == "opt-outs 2 was in force before: 1 stems\n"
    assert "OptOutsRefused: opt-outs.serial: expected above 2" in refused(
        "optouts", world.path, listed(1, world.publisher)
    )
    assert "OptOutsRefused: " in refused("optouts", world.path, listed(9, world.operator))
    (tmp_path / "list").write_bytes(bytes(1 << 20))
    assert "expected at most" in refused("optouts", world.path, tmp_path / "list")


def test_a_ledger_that_was_put_back_judges_no_anchor_from_before(world: Any) -> None:
    device = world.device()
    now_ms = time.time_ns() // 1_000_000
    dated = {"clock": 2, "anchor_unix_ms": now_ms - 5000, "anchor_ms": 0}
    assert run("restored", world.path).output == "anchors signed until now are not judged\n"
    (accepted,) = world.take(device, device.seal(**dated))
    assert accepted.verdict == answer.ACCEPTED
    (refused_one,) = world.take(device, device.seal(**dated | {"anchor_unix_ms": now_ms + 100_000}))
    assert refused_one.verdict == answer.IMPOSSIBLE and refused_one.detail.startswith("anchor_ahead: ")
    assert json.loads(run("restored", world.path, "--json").output)["anchors_since_unix_ms"] >= now_ms


def files_of(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir() if item.suffix in (".key", ".json", ".sqlite")}


def test_init_makes_no_key_for_a_ledger_that_lost_its_own(world: Any) -> None:
    """Another key would be a stray one: the store says whose it is."""
    world.ledger.close()
    again = ["init", world.path, "--origin", ORIGIN, *keys(world)]
    if (world.path / "database").exists():
        again += ["--database", (world.path / "database").read_text().strip()]
    kept = (world.path / "ledger.key").read_bytes()
    (world.path / "ledger.key").unlink()
    refused = run(*again)
    assert refused.exit_code == 1 and "put the copy of ledger.key into" in refused.output.replace("\n", " ")
    assert not (world.path / "ledger.key").exists()
    (world.path / "ledger.key").write_bytes(kept)
    rotating.rotate_ledger(Folder(world.path), 0)
    (world.path / "ledger.key").unlink()  # of no use any more, so an operator overwrites it
    before = files_of(world.path)
    assert run(*again).exit_code == 0
    assert files_of(world.path) == before
    (world.path / "ledger-1.key").unlink()
    refused = run(*again)
    assert refused.exit_code == 1 and "ledger-1.key" in refused.output
    assert files_of(world.path) == before - {"ledger-1.key"}


@pytest.mark.parametrize("left", ["public", "audit", "ledger-1.key"])
def test_init_begins_no_second_history_where_a_ledgers_store_is_gone(world: Any, left: str, tmp_path: Path) -> None:
    world.take(device := world.device(), device.seal())
    world.ledger.close()
    audited(world.folder)
    rotating.rotate_ledger(world.folder, 0)
    folder = tmp_path / "left"
    folder.mkdir()
    for name in ("ledger.key", "trust.json", left):
        item = world.path / name
        (shutil.copytree if item.is_dir() else shutil.copy)(item, folder / name)
    before = files_of(folder)
    refused = run("init", folder, "--origin", ORIGIN, *keys(world))
    assert refused.exit_code == 1 and "amos ledger recover" in " ".join(refused.output.split()), refused.output
    assert files_of(folder) == before
