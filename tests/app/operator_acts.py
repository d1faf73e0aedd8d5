"""One player of a café and all that its operator, its staff and its nights do to it, in an order drawn from a seed.

A real player process, a real socket, a ledger in this process. What the WAV files hold was delivered, whatever the
player says; what the ledger's log holds was counted. `Cafe.act` does one thing, drawn, and checks what has to hold.
"""

import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
from kill_venue import Player as Enrolled
from listing import list_all
from noise_pack import OPERATOR, PUBLISHER, RATE_HZ, SCRIPT, SITE
from patience import wait_until

from amos import crypto
from amos.edges.audio_sink import FRAME_BYTES
from amos.edges.wav_out import HEADER_BYTES as WAV_HEADER_BYTES
from amos.protocol.answer import GAP, RECEIPTED, VERDICTS
from amos.protocol.envelope_host import wrap
from amos.protocol.link import (
    OFFER_OPT_OUTS,
    OUTPUT_NONE,
    OUTPUT_OK,
    STATE_PAUSED,
    STATE_PLAYING,
    STATE_STOPPED,
    Status,
)
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_offer import offer, offer_receipt
from amos.protocol.link_courier_pack import SendPack
from amos.protocol.link_courier_segment import read_segment
from amos.protocol.segment import Usage
from amos.protocol.topics import USAGE, device_topic
from amos.protocol.usage_reader import open_usage
from amos.score.inputs import INPUT_LIKE, INPUT_PAUSE, INPUT_SKIP, INPUT_VOLUME
from amos_ledger import registry
from amos_ledger.folder import Folder, init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_tools.device.call import DeviceError, ask_status, converse, send_input
from amos_tools.device.run import micropython_environment
from amos_tools.device.send import FolderPack
from amos_tools.pack import build_pack
from amos_tools.pack.opt_outs import make_opt_outs
from amos_tools.script import compile_script
from amos_tools.stems import StemFacts
from amos_tools.vault import Vault, parse_facts

GOOD = (1, 2, 3)
LEASE_END_S = 2_000_000_000


