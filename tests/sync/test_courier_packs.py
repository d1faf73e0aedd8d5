"""The courier brings the pack of its folder or web server to players, while segments and receipts keep flowing."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from patience import Patience
from sync_brokers import TestBroker
from sync_ledgers import FakeLedger, truthful
from sync_players import FakePlayer, PlayerThread, sealed

from amos import crypto
from amos_mqtt.broker import Broker
from amos_sync import limits, pack_cache, session
from amos_sync.addresses import packs_address
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.errors import PackSourceError
from amos_sync.notes import Notes
from amos_sync.pack_cache import PackCache
from amos_sync.pack_source import FolderSource, WebSource, open_source
from pack_examples import PUBLISHER, Pack


def shelve(folder: Path, pack: Pack) -> Path:
    """The pack as a folder."""
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    for sha256, data in pack.blobs.items():
        (folder / "blobs" / sha256.hex()).write_bytes(data)
    (folder / "manifest.cose").write_bytes(pack.signed)
    return folder


class Venue:
    """One player, a broker, a ledger, and couriers one after the other."""

    def __init__(self, folder: Path, port: int):
        self.folder, self.port = folder, port
        self.said: list[str] = []
        seed = hashlib.sha256(str(folder).encode()).digest()
        self.segments = sealed(seed, 6)
        self.line = PlayerThread(FakePlayer(seed, self.segments), f"unix:{folder}/p")
        self.player = self.line.player
        self.ledger = FakeLedger(port, {self.player.device_id: self.player.public_key}, truthful)
        self.courier: Courier | None = None

    def start(self, packs: object, **more: object) -> Courier:
        self.close()
        settings = Settings(
            "cafe",
            (self.line.address,),
            Broker("127.0.0.1", self.port),
            self.folder / "spool",
            packs=packs_address(str(packs)),
            **more,  # type: ignore[arg-type]
        )
        self.courier = Courier(settings, Notes(self.said.append))
        return self.courier

    def run(self, until: Callable[[], bool]) -> None:
        assert self.courier is not None
        patience = Patience()
        while not until():
            assert patience.lasts(), "\n".join(["expected it in time", *self.courier.missing(), *self.said])
            self.courier.turn(20)

    def run_until_idle(self) -> None:
        courier = self.courier
        assert courier is not None
        self.run(lambda: courier.idle)

    def replug(self) -> None:
        """The same player, after a reboot."""
        self.line.stop()
        self.player.reboot()
        self.line = PlayerThread(self.player, self.line.address)

    def close(self) -> None:
        if self.courier:
            self.courier.close()

    def end(self) -> None:
        self.close()
        self.line.stop()
        self.ledger.stop()

    def heard(self, words: str) -> bool:
        return any(words in sentence for sentence in self.said)


@pytest.fixture
def venue(tmp_path: Path, broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Venue]:
    monkeypatch.setattr(session, "POLL_MS", 50)
    monkeypatch.setattr(pack_cache, "PACK_LOOK_S", 0.1)
    place = Venue(tmp_path, broker.port)
    yield place
    place.end()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A static web server on the folder `web`."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_folder_is_brought_and_its_next_pack_too(venue: Venue, tmp_path: Path) -> None:
    first, second = Pack(1), Pack(2, "abcdefx")
    venue.start(shelve(tmp_path / "packs", first))
    venue.run_until_idle()
    assert venue.player.plays() == first.id and venue.player.last_receipted == 6
    # What rots there comes again.
    (sha256, blob), *_others = [(name, data) for name, data in first.blobs.items() if len(data) == 600]
    venue.player.folder.files[f"blobs/{sha256.hex()}"][:] = bytes(600)
    venue.player.store.spoilt = [sha256]
    venue.run(lambda: not venue.player.store.spoilt)
    assert venue.player.folder.files[f"blobs/{sha256.hex()}"] == blob and venue.player.plays() == first.id
    # But a card on which it rots again at once is not worn out by it.
    venue.player.store.spoilt = [sha256]
    looks = venue.line.bytes_in
    venue.run(lambda: venue.line.bytes_in > looks + 300)
    assert venue.player.store.spoilt
    shelve(tmp_path / "packs", second)
    venue.run(lambda: venue.player.plays() == second.id and venue.heard("has pack 2 (test"))


def test_a_web_server_is_as_good(venue: Venue, web: str, tmp_path: Path) -> None:
    pack = Pack(1)
    shelve(tmp_path / "web", pack)
    venue.start(web, publisher_key=crypto.public_key(PUBLISHER))
    venue.run_until_idle()
    assert venue.player.plays() == pack.id
    newer = Pack(2, "abcdefx")
    shelve(tmp_path / "web", newer)
    venue.run(lambda: venue.player.plays() == newer.id)
    cached = {path.name for path in (tmp_path / "spool" / "packs" / "blobs").iterdir()}
    assert cached == {sha256.hex() for sha256 in newer.blobs}


def test_segments_go_first_and_the_pack_resumes_after_everything(
    venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PACK_SLICE_BYTES", 2000)
    pack = Pack(1, frames=20_000)
    shelve(tmp_path / "packs", pack)
    venue.start(tmp_path / "packs")
    for life in range(4):
        here, receipted = incoming(venue.player), 6 if life else 0
        # A fast machine brings so much of a pack before the broker has brought a receipt.
        venue.run(lambda here=here: incoming(venue.player) > here + 20_000)
        venue.run(lambda receipted=receipted: venue.player.last_receipted >= receipted)
        assert venue.player.plays() != pack.id or life > 1
        if life % 2:
            venue.replug()
        else:
            venue.start(tmp_path / "packs")
    venue.run_until_idle()
    assert venue.player.plays() == pack.id and venue.player.last_receipted == 6
    assert venue.ledger.segments == {hashlib.sha256(data).digest(): data for data in venue.segments}


def incoming(player: FakePlayer) -> int:
    """Bytes that are in its store."""
    return player.folder.used()


def test_a_refused_pack_is_said_once_and_the_courier_is_idle(venue: Venue, tmp_path: Path) -> None:
    venue.start(shelve(tmp_path / "packs", Pack(1, seed=b"s" * 32)))
    venue.run_until_idle()
    for _turn in range(20):
        assert venue.courier is not None
        venue.courier.turn(20)
    said = [sentence for sentence in venue.said if "does not take" in sentence]
    assert len(said) == 1 and "bad manifest" in said[0]
    (refusal,) = venue.courier.players.pack_refusals.values()
    assert (refusal.device_id, refusal.directive_serial) == (venue.player.device_id, 0)
    assert refusal.pack == hashlib.sha256((tmp_path / "packs/manifest.cose").read_bytes()).digest()
    assert "bad manifest" in refusal.text
    assert venue.player.plays() == bytes(32) and venue.player.last_receipted == 6


def test_a_refused_pack_is_offered_again_later(venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PACK_RETRY_MS", 300)
    pack = Pack(1, frames=3000)
    venue.player.folder.room = 1 << 19
    courier = venue.start(shelve(tmp_path / "packs", pack))
    venue.run(lambda: venue.heard("storage full"))
    assert list(courier.players.pack_refusals) == [venue.player.device_id]
    venue.player.folder.room = None
    venue.run(lambda: venue.player.plays() == pack.id and not courier.players.pack_refusals)


def test_a_half_copied_folder_is_not_sent(venue: Venue, tmp_path: Path) -> None:
    pack = Pack(1)
    folder = shelve(tmp_path / "packs", pack)
    spoilt = sorted((folder / "blobs").iterdir())[3]
    whole = spoilt.read_bytes()
    spoilt.write_bytes(whole[:-1])
    venue.start(folder)
    venue.run(lambda: venue.heard("expected 600 bytes of that SHA-256"))
    assert incoming(venue.player) == 0
    spoilt.write_bytes(whole)
    venue.run(lambda: venue.player.plays() == pack.id)


def test_a_source_is_checked_before_anything_is_sent(web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def problem(source: FolderSource | WebSource, key: bytes | None = None) -> str:
        pack_cache = PackCache(source, key, lambda: None)
        pack_cache.look()
        assert pack_cache.looked and pack_cache.current is None and pack_cache.problem
        return pack_cache.problem

    served, cache = tmp_path / "web", tmp_path / "cache"
    served.mkdir()
    assert "No such file" in problem(FolderSource(served))
    assert "404" in problem(WebSource(web, cache))
    assert "refused" in problem(WebSource("http://127.0.0.1:1", cache))
    (served / "manifest.cose").write_bytes(bytes(1 << 20))
    assert "at most 262144 bytes" in problem(WebSource(web, cache))
    (served / "manifest.cose").write_bytes(b"\xa0")
    assert "COSE_Sign1" in problem(FolderSource(served))
    pack = Pack(1)
    shelve(served, pack)
    assert "signature" in problem(WebSource(web, cache), crypto.public_key(b"x" * 32))
    blob = max((served / "blobs").iterdir())
    for wrong in (b"", bytes(600), bytes(100_000)):
        blob.write_bytes(wrong)
        assert "of that SHA-256" in problem(WebSource(web, cache))
    monkeypatch.setattr(pack_cache, "PACK_BYTES_MAX", 1000)
    assert "at most 0 MiB" in problem(FolderSource(served))
    assert not list((cache / "blobs").glob("*.part"))


def test_sources_by_name(tmp_path: Path) -> None:
    assert isinstance(open_source("https://x.example/pack", tmp_path), WebSource)
    with pytest.raises(PackSourceError):
        open_source(tmp_path / "absent", tmp_path).read_manifest()
    assert limits.PACK_BYTES_MAX > 68_000_000
