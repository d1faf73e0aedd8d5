"""Trust without the operator: cosignatures of witnesses, and proofs that stand by themselves."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import witness_process
from databases import only_sqlite
from go_log import GoLog, GoRefuses
from misbehaving_web import MisbehavingWeb, Request
from nacl.signing import SigningKey, VerifyKey
from typer.testing import CliRunner

from amos.protocol.errors import MessageError
from amos.protocol.policy_host import read_policy
from amos_ledger.errors import NoProof
from amos_ledger.folder import Folder
from amos_ledger.ledger import Ledger
from amos_ledger.proving import prove
from amos_ledger.rotating import rotate_ledger
from amos_ledger.witnesses import cosign
from amos_tools.cli import app

ORIGIN = "ledger.example/amos"


def seed_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def witness_line(name: str, port: int) -> str:
    """What a policy says of a witness on this machine."""
    key = witness_process.vkey(f"{name}.example/w", 4, bytes(SigningKey(seed_of(name)).verify_key))
    return f"witness {name} {key} http://127.0.0.1:{port}"


class Witnesses:
    """Witness processes for one ledger, and the policy that names them."""

    def __init__(self, folder: Path, log_key: bytes) -> None:
        self.folder, self.log_key = folder, log_key
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.lines = [f"log {witness_process.vkey(ORIGIN, 1, log_key)}"]

    def start(self, name: str, log_key: bytes | None = None) -> None:
        seed = seed_of(name)
        command = [sys.executable, witness_process.__file__, f"{name}.example/w", seed.hex()]
        command += [str(self.folder / f"{name}.json"), ORIGIN, (log_key or self.log_key).hex()]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        self.processes[name] = process
        self.lines.append(witness_line(name, port))

    def policy(self, *more: str) -> bytes:
        return "".join(f"{line}\n" for line in [*self.lines, *more]).encode()

    def stop(self, name: str) -> None:
        process = self.processes[name]
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def witnesses(world: Any, tmp_path: Path) -> Iterator[Witnesses]:
    made = Witnesses(tmp_path, world.folder.public_key)
    for name in ("ada", "ben", "cyd"):
        made.start(name)
    yield made
    for name in made.processes:
        if made.processes[name].poll() is None:
            made.stop(name)


TWO_OF_THREE = ("group some 2 ada ben cyd", "quorum some")


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def independent(proof: bytes, log_vkey: str, witness_keys: dict[str, bytes]) -> tuple[bytes, int, set[str]]:
    """(entry, index, cosigners) by the texts of C2SP alone, with PyNaCl."""
    head, _, note = proof.partition(b"\n\n")
    lines = head.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    entry, index = base64.b64decode(lines[1].split(" ")[1]), int(lines[2].split(" ")[1])
    text, _, signatures = note.partition(b"\n\n")
    origin, size, root = text.decode().split("\n")
    log_key = base64.b64decode(log_vkey.split("+", 2)[2])[1:]
    seen = set()
    for line in signatures.decode().splitlines():
        _dash, name, blob = line.split(" ")
        content = base64.b64decode(blob)
        if name == origin:
            VerifyKey(log_key).verify(text + b"\n", content[4:])
            seen.add("log")
        elif name in witness_keys:
            unix_s = int.from_bytes(content[4:12], "big")
            message = b"cosignature/v1\ntime %d\n" % unix_s + text + b"\n"
            VerifyKey(witness_keys[name]).verify(message, content[12:])
            seen.add(name)
    found, at, last = hashlib.sha256(b"\x00" + entry).digest(), index, int(size) - 1
    for sibling in (base64.b64decode(line) for line in lines[3:]):
        if at & 1 or at == last:
            found = witness_process.node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = witness_process.node(found, sibling)
        at, last = at >> 1, last >> 1
    assert last == 0 and found == base64.b64decode(root)
    assert "log" in seen
    return entry, index, seen - {"log"}


def test_a_proof_with_a_quorum_stands_by_itself(
    world: Any, witnesses: Witnesses, tmp_path: Path, go_log: GoLog
) -> None:
    device = world.device()
    segments = [device.seal() for _ in range(5)]
    world.take(device, *segments)
    (tmp_path / "policy").write_bytes(witnesses.policy(*TWO_OF_THREE))
    done = run("ledger", "cosign", world.path, "--policy", tmp_path / "policy", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["witnesses"] == ["ada", "ben", "cyd"]
    world.take(device, device.seal())  # the log goes on; the proof is under the cosigned head

    out = tmp_path / "third.tlog-proof"
    assert run("ledger", "prove", world.path, device.key.id.hex(), 3, "--out", out).exit_code == 0
    keys = {f"{name}.example/w": bytes(SigningKey(hashlib.sha256(name.encode()).digest()).verify_key)
            for name in ("ada", "ben", "cyd")}  # fmt: skip
    log_vkey = witness_process.vkey(ORIGIN, 1, world.folder.public_key)
    entry, index, seen = independent(out.read_bytes(), log_vkey, keys)
    assert entry == segments[2] and seen == set(keys)
    known = tuple(witness_process.vkey(name, 4, key) for name, key in keys.items())
    by_go = go_log.proven(world.folder, out.read_bytes(), known)
    assert by_go["cosigners"].keys() == seen and by_go["index"] == index
    assert base64.b64decode(by_go["sha256"]) == hashlib.sha256(segments[2]).digest()
    witnessed = (world.folder.public / "checkpoint.witnessed").read_bytes()
    assert go_log.opened(world.folder, witnessed, known)["cosigners"] == by_go["cosigners"]
    go_log.follows(witnessed, world.folder)
    mark = witnessed.index("— ada".encode())
    spoilt = (
        witnessed[: mark + 40] + (b"A" if witnessed[mark + 40 : mark + 41] != b"A" else b"B") + witnessed[mark + 41 :]
    )
    with pytest.raises(GoRefuses):
        go_log.opened(world.folder, spoilt, known)

    told = run("verify", "--proof", out, "--policy", tmp_path / "policy", "--json")
    assert told.exit_code == 0, told.output
    facts = json.loads(told.output)
    assert (facts["device_id"], facts["sequence"]) == (device.key.id.hex(), 3)
    assert [item["name"] for item in facts["witnesses"]] == ["ada", "ben", "cyd"]
    plain = run("verify", "--proof", out, "--ledger-key", world.folder.public_key.hex())
    assert plain.exit_code == 0 and "cosigned by no witness" in plain.output


def test_a_proof_that_was_tampered_with_is_none(world: Any, witnesses: Witnesses, tmp_path: Path) -> None:
    device = world.device()
    world.take(device, device.seal(), device.seal())
    with world.folder.open_store() as store:
        cosign(world.folder, store, read_policy(witnesses.policy(*TWO_OF_THREE)))
        proof = prove(world.folder, store, device.key.id, 2)
        other = prove(world.folder, store, device.key.id, 1)
        with pytest.raises(NoProof, match="expected one in the log, found none"):
            prove(world.folder, store, device.key.id, 3)
    lines, others = proof.split(b"\n"), other.split(b"\n")
    key = world.folder.public_key.hex()
    path = tmp_path / "p.tlog-proof"
    cases = [
        b"\n".join([*lines[:1], others[1], *lines[2:]]),  # another segment
        b"\n".join([*lines[:2], others[2], *lines[3:]]),  # another index
        b"\n".join([*lines[:3], others[3], *lines[4:]]) if others[3] != lines[3] else proof[:-2] + b"\n",
        b"\n".join(lines[:3] + lines[4:]),  # a shorter path
        proof.replace(b"@v1", b"@v2"),
        proof.replace(ORIGIN.encode(), b"ledger.example/amoz"),
        b"",
        b"\xff" * 50_000,
    ]
    for case in cases:
        path.write_bytes(case)
        done = run("verify", "--proof", path, "--ledger-key", key)
        assert done.exit_code == 1 and "Traceback" not in done.output, case[:60]
    path.write_bytes(proof)
    assert run("verify", "--proof", path, "--ledger-key", "00" * 32).exit_code == 1
    assert run("verify", "--proof", path).exit_code == 2
    strict = tmp_path / "policy"
    strict.write_bytes(witnesses.policy("group all-of-them all ada ben cyd", "quorum all-of-them"))
    assert run("verify", "--proof", path, "--policy", strict).exit_code == 0
    lines_of_notes = [line for line in proof.split(b"\n") if not line.startswith("— ben".encode())]
    path.write_bytes(b"\n".join(lines_of_notes))
    refused = run("verify", "--proof", path, "--policy", strict)
    assert refused.exit_code == 1 and "quorum" in refused.output
    strict.write_bytes(witnesses.policy(*TWO_OF_THREE))
    assert run("verify", "--proof", path, "--policy", strict).exit_code == 0


def test_witnesses_follow_the_log_and_one_that_is_away_stops_nobody(
    world: Any, witnesses: Witnesses, tmp_path: Path
) -> None:
    device = world.device()
    rule = read_policy(witnesses.policy(*TWO_OF_THREE))
    for _ in range(4):  # sizes that are powers of two and such that are not
        world.take(device, device.seal())
        with world.folder.open_store() as store:
            found = cosign(world.folder, store, rule)
        assert (found.witnesses, found.enough, found.failures) == (("ada", "ben", "cyd"), True, ())
    (world.path / "witnesses.json").unlink()  # learnt anew from their 409
    world.take(device, device.seal())
    with world.folder.open_store() as store:
        assert cosign(world.folder, store, rule).failures == ()
    witnesses.stop("ben")
    world.take(device, device.seal())
    with world.folder.open_store() as store:
        found = cosign(world.folder, store, rule)
        assert found.enough and found.witnesses == ("ada", "cyd") and "ben: " in found.failures[0]
    witnesses.stop("ada")
    witnessed = (world.folder.public / "checkpoint.witnessed").read_bytes()
    world.take(device, device.seal())
    with world.folder.open_store() as store:
        assert not cosign(world.folder, store, rule).enough
    assert (world.folder.public / "checkpoint.witnessed").read_bytes() == witnessed
    (tmp_path / "policy").write_bytes(witnesses.policy(*TWO_OF_THREE))
    done = run("ledger", "cosign", world.path, "--policy", tmp_path / "policy")
    assert done.exit_code == 1 and "too few" in done.output


@only_sqlite
def test_a_witness_whose_refusal_breaks_off_keeps_no_other_from_being_asked(world: Any, witnesses: Witnesses) -> None:
    broken = "HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    with MisbehavingWeb(lambda request: request.send(broken.encode())) as web:
        witnesses.lines.insert(1, witness_line("dan", int(web.url.rpartition(":")[2])))
        with world.folder.open_store() as store:
            found = cosign(world.folder, store, read_policy(witnesses.policy(*TWO_OF_THREE)))
    assert found.enough and found.witnesses == ("ada", "ben", "cyd")
    assert [failure.split(":")[0] for failure in found.failures] == ["dan"]


@only_sqlite
def test_a_witness_that_sends_a_byte_now_and_then_is_given_up(
    world: Any, witnesses: Witnesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def trickle(request: Request) -> None:
        request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.05):
            request.send(b"x")

    monkeypatch.setattr("amos_ledger.witnesses.ANSWER_S", 0.5)
    with MisbehavingWeb(trickle) as web, world.folder.open_store() as store:
        named = witness_line("dan", int(web.url.rpartition(":")[2]))
        policy = f"{witnesses.lines[0]}\n{named}\nquorum dan\n"
        found = cosign(world.folder, store, read_policy(policy.encode()))
    over.set()
    assert not found.enough
    assert found.failures == (f"dan: {web.url}: expected a whole answer within 0.5 s, found none",)


@only_sqlite
def test_a_witness_does_not_cosign_a_second_history(world: Any, witnesses: Witnesses, tmp_path: Path) -> None:
    device, other = world.device(1), world.device(2)
    rule = read_policy(witnesses.policy("quorum ada"))
    world.ledger.close()
    yesterday = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    world.restart()
    world.take(device, device.seal(), device.seal())
    with world.folder.open_store() as store:
        assert cosign(world.folder, store, rule).enough
    world.ledger.close()
    shutil.rmtree(world.path)
    shutil.copytree(yesterday, world.path)
    folder = Folder(world.path)
    with folder.open_store() as store:
        found = cosign(folder, store, rule)
    assert not found.enough and "amos ledger recover" in found.failures[0]
    ledger = Ledger(folder)
    for _ in range(5):
        ledger.take([other.message(other.seal())], 1_793_534_400)
    ledger.close()
    with folder.open_store() as store:
        found = cosign(folder, store, rule)
    assert not found.enough and "answers 422" in found.failures[0]


def policy_of_three(*more: str) -> bytes:
    """A policy of witnesses that nobody asks."""
    log = f"log {witness_process.vkey(ORIGIN, 1, bytes(SigningKey(seed_of('log')).verify_key))}"
    lines = [log, *(witness_line(name, 1) for name in ("ada", "ben", "cyd")), *more]
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([], "expected a quorum line"),
        (["quorum nobody"], "a witness or group of a line before"),
        (["quorum none", "quorum none"], "expected one quorum line"),
        (["group g 4 ada ben cyd", "quorum g"], "all, any or 1 to 3"),
        (["group g any ada", "group h any ada", "quorum h"], "in one group once"),
        (["group ada any ben", "quorum ada"], "a name that is free"),
        (["witness x sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8", "quorum x"], "type 4"),
        (["witness x x+00000000+BAAA", "quorum x"], "an Ed25519 key"),
        (["trust everyone", "quorum none"], "a log, witness, group or quorum line"),
    ],
)
def test_policies_that_are_none(lines: list[str], fault: str) -> None:
    with pytest.raises(MessageError, match=fault):
        read_policy(policy_of_three(*lines))


def test_groups_of_groups_and_no_witness_at_all() -> None:
    rule = read_policy(
        policy_of_three("# two levels", "", "\tgroup some any ada ben", "group both all some cyd", "quorum both")
    )
    assert rule.satisfied({"ada", "cyd"}) and not rule.satisfied({"ada", "ben"}) and not rule.satisfied(set())
    assert read_policy(b"quorum none\n").satisfied(set())


def test_witnesses_that_know_the_old_key_go_on_until_the_transition_ends(world: Any, witnesses: Witnesses) -> None:
    policy = read_policy(witnesses.policy(*TWO_OF_THREE))
    device = world.device()
    world.take(device, device.seal())
    with world.folder.open_store() as store:
        assert cosign(world.folder, store, policy).enough
    world.ledger.close()
    rotate_ledger(world.folder, 86_400, 1)
    world.take(device, device.seal())
    with world.folder.open_store() as store:
        found = cosign(world.folder, store, policy)
    assert found.enough and not found.failures
    world.ledger.close()
    rotate_ledger(world.folder, 0, 2)
    with world.folder.open_store() as store:
        refused = cosign(world.folder, store, policy)
    assert not refused.enough and len(refused.failures) == 3, "they were not told the key in force"
