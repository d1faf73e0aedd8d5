"""Whatever is changed, by a stranger or by the ledger itself, verification says so and names the place."""

import hashlib
import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from plain_period import file_bytes
from statement_bytes import statement_bytes

from amos.crypto import key_id, public_key
from amos.protocol.checkpoint_host import Checkpoint, sign_checkpoint
from amos_ledger.settle_period import settle_period
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference, Unreadable, VerifyError
from amos_tools.verify.published import Published

NOVEMBER = ("2026-11", 1_000_000_000, "EUR")
FLIPS_PER_FILE = 60


@pytest.fixture
def settled(november):
    settle_period(november.folder, *NOVEMBER)
    return november


def published_files(folder: Path) -> list[Path]:
    """What Ann's statement rests on: everything but the statements of others and what older checkpoints needed."""
    others = {folder / "statements" / "2026-11-EUR" / f"{payee}.json.gz" for payee in ("bob", "cy-dee")}
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path not in others]


def test_every_tampered_byte_is_found(settled, tmp_path) -> None:
    folder = settled.copy(tmp_path / "mirror")
    assert settled.verify(folder=folder).payee == "ann"
    size = int((folder / "checkpoint").read_text().split("\n")[1])
    missed = []
    kinds = set()
    for path in published_files(folder):
        partial = re.search(r"\.p/(\d+)$", str(path))
        if partial and int(partial[1]) != size:
            continue
        kinds.add(path.relative_to(folder).parts[0])
        data = path.read_bytes()
        for at in {len(data) * step // FLIPS_PER_FILE for step in range(FLIPS_PER_FILE)} | {len(data) - 1}:
            path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
            try:
                settled.verify(folder=folder)
                missed.append((path.name, at))
            except VerifyError:
                pass
        path.write_bytes(data)
    assert missed == []
    assert kinds == {"catalogues", "checkpoint", "closings", "manifests", "statements", "tile"}
    assert settled.verify(folder=folder).payee == "ann"


@pytest.mark.parametrize("cut", [0, 1, -1])
def test_every_file_that_is_missing_cut_or_grown_is_found(settled, tmp_path, cut: int) -> None:
    folder = settled.copy(tmp_path / "mirror")
    size = int((folder / "checkpoint").read_text().split("\n")[1])
    for path in published_files(folder):
        partial = re.search(r"\.p/(\d+)$", str(path))
        if partial and int(partial[1]) != size:
            continue
        data = path.read_bytes()
        if cut == 0:
            path.unlink()
        else:
            path.write_bytes(data + b"\n" if cut == 1 else data[:-1])
        with pytest.raises((VerifyError, FileNotFoundError)):
            settled.verify(folder=folder)
        path.write_bytes(data)


def test_a_mirror_of_before_has_the_closing_under_its_earlier_name(settled, tmp_path) -> None:
    folder = settled.copy(tmp_path / "mirror")
    path = (folder / "closings/2026-11-EUR.cose").rename(folder / "closings/2026-11.cose")
    assert settled.verify(folder=folder).payee == "ann"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(Difference, match=r"closings/2026-11\.cose"):
        settled.verify(folder=folder)


def test_other_pinned_keys_do_not_verify(settled) -> None:
    other = public_key(b"x" * 32)
    for name, said in (("ledger", "checkpoint.signature"), ("publisher", "publisher key"), ("operator", "signature")):
        keys = type(settled.keys)(**{**settled.keys.__dict__, name: other})
        with pytest.raises(Difference, match=said):
            Audit(Published(settled.path / "audit"), keys).check(statement_bytes(settled.statement("ann")))
    keys = type(settled.keys)(**{**settled.keys.__dict__, "origin": "other.example"})
    with pytest.raises(Difference, match=r"checkpoint\.origin: expected other.example"):
        Audit(Published(settled.path / "audit"), keys)


def leaves_of(item: object, path: tuple = ()):
    """Every scalar of a JSON object with its path."""
    if isinstance(item, dict):
        for key, value in item.items():
            yield from leaves_of(value, (*path, key))
    elif isinstance(item, list):
        for at, value in enumerate(item):
            yield from leaves_of(value, (*path, at))
    else:
        yield path, item


def test_every_field_of_a_statement_is_compared(settled) -> None:
    data = statement_bytes(settled.statement("ann"))
    audit = Audit(Published(settled.path / "audit"), settled.keys)
    audit.check(data)
    fields = list(leaves_of(json.loads(data)))
    assert len(fields) > 60
    for path, value in fields:
        whole = json.loads(data)
        place = whole
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value + 1 if isinstance(value, int) else value + "0"
        with pytest.raises(VerifyError) as caught:
            audit.check(file_bytes(whole))
        if path[0] == "core" and path[1] != "payee":
            dotted = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
            assert caught.value.field == dotted
            assert caught.value.expected == (
                str(value) if str(value).isprintable() else str(value).replace("\x1b", "?")
            )


@pytest.mark.parametrize("change", ["added", "removed", "line"])
def test_fields_and_lines_more_or_less_are_found(settled, change: str) -> None:
    whole = json.loads(statement_bytes(settled.statement("ann")))
    if change == "added":
        whole["core"]["bonus_micro"] = 1
    elif change == "removed":
        del whole["core"]["earning_ms"]
    else:
        whole["core"]["lines"].pop()
    said = {"added": "core.bonus_micro: expected nothing, found 1", "removed": "earning_ms", "line": "lines, count"}
    with pytest.raises(Difference, match=said[change]):
        Audit(Published(settled.path / "audit"), settled.keys).check(file_bytes(whole))


@pytest.mark.parametrize("spelling", [{"indent": 2}, {"indent": None}, {"indent": 1, "sort_keys": False}])
def test_another_spelling_of_the_same_json_is_found(settled, spelling: dict) -> None:
    whole = json.loads(statement_bytes(settled.statement("ann")))
    text = json.dumps({key: whole[key] for key in reversed(whole)}, ensure_ascii=False, **spelling) + "\n"
    with pytest.raises(Difference, match="spelling"):
        Audit(Published(settled.path / "audit"), settled.keys).check(text.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"core": 1.5}',
        b'{"core": NaN}',
        b"[" * 100_000,
        b"1" * 10_000,
        b'{"a":"\\ud800"}',
    ],
)
def test_what_is_no_statement_is_named(settled, data: bytes) -> None:
    with pytest.raises(VerifyError, match="expected"):
        Audit(Published(settled.path / "audit"), settled.keys).check(data)


