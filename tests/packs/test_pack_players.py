"""Real players on real lines: a pack comes, the line is cut, the player is killed; packs change without a click."""

import hashlib
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest
from pack_player import RATE_HZ, Player

from amos import crypto
from amos.packs.folder import open_pack
from amos.protocol.link import OUTPUT_NONE, STATE_PLAYING, STATE_STOPPED, Response
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_pack import SendPack
from amos.protocol.link_courier_talk import Pause
from amos.protocol.segment import FLAG_ABORTED, SEAL_PACK, SEAL_SHUTDOWN, Usage
from amos.score.inputs import INPUT_LEAVE
from amos_tools.audit.work import Sounds
from amos_tools.device.call import DeviceError, converse
from amos_tools.device.send import FolderPack, send_pack
from amos_tools.replay.chain import Chain, Judged, sessions_of
from amos_tools.replay.piece import piece_of

PUBLISHER_KEY = crypto.public_key(b"p" * 32)


def pack_id(folder: Path) -> bytes:
    return hashlib.sha256((folder / "manifest.cose").read_bytes()).digest()


def fresh_bytes(packs: dict[int, Path], serial: int) -> int:
    """What a player of pack 1 needs for another: its manifest, and the blobs that the two do not share."""
    blobs = {path.name: path.stat().st_size for path in (packs[serial] / "blobs").iterdir()}
    fresh = sum(size for name, size in blobs.items() if not (packs[1] / "blobs" / name).exists())
    return fresh + (packs[serial] / "manifest.cose").stat().st_size


def quiet(_here: int, _total: int) -> None:
    """Nobody watches."""


def send_part(line: str, folder: Path, bytes_max: int) -> int:
    """Send so much of a pack, and hang up; the bytes that the player answered for."""
    found = FolderPack(folder)
    sent = 0

    def steps(link: CourierLink) -> Generator[Ticket | Pause, Response | None, None]:
        nonlocal sent
        sending = SendPack(link, found.pack, found.read)
        while sending.sent_bytes < bytes_max:
            if (yield from sending.some(bytes_max - sending.sent_bytes)):
                break
        sent = sending.sent_bytes

    converse(line, steps, 60)
    return sent


def samples(path: Path) -> np.ndarray:
    data = path.read_bytes()[44:]  # a player that was killed leaves no length in the header
    return np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2)


def judged(usages: list[Usage], *folders: Path) -> list[Judged]:
    """What a replay says of these segments, and of how they sounded, in blocks of another size."""
    opened = [piece_of(open_pack(str(folder), PUBLISHER_KEY, crypto.verify), PUBLISHER_KEY) for folder in folders]
    chain = Chain({piece.pack_id: piece for piece in opened}, Sounds().of)
    return [chain.judge(session) for session in sessions_of(usages)]