class Packs:
    """Packs by name: 1 to 3 are good and share most stems; three must be refused. `stems` of all."""

    def __init__(self, folder: Path):
        self._folder = folder
        noise = np.random.RandomState(3)
        self.folders: dict[str, Path] = {}
        with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
            for serial in GOOD:
                for number in range(4 if serial == 1 else 1):
                    role, frames = ("pads", RATE_HZ * 2) if number % 2 == 0 else ("beats", RATE_HZ // 3)
                    samples = noise.randint(-9000, 9000, (frames + 10 * serial + number, 1)).astype("int16")
                    told = {"title": f"stem {serial} {number}", "artist": "A", "splits": "a=1000000", "opt_in": "yes"}
                    vault.import_samples(samples, parse_facts("noise", told | {"role": role}))
                self._build(vault, str(serial), serial=serial)
            self._build(vault, "wrong board", serial=9, board_class="pico-2-w")
            self._build(vault, "foreign", serial=9, publisher_seed=b"q" * 32)
            self._build(vault, "ended", serial=9, lease_end_unix_s=1_600_000_000)
            self.stems: list[StemFacts] = list(vault.stems())

    def _build(self, vault: Vault, name: str, **changed: object) -> None:
        terms = {"publisher_seed": PUBLISHER, "board_class": "any", "lease_end_unix_s": LEASE_END_S} | changed
        self.folders[name] = self._folder / f"pack {name}"
        build_pack(compile_script(SCRIPT, vault.stems()), vault, self.folders[name], **terms)  # type: ignore[arg-type]

    def serial_of(self, pack_id: bytes) -> int:
        """Serial of one of these packs."""
        for folder in self.folders.values():
            found = FolderPack(folder).pack
            if found.pack_id == pack_id:
                return found.manifest.serial
        raise AssertionError(f"pack {pack_id.hex()} is none of these")


class Life:
    """One start of the player: its sessions, what its files hold, whether all it delivered has to be counted."""

    def __init__(self, number: int):
        self.number = number
        self.sessions: set[int] = set()
        self.delivered_frames = 0
        self.may_miss_frames: int | None = 0  # None: its journal was damaged afterwards


class Cafe:
    """The player in `folder`. `lives` so far; `done` counts acts by name."""

    def __init__(self, folder: Path, seed: int):
        self.chance = random.Random(seed)
        self.folder = folder
        self.packs = Packs(folder)
        self._ledger_folder = init_folder(
            folder / "ledger", "ledger.example/acts", crypto.public_key(OPERATOR), crypto.public_key(PUBLISHER)
        )
        self._address = f"unix:{folder}/bar.sock"
        self.player = Enrolled(folder, "bar", [sys.executable], self._address, self._address)
        self.player.prepare(self.packs.folders["1"], self._ledger_folder.public_key)
        with self._ledger_folder.open_store() as store:
            for serial in GOOD:
                registry.add_pack(self._ledger_folder, store, *registry.read_pack(self.packs.folders[str(serial)]))
            registry.enrol(self._ledger_folder, store, self.player.enrolment())
            registry.publish(self._ledger_folder, store)
        self._ledger = Ledger(self._ledger_folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._image: bytes | None = None
        self._is_older = False  # the ring, since the last start
        self._opt_outs_serial = self._serial = 0
        self._last: Status | None = None
        self.lives: list[Life] = []
        self.done: dict[str, int] = {}

    # Acts

    def act(self) -> str:
        """One act that is possible now; its name."""
        running = self._process is not None
        acts = self._running_acts() if running else self._stopped_acts()
        chosen = self.chance.choices(acts, [weight for weight, _act in acts])[0][1]
        name = chosen.__name__.strip("_")
        self.done[name] = self.done.get(name, 0) + 1
        chosen()
        if self._process is not None:
            assert self._process.poll() is None, f"after {name}: {self.said}"
            self.check_status()
        return name

    def _running_acts(self) -> list[tuple[int, Callable[[], None]]]:
        return [
            (4, self._listen), (4, self._kill), (3, self._signal), (4, self._sync), (2, self._sync_in_vain),
            (3, self._input), (2, self._pack), (1, self._bad_pack), (2, self._cut_pack), (1, self._opt_out),
            (1, self._second_player), (1, self._look_into_the_journal),
        ]  # fmt: skip

    def _stopped_acts(self) -> list[tuple[int, Callable[[], None]]]:
        return [
            (9, self._start), (1, self._kill_at_the_start), (1, self._bad_settings), (1, self._keep_a_copy),
            (1, self._damage_the_journal), (1, self._older_journal), (1, self._no_journal), (1, self._damage_packs),
            (1, self._damage_small_files), (1, self._look_into_the_journal),
        ]  # fmt: skip

    def _start(self) -> None:
        self._begin()
        assert self._process is not None
        wait_until(lambda: self._process is None or self._process.poll() is not None or self._answers(), "an answer")
        assert self._process.poll() is None, self.said
        self._is_older = False
        if self.chance.random() < 0.8:
            wait_until(lambda: "playing: " in self.said, lambda: f"play: {self.said}")

    def _begin(self) -> None:
        self.lives.append(Life(len(self.lives)))
        pace = self.chance.choice(("clocked", "clocked", "free"))
        block = self.chance.choice((256, 1024, 4096))
        words = [f"out=wav:{self._wav(len(self.lives) - 1)}", f"pace={pace}", f"block_frames={block}"]
        self._process = self._run(words)

    def _run(self, words: list[str], said: str = "said") -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "amos", str(self.player.folder), *words]
        environment = micropython_environment() | {"PYTHONUNBUFFERED": "1"}
        with (self.folder / said).open("wb") as file:
            return subprocess.Popen(command, stdout=file, stderr=file, env=environment)

    def _listen(self) -> None:
        time.sleep(self.chance.uniform(0, 1.5))

    def _kill(self) -> None:
        self._listen()
        self._end(signal.SIGKILL)

    def _signal(self) -> None:
        self._end(self.chance.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))

    def _kill_at_the_start(self) -> None:
        self._begin()
        time.sleep(self.chance.uniform(0, 1))
        self._end(self.chance.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)), early=True)

    def _end(self, number: signal.Signals, early: bool = False) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(120)
        self._process = self._last = None
        life, said = self.lives[-1], self.said
        assert "Traceback" not in said, said
        killed = code == -number
        assert killed if number == signal.SIGKILL else code == 0 or (early and killed), (number, code, said)
        life.may_miss_frames = RATE_HZ if killed else 0
        life.sessions = {int(found) for found in re.findall(r"^playing: session (\d+)", said, re.MULTILINE)}
        for path in self.folder.glob(f"life-{life.number}*.wav"):
            life.delivered_frames += max(0, path.stat().st_size - WAV_HEADER_BYTES) // FRAME_BYTES
            path.unlink()

    def _sync(self) -> None:
        """What a courier does: segments to the ledger, receipts back; some receipts get lost."""
        self._carry(lambda: self.chance.random() < 0.8)

    def _sync_in_vain(self) -> None:
        self._carry(lambda: False)

    def _carry(self, arrives: Callable[[], bool]) -> int:
        """The segments that wait for a receipt after it."""
        entries = converse(self._address, lambda link: list_all(link, 1), 60)
        assert isinstance(entries, list)
        for entry in entries:
            segment = converse(self._address, lambda link, entry=entry: read_segment(link, entry), 60)
            if segment is None:
                continue  # found damaged, as it was read: the next one declares it
            assert isinstance(segment, bytes)
            (reply,) = self._ledger.take(
                [Message.of(device_topic(SITE, self.player.device_id, USAGE), wrap(segment))], int(time.time())
            )
            answer = reply.answer
            assert answer.verdict in (*RECEIPTED, GAP), (VERDICTS[answer.verdict], answer.detail)
            if answer.receipt is not None and arrives():
                receipt = answer.receipt
                converse(self._address, lambda link, e=entry, r=receipt: offer_receipt(link, e.sequence, r), 60)
        status = self.status()
        return status.next_sequence - 1 - status.last_receipted

    def _input(self) -> None:
        kind, value = self.chance.choice(
            (
                (INPUT_PAUSE, 1),
                (INPUT_PAUSE, 0),
                (INPUT_SKIP, 0),
                (INPUT_LIKE, 0),
                (INPUT_VOLUME, 9000),
                (INPUT_VOLUME, 32768),
            )
        )
        try:
            send_input(self._address, kind, value, 60)
        except DeviceError as error:
            assert "expected" in str(error), error

    def _pack(self) -> None:
        """A newer pack, or an older one, which is refused."""
        serial = self.chance.choice(GOOD)
        try:
            self._send(self.packs.folders[str(serial)])
        except DeviceError as error:
            assert "expected above" in str(error), error

    def _bad_pack(self) -> None:
        reasons = {
            "wrong board": "board class: expected",
            "foreign": "signature: expected",
            "ended": "lease: expected a pack whose lease runs",
        }
        name = self.chance.choice(sorted(reasons))
        try:
            self._send(self.packs.folders[name])
        except DeviceError as error:
            assert reasons[name] in str(error), error
        else:
            raise AssertionError(f"took the pack {name}")

    def _cut_pack(self) -> None:
        """The line is cut amid the sending."""
        try:
            self._send(self.packs.folders[str(self.chance.choice(GOOD))], self.chance.randrange(1, 200_000))
        except DeviceError as error:
            assert "expected above" in str(error), error

    def _send(self, folder: Path, bytes_max: int = 1 << 40) -> None:
        found = FolderPack(folder)

        def steps(link: CourierLink) -> Generator[object, object, None]:
            yield from SendPack(link, found.pack, found.read).some(bytes_max)

        converse(self._address, steps, 60)  # type: ignore[arg-type]

    def _opt_out(self) -> None:
        serial = max(1, self._opt_outs_serial + self.chance.choice((-1, 0, 1)))
        withdrawn = self.packs.stems[: serial % 3]
        data = make_opt_outs(withdrawn, PUBLISHER, serial, int(time.time()) if serial > self._opt_outs_serial else 1)
        refusal = converse(self._address, lambda link: offer(link, OFFER_OPT_OUTS, 0, data), 60)
        if serial > self._opt_outs_serial:
            assert refusal is None, refusal
            self._opt_outs_serial = serial

    def _second_player(self) -> None:
        other = self._run(["out=null", "link=none"], "said by another")
        code, text = other.wait(60), (self.folder / "said by another").read_text()
        assert code == 2 and "DirectoryInUse" in text and len(text.splitlines()) == 1, (code, text)

    def _bad_settings(self) -> None:
        word = self.chance.choice(
            ("tier=x", "tier=999", "link=unix:/nowhere/x", "out=wav:/nowhere/x", "pack=/nowhere", "journal=x",
             "colour=red", "voices=1", "publisher_key=" + "11" * 32, "board=" + "x" * 99,
             f"link=unix:{self.folder}/precious")
        )  # fmt: skip
        (self.folder / "precious").write_text("x")
        settings = self.player.folder / "player.json"
        before = settings.read_bytes()
        words = [word, "out=null"] if not word.startswith("out=") else [word]
        if self.chance.random() < 0.3:
            settings.write_bytes(self.chance.randbytes(self.chance.randrange(9000)))
        else:
            words.append("linger=no")
        code = self._run(words).wait(60)
        settings.write_bytes(before)
        text = self.said
        self.lives.append(Life(len(self.lives)))
        assert "Traceback" not in text and (self.folder / "precious").read_text() == "x", text
        # Packs that were sent are played, whatever the settings name.
        sent = word.startswith("pack=") and code == 0
        assert sent or (code == 2 and re.match(r"amos player: \w+: .*(expected|signature)", text.splitlines()[-1])), (
            text
        )
        self.lives[-1].sessions = {int(found) for found in re.findall(r"^playing: session (\d+)", text, re.MULTILINE)}

    def _look_into_the_journal(self) -> None:
        ring = self.player.folder / "journal.ring"
        for command in ("fsck", "inspect") if ring.exists() else ():
            words = [sys.executable, "-m", "amos_tools", "journal", command, str(ring)]
            done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=micropython_environment())
            assert done.returncode in (0, 1, 2) and "Traceback" not in done.stderr, done.stderr
            assert done.returncode != 2 or len(done.stderr.splitlines()) == 1, done.stderr

    # Damage: what the journal held and nobody had receipted may be gone.

    def _damaged(self) -> None:
        for life in self.lives:
            life.may_miss_frames = None

    def _damage_the_journal(self) -> None:
        ring = self.player.folder / "journal.ring"
        if ring.exists():
            data = bytearray(ring.read_bytes())
            for _ in range(self.chance.choice((1, 1, 5))):
                at = self.chance.randrange(len(data))
                size = self.chance.choice((1, 512, 4096, 40_000))
                data[at : at + size] = self.chance.randbytes(len(data[at : at + size]))
            ring.write_bytes(data[: self.chance.choice((len(data), len(data), self.chance.randrange(len(data))))])
            self._damaged()

    def _keep_a_copy(self) -> None:
        ring = self.player.folder / "journal.ring"
        self._image = ring.read_bytes() if ring.exists() else None

    def _older_journal(self) -> None:
        if self._image is not None:
            (self.player.folder / "journal.ring").write_bytes(self._image)
            self._is_older = True
            self._damaged()

    def _no_journal(self) -> None:
        ring = self.player.folder / "journal.ring"
        if ring.exists():
            ring.write_bytes(b"") if self.chance.random() < 0.5 else ring.unlink()
            self._damaged()

    def _damage_small_files(self) -> None:
        """The lease clock, the opt-out list, one of the two words beside the key: empty, garbage or gone."""
        name = self.chance.choice(("time.0", "time.1", "opt-outs.0", "opt-outs.1", "sessions.jsonl"))
        path = self.player.folder / name
        self._spoil(path)
        if name.startswith("opt-outs"):
            self._opt_outs_serial = 1 << 40  # it may hold the one before, or none
        reserved = self.player.folder / f"{self.player.device_id.hex()}.reserved"
        # Where the ring is an older one, what is beside the key is all that tells; a player without either begins anew.
        can_tell = not self._is_older and (self.player.folder / "journal.ring").exists()
        if self.chance.random() < 0.3 and reserved.exists() and can_tell:
            data = bytearray(reserved.read_bytes())
            at = self.chance.choice((0, len(data) // 2)) + self.chance.randrange(40)
            data[at : at + 1] = bytes([data[at] ^ 1])
            # The newer of two words may be the one that goes: a ring as old as that would not be told from it.
            reserved.write_bytes(data)
            self._image = None

    def _damage_packs(self) -> None:
        files = [path for path in (self.player.folder / "packs").rglob("*") if path.is_file()]
        if files and self.chance.random() < 0.8:
            self._spoil(self.chance.choice(sorted(files)))
        else:
            shutil.rmtree(self.player.folder / "packs", ignore_errors=True)
        self._serial = 0

    def _spoil(self, path: Path) -> None:
        how = self.chance.randrange(3)
        if how == 0:
            path.unlink(missing_ok=True)
        elif path.exists():
            path.write_bytes(b"" if how == 1 else self.chance.randbytes(self.chance.randrange(1, 2000)))

    # Checks

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            self._last = ask_status(self._address)
        except DeviceError:
            return False
        return True

    def status(self) -> Status:
        return ask_status(self._address, 60)

    def check_status(self) -> None:
        """The status agrees with itself, with the one before, and with what is delivered."""
        first = self.status()
        for status, before in ((first, self._last), (self.status(), first)):
            assert status.last_receipted < status.next_sequence and status.failed_writes == 0, status.to_map()
            if status.state in (STATE_PLAYING, STATE_PAUSED):
                assert status.output == OUTPUT_OK and status.rate_hz and status.session, status.to_map()
            if status.state == STATE_STOPPED:
                assert status.output == OUTPUT_NONE or not status.frame, status.to_map()
            if before is not None:
                assert status.next_sequence >= before.next_sequence and status.boot == before.boot
                assert (status.session, status.frame) >= (before.session, before.frame)
                assert status.last_receipted >= before.last_receipted and status.uptime_ms >= before.uptime_ms
        self._last = self.status()
        if first.state == STATE_PLAYING:  # then frames come
            wait_until(
                lambda: (
                    (found := self.status()).state != STATE_PLAYING
                    or (found.session, found.frame) > (first.session, first.frame)
                ),
                lambda: f"playing, and nothing delivered: {first.to_map()} {self.said}",
            )
        if any(first.pack):
            serial = self.packs.serial_of(first.pack)
            assert serial >= self._serial, f"went back from pack {self._serial} to {serial}"
            self._serial = serial if first.state == STATE_PLAYING else self._serial

    def check_log(self) -> tuple[int, int]:
        """Bring everything to the ledger, and hold its log against the files; (delivered, counted) frames."""
        if self._process is None:
            self._start()
        for _ in range(3):
            self._end(signal.SIGTERM)
            self._start()
            if not self._carry(lambda: True):
                break
        self._end(signal.SIGKILL)
        counted: dict[int, int] = {}
        for usage in self._log():
            counted[usage.session] = counted.get(usage.session, 0) + usage.delivered_frames
        for life in self.lives[:-1]:
            metered = sum(counted.pop(session, 0) for session in life.sessions)
            missing = life.delivered_frames - metered
            most = life.may_miss_frames
            assert missing >= 0 and (most is None or missing <= most), (life.number, missing, vars(life))
        last = self.lives[-1]
        assert sum(counted.pop(session, 0) for session in last.sessions) <= last.delivered_frames
        assert not counted, f"sessions that nobody heard: {counted}"
        return sum(life.delivered_frames for life in self.lives), sum(usage.delivered_frames for usage in self._log())

    def _log(self) -> list[Usage]:
        """Every segment of the log; numbers rise, what is missing is declared, no frame of a session comes twice."""
        with Folder(self.folder / "ledger").open_store() as store:
            entries = [entry for _index, entry in store.entries(0, store.size())]
            totals = store.totals()
        assert not totals.held and not totals.evidence and not totals.quarantined
        found: list[Usage] = []
        ends: dict[int, int] = {}
        for entry in entries:
            try:
                usage = open_usage(entry, self.player.public_key, crypto.verify)
            except ValueError:
                continue  # an enrolment, a pack
            last = found[-1].sequence if found else 0
            assert usage.sequence > last
            if usage.sequence > last + 1:  # what was lost here may have reached the ledger before
                assert (usage.lost_first or 1 << 64) <= last + 1 and usage.lost_last == usage.sequence - 1
            assert usage.first_frame >= ends.get(usage.session, 0)
            ends[usage.session] = usage.end_frame
            found.append(usage)
        return found

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._ledger.close()

    def _wav(self, number: int) -> Path:
        return self.folder / f"life-{number}.wav"