def test_a_split_view_is_found(settled, tmp_path) -> None:
    """The ledger signs another root of the same size, for one of its readers."""
    folder = settled.copy(tmp_path / "mirror")
    origin, size = (folder / "checkpoint").read_text().split("\n")[:2]
    other = Checkpoint(origin, int(size), bytes(32))
    fake = sign_checkpoint(other, settled.folder.public_key, settled.folder.sign)
    (folder / "checkpoint").write_bytes(fake)
    with pytest.raises(Difference, match=f"root of the published entries: expected {'00' * 32}"):
        settled.verify(folder=folder)
    whole = json.loads(statement_bytes(settled.statement("ann")))
    whole["proof"]["checkpoint"] = fake.decode()
    with pytest.raises(Difference, match=r"proof\.(checkpoint\.root|closing\.path, root)"):
        Audit(Published(settled.path / "audit"), settled.keys).check(file_bytes(whole))


def test_a_statement_from_the_future_of_the_log_is_refused(settled, dates, tmp_path) -> None:
    old = settled.copy(tmp_path / "mirror")
    settled.play(0, [(0, 5)], dates(2026, 12, 1), dates(2026, 12, 2))
    settle_period(settled.folder, "2026-12", 5, "EUR")
    with pytest.raises(Difference, match=r"proof\.checkpoint\.size: expected at most 14, as published .*, found 17"):
        Audit(Published(old), settled.keys).check(statement_bytes(settled.statement("ann", "2026-12")))


def test_a_checkpoint_kept_holds_while_the_log_grows(settled, dates) -> None:
    kept = (settled.folder.public / "checkpoint").read_bytes()
    for note in (kept, signed_head(settled, 0, hashlib.sha256(b"").digest())):
        Audit(Published(settled.path / "audit"), settled.keys).check_since(note)
    settled.play(0, [(0, 5)], dates(2026, 12, 1), dates(2026, 12, 2))
    settle_period(settled.folder, "2026-12", 5, "EUR")
    audit = Audit(Published(settled.path / "audit"), settled.keys)
    audit.check_since(kept)
    assert audit.checked[-1] == "since the checkpoint kept, of 14 entries, entries were only added"
    assert audit.checked[-1] in audit.check(statement_bytes(settled.statement("ann"))).checked


@pytest.mark.parametrize("size", [0, 1, 7, 10])
def test_a_split_view_between_a_checkpoint_kept_and_the_log_is_found(settled, size: int) -> None:
    """The ledger signed a history for one reader, and published another."""
    audit = Audit(Published(settled.path / "audit"), settled.keys)
    with pytest.raises(Difference, match=rf"since\.root: expected [0-9a-f]{{64}}, found {'ab' * 32}"):
        audit.check_since(signed_head(settled, size, b"\xab" * 32))


def test_a_log_that_lost_entries_since_a_checkpoint_kept_is_found(settled, dates, tmp_path) -> None:
    old = settled.copy(tmp_path / "mirror")
    settled.play(0, [(0, 5)], dates(2026, 12, 1), dates(2026, 12, 2))
    settle_period(settled.folder, "2026-12", 5, "EUR")
    kept = (settled.folder.public / "checkpoint").read_bytes()
    with pytest.raises(Difference, match=r"since\.size: expected at most 14, as published .*, found 17"):
        Audit(Published(old), settled.keys).check_since(kept)


def test_a_checkpoint_kept_of_another_log_or_key_is_no_evidence(settled) -> None:
    audit = Audit(Published(settled.path / "audit"), settled.keys)
    with pytest.raises(Difference, match=r"since\.origin: expected amos\.example/ledger, found other"):
        audit.check_since(signed_head(settled, 10, bytes(32), "other"))
    forged = sign_checkpoint(Checkpoint(settled.keys.origin, 10, bytes(32)), settled.keys.ledger, lambda _: bytes(64))
    with pytest.raises(Difference, match=r"since\.signature: expected one by the pinned ledger key"):
        audit.check_since(forged)


def signed_head(world, size: int, root: bytes, origin: str = "amos.example/ledger") -> bytes:
    """A tree head that the ledger signs, whatever its log holds."""
    return sign_checkpoint(Checkpoint(origin, size, root), world.folder.public_key, world.folder.sign)


def test_unreadable_names_the_file(settled, tmp_path) -> None:
    with pytest.raises(Unreadable, match=r"checkpoint: expected a readable file, found none"):
        Audit(Published(tmp_path), settled.keys)


def test_the_sum_of_all_statements_is_the_pool(settled) -> None:
    verified = [settled.verify(payee) for payee in ("ann", "bob", "cy-dee")]
    assert sum(item.amount_micro for item in verified) == 1_000_000_000
    core = json.loads(statement_bytes(settled.statement("ann")))["core"]
    rate = Fraction(core["pool"]["rate_micro_per_ms"])
    assert abs(rate * Fraction(core["earning_ms"]) - core["amount_micro"]) < 1
    assert key_id(settled.keys.ledger) == settled.folder.key_id