def test_a_pack_takes_over_where_a_section_ends(player: Player, packs: dict[int, Path], tmp_path: Path) -> None:
    player.start(out=f"wav:{tmp_path}/out.wav")
    before = player.status()
    assert before.pack == pack_id(packs[1]) and before.state == STATE_PLAYING
    sent = send_pack(player.line, packs[2], quiet)
    assert sent == fresh_bytes(packs, 2)
    after = player.wait_for_pack(pack_id(packs[2]))
    assert (after.state, after.session, after.text) == (STATE_PLAYING, before.session + 1, None)
    player.wait_for(lambda status: status.frame > after.frame + RATE_HZ)
    player.stop()
    first, *others = player.segments()
    assert (first.reason, first.pack) == (SEAL_PACK, pack_id(packs[1]))
    assert list(first.input_kinds) == [INPUT_LEAVE]
    assert not any(row[3] & FLAG_ABORTED for row in first.rows())
    # One stream, frame after frame, in two sessions; and the old one can be replayed from what it logged.
    pcm = samples(tmp_path / "out.wav")
    cut = first.delivered_frames
    assert hashlib.sha256(pcm[:cut].tobytes()).digest() == first.pcm_sha256
    for second in others:  # none where a stop is as good as a power cut
        assert (second.reason, second.pack) == (SEAL_SHUTDOWN, pack_id(packs[2]))
        assert hashlib.sha256(pcm[cut:].tobytes()).digest() == second.pcm_sha256
    found = judged([first, *others], packs[1], packs[2])
    assert [(item.agree, item.pcm, item.differ) for item in found] == [(1, 1, 0)] * (1 + len(others))
    # Music up to a beat and a block before the next, and no jump where one ends and the other begins.
    assert not pcm[cut - 1].any() and pcm[cut - RATE_HZ // 2 - 1024 : cut].any()
    bends = np.abs(np.diff(pcm.astype(int), n=2, axis=0)).max(axis=1)
    assert bends[cut - 1500 : cut + 1500].max() <= max(bends[: cut - 1500].max(), bends[cut + 1500 :].max())


@pytest.mark.parametrize("given", ["none", "nowhere", "spoilt"])
def test_a_player_without_a_pack_says_so_and_plays_the_first_that_comes(
    player: Player, packs: dict[int, Path], tmp_path: Path, given: str
) -> None:
    if given == "spoilt":
        shutil.copytree(packs[2], tmp_path / "spoilt")
        score = open_pack(str(packs[2]), PUBLISHER_KEY, crypto.verify).manifest.score_sha256
        (tmp_path / "spoilt" / "blobs" / score.hex()).write_bytes(b"not what it was")
    player.start(pack="none" if given == "none" else str(tmp_path / given))
    for _look in range(2):
        status = player.status()
        assert (status.state, status.output, status.session, status.frame) == (STATE_STOPPED, OUTPUT_NONE, 0, 0)
        assert status.pack == bytes(32) and status.text is not None and status.text.startswith("no pack: ")
    assert {"none": "over the link", "nowhere": "manifest", "spoilt": "score"}[given] in str(status.text)
    assert send_pack(player.line, packs[2], quiet) > 0
    status = player.wait_for_pack(pack_id(packs[2]))
    assert (status.state, status.session) == (STATE_PLAYING, 1)
    player.kill()
    player.start(pack="none")
    assert player.wait_for_pack(pack_id(packs[2])).state == STATE_PLAYING, "its own after a restart"


def test_a_blob_that_rotted_is_told_and_comes_again(player: Player, packs: dict[int, Path], tmp_path: Path) -> None:
    card = tmp_path / "card"
    shutil.copytree(packs[1], card)
    stem = open_pack(str(packs[1]), PUBLISHER_KEY, crypto.verify).manifest.stems[1].sha256.hex()
    whole = (card / "blobs" / stem).read_bytes()
    for folder in (card, player.folder / "packs"):  # first where the settings say, then what it stored itself
        (folder / "blobs" / stem).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        player.start(pack=str(card))
        before = player.wait_for(lambda status: status.spoilt_blobs == 1)
        assert before.state == STATE_PLAYING
        sent = send_pack(player.line, packs[1], quiet)
        manifest = (packs[1] / "manifest.cose").stat().st_size if folder is card else 0
        assert sent == len(whole) + manifest
        after = player.wait_for(lambda status: status.session > before.session)  # noqa: B023 (called at once)
        assert (after.pack, after.state, after.spoilt_blobs) == (before.pack, STATE_PLAYING, 0)
        assert send_pack(player.line, packs[1], quiet) == 0
        assert (player.folder / "packs" / "blobs" / stem).read_bytes() == whole
        player.kill()


@pytest.mark.parametrize("player", ["cpython-unix", "cpython-pty", "micropython-pty"], indirect=True)
def test_a_line_that_is_cut_resumes_where_it_was(player: Player, packs: dict[int, Path]) -> None:
    player.start()
    total = 0
    moments = random.Random(5)
    for _cut in range(4):
        total += send_part(player.line, packs[3], moments.randrange(1, 150_000))
    total += send_pack(player.line, packs[3], quiet)
    assert total == fresh_bytes(packs, 3)
    player.wait_for_pack(pack_id(packs[3]))


def test_a_player_killed_in_mid_blob_resumes_and_plays_the_old_pack_meanwhile(
    player: Player, packs: dict[int, Path]
) -> None:
    total = 0
    for _life in range(3):
        player.start()
        assert player.status().pack == pack_id(packs[1])
        total += send_part(player.line, packs[3], 200_000)
        player.kill()
    assert any((player.folder / "packs" / "incoming").iterdir())
    player.start()
    total += send_pack(player.line, packs[3], quiet)
    sizes = [path.stat().st_size for path in (packs[3] / "blobs").iterdir()]
    assert total <= sum(sizes) + (packs[3] / "manifest.cose").stat().st_size
    player.wait_for_pack(pack_id(packs[3]))
    assert not list((player.folder / "packs" / "incoming").iterdir())


def test_a_player_killed_at_activation_has_the_old_pack_or_the_new(player: Player, packs: dict[int, Path]) -> None:
    known = {pack_id(packs[1]), pack_id(packs[2])}
    moments = random.Random(7)
    for _life in range(4):
        player.start(pace="free")
        send_pack(player.line, packs[2], quiet)
        time.sleep(moments.uniform(0, 0.2))
        player.kill()
        player.start()
        assert player.status().pack in known
        player.kill()
    player.start()
    send_pack(player.line, packs[2], quiet)
    assert player.wait_for_pack(pack_id(packs[2])).state == STATE_PLAYING
    player.stop()
    player.segments()


def test_there_is_no_way_back(player: Player, packs: dict[int, Path]) -> None:
    player.start()
    send_pack(player.line, packs[2], quiet)
    player.wait_for_pack(pack_id(packs[2]))
    for _life in range(2):
        with pytest.raises(DeviceError, match="old serial: serial: expected above 2, found 1"):
            send_pack(player.line, packs[1], quiet)
        player.stop()
        player.start()
        assert player.status().pack == pack_id(packs[2])


def spoil_score(player: Player, folder: Path) -> None:
    manifest = open_pack(str(folder), PUBLISHER_KEY, crypto.verify).manifest
    path = player.folder / "packs" / "blobs" / manifest.score_sha256.hex()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_pack_spoilt_before_its_section_is_refused_and_the_old_one_goes_on(
    player: Player, packs: dict[int, Path]
) -> None:
    player.start()
    session = player.status().session
    bar_frames = 2 * RATE_HZ
    send_part(player.line, packs[2], fresh_bytes(packs, 2) - 1)
    player.wait_for(lambda status: status.frame % bar_frames < bar_frames // 4)  # so that the section ends late enough
    send_pack(player.line, packs[2], quiet)
    spoil_score(player, packs[2])
    status = player.wait_for(lambda status: (status.text or "").startswith("pack "))
    assert (status.pack, status.state) == (pack_id(packs[1]), STATE_PLAYING) and status.session > session
    assert status.text is not None and "score: expected SHA-256" in status.text
    with pytest.raises(DeviceError, match="bad score"):
        send_pack(player.line, packs[2], quiet)
    player.stop()
    first, *others = player.segments()
    assert first.reason == SEAL_PACK and {usage.pack for usage in (first, *others)} == {pack_id(packs[1])}


def test_a_pack_spoilt_between_two_starts_gives_way_to_that_of_the_settings(
    player: Player, packs: dict[int, Path]
) -> None:
    player.start()
    send_pack(player.line, packs[2], quiet)
    player.wait_for_pack(pack_id(packs[2]))
    player.stop()
    spoil_score(player, packs[2])
    player.start()
    status = player.status()
    assert status.pack == pack_id(packs[1]) and "score" in (status.text or "")


def limited(bytes_max: int) -> Callable[[], None]:
    """No file grows beyond `bytes_max`: a medium that fails when it is written."""

    def before() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max))

    return before


def test_a_medium_that_fails_is_told_and_play_goes_on(player: Player, packs: dict[int, Path]) -> None:
    player.start(journal_bytes=256 << 10)
    player.kill()
    player.start(limited(300 << 10))
    with pytest.raises(DeviceError, match="storage failed"):
        send_pack(player.line, packs[3], quiet)
    assert (player.status().pack, player.status().state) == (pack_id(packs[1]), STATE_PLAYING)
    player.kill()
    player.start()
    send_pack(player.line, packs[3], quiet)
    player.wait_for_pack(pack_id(packs[3]))
