"""A ledger put back from a copy, with its courier, its broker and its operator: what was signed since is found missing,
nothing is signed meanwhile, and it all comes back, or is given up on the record."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from audited import audited
from go_log import GoLog, GoRefuses
from restored_venue import Venue, web_server

from amos_ledger.folder import Folder

BEHIND = "cannot store"

pytestmark = pytest.mark.long


@pytest.fixture
def make_venue(tmp_path: Path, mosquitto: list[str]) -> Iterator[Callable[..., Venue]]:
    made: list[Venue] = []

    def make(couriers: int = 1) -> Venue:
        made.append(Venue(tmp_path, mosquitto, couriers))
        return made[-1]

    yield make
    for venue in made:
        venue.close()


@pytest.fixture
def venue(make_venue: Callable[..., Venue]) -> Venue:
    """Two segments of each player are receipted and freed; the ledger serves."""
    made = make_venue()
    made.serve()
    made.bring()
    made.play(2)
    made.freed()
    return made


def refuses(venue: Venue) -> None:
    """The ledger serves, signs nothing, and says to each who asks what is wrong and what to do."""
    size = venue.size()
    venue.bring()
    venue.serve().says(BEHIND)
    venue.play(1)
    venue.programs["courier-0"].says("unavailable")
    assert venue.size() == size and all(player.segments for player in venue.players)
    assert "RolledBack" in venue.settle(code=1)
    shown = venue.amos("ledger", "status", venue.path)
    assert "signs nothing" in shown and "amos ledger recover" in shown and "amos device forgo --kept-size" in shown
    venue.kill()


def goes_on(venue: Venue) -> None:
    """Everything that was ever sealed is in the log, receipted and freed, and counts once."""
    venue.serve()
    venue.bring()
    venue.play(1)
    venue.accepted(len(venue.sealed))
    venue.freed()
    venue.kill()
    venue.judge()
    assert venue.amos("ledger", "fsck", venue.path).strip() == "nothing wrong"


def pinned(venue: Venue) -> Path:
    keys = venue.world.keys
    path = venue.folder / "pinned.json"
    facts = {"ledger": keys.ledger, "publisher": keys.publisher, "operator": keys.operator}
    path.write_text(json.dumps({name: key.hex() for name, key in facts.items()}))
    return path


def paid(venue: Venue) -> None:
    """A month settled afterwards is one that everybody can verify."""
    venue.settle("--out", venue.folder / "statements")
    published = "--published", venue.path / "audit", "--keys", pinned(venue)
    assert "yes" in venue.amos("verify", venue.folder / "statements", *published).lower()


def test_a_copy_made_while_it_served_and_a_whole_mirror(venue: Venue, go_log: GoLog) -> None:
    copy = venue.folder / "copy"
    shutil.copytree(venue.path, copy, ignore=shutil.ignore_patterns("ledger.sqlite*"))
    with (
        closing(sqlite3.connect(venue.path / "ledger.sqlite")) as live,
        closing(sqlite3.connect(copy / "ledger.sqlite")) as other,
    ):
        live.backup(other)
    venue.play(3)
    venue.freed()
    venue.programs["ledger"].end()
    mirror = venue.copy("mirror", "ledger/audit")
    before = (mirror / "checkpoint").read_bytes()
    venue.put_back(copy)
    refuses(venue)
    venue.amos("ledger", "recover", venue.path, "--from", mirror)
    go_log.follows(before, Folder(venue.path))
    goes_on(venue)
    go_log.follows(before, Folder(venue.path))
    paid(venue)


def test_the_couriers_spool_alone_and_a_mirror_that_lacks_some(venue: Venue, go_log: GoLog) -> None:
    venue.programs["ledger"].end()
    copy = venue.copy("copy")
    venue.serve()
    venue.play(3)
    venue.freed()
    audited(Folder(venue.path))
    mirror = venue.copy("mirror", "ledger/audit")
    mirrored = (mirror / "checkpoint").read_bytes()
    venue.play(2)
    venue.freed()
    before = (venue.path / "public/checkpoint").read_bytes()
    venue.put_back(copy)
    venue.new_broker()
    refuses(venue)
    with web_server(mirror) as url:
        shown = venue.amos("ledger", "recover", venue.path, "--from", url)
    assert "more were signed" in shown and "amos ledger status" in shown
    assert "RolledBack" in venue.settle(code=1)
    venue.forget_seen()
    venue.forgo()
    goes_on(venue)
    go_log.follows(mirrored, Folder(venue.path))
    with pytest.raises(GoRefuses):
        go_log.follows(before, Folder(venue.path))
    paid(venue)


def test_no_mirror_and_players_that_rebooted(venue: Venue) -> None:
    venue.programs["ledger"].end()
    copy = venue.copy("copy")
    venue.serve()
    venue.play(3)
    venue.freed()
    venue.put_back(copy)
    refuses(venue)
    venue.forget_seen()
    venue.reboot(0)
    venue.forgo()
    goes_on(venue)
    paid(venue)


def test_the_spool_is_gone_too(venue: Venue) -> None:
    venue.programs["ledger"].end()
    copy = venue.copy("copy")
    venue.serve()
    venue.play(3)
    venue.freed()
    venue.programs["ledger"].end()  # its last head is at the broker, which alone knows of it
    venue.put_back(copy)
    shutil.rmtree(venue.spool())
    refuses(venue)
    venue.forget_seen()
    venue.forgo()
    venue.serve()
    venue.bring().says("segment 6")
    shown = venue.amos("ledger", "held", venue.path)
    for number, player in enumerate(venue.players):
        device = player.device_id.hex()
        assert f"amos device lost {device} 3 5" in shown
        out = venue.folder / f"loss-{number}.cose"
        venue.amos("device", "lost", device, 3, 5, "--operator-key-file", venue.folder / "operator.key", "--out", out)
        venue.amos("ledger", "lost", venue.path, out)
    venue.freed()
    assert venue.amos("ledger", "fsck", venue.path).strip() == "nothing wrong"
    assert "given up by the operator" in venue.amos("ledger", "status", venue.path)
    assert venue.amos("ledger", "plausibility", venue.path).count("segments_lost: 3 of 6 segments") == 2
    venue.judge()
    paid(venue)


def test_one_of_two_couriers_was_away(make_venue: Callable[..., Venue]) -> None:
    venue = make_venue(couriers=2)
    venue.serve()
    venue.bring(0)
    venue.bring(1)
    venue.play(2)
    venue.freed()
    venue.programs["ledger"].end()
    copy = venue.copy("copy")
    venue.serve()
    venue.play(3, 1)
    venue.freed()
    venue.put_back(copy)
    venue.new_broker()
    size = venue.size()
    venue.serve()  # nobody is there who knows better
    venue.bring(0)
    venue.play(1, 0)
    venue.freed(0)
    venue.kill()
    venue.bring(1)
    venue.serve().says(BEHIND)
    assert "is what the copy had" in venue.amos("ledger", "status", venue.path)
    venue.kill()
    venue.forget_seen()
    venue.forgo(kept_size=size)  # from there on couriers send again, also what the two histories have at other leaves
    venue.bring(1)
    goes_on(venue)
    paid(venue)


def test_its_key_was_changed_since(venue: Venue, go_log: GoLog) -> None:
    venue.programs["ledger"].end()
    copy = venue.copy("copy")
    venue.amos("ledger", "rotate-key", venue.path, "--transition", "0d", "--number", 1)
    venue.serve()
    venue.play(3)
    venue.freed()
    venue.programs["ledger"].end()
    kept = venue.folder / "ledger-1.key"
    shutil.copy(venue.path / "ledger-1.key", kept)
    mirror = venue.copy("mirror", "ledger/audit")
    before = (mirror / "checkpoint").read_bytes()
    venue.put_back(copy)
    refuses(venue)
    assert "ledger-1.key" in venue.amos("ledger", "recover", venue.path, "--from", mirror, code=1)
    shutil.copy(kept, venue.path / "ledger-1.key")
    venue.amos("ledger", "recover", venue.path, "--from", mirror)
    go_log.follows(before, Folder(venue.path))
    goes_on(venue)
    go_log.follows(before, Folder(venue.path))


def test_twice(venue: Venue) -> None:
    venue.programs["ledger"].end()
    copy = venue.copy("copy")
    venue.serve()
    venue.play(2)
    venue.freed()
    venue.put_back(copy)
    refuses(venue)
    venue.forgo()
    venue.serve()
    venue.bring()
    venue.accepted(len(venue.sealed))
    venue.freed()
    venue.put_back(copy)
    refuses(venue)
    venue.forget_seen()
    venue.forgo()
    goes_on(venue)
    paid(venue)
