"""The venue of the fault sweep: two real players, couriers, a broker behind hostile doors and a ledger, all processes.

`run` is one run: everybody plays, faults happen at drawn moments, then they end, and everything has to come home. Spool
and ledger each have a small disk of their own, where the machine permits mounts, so that it can be full.
"""

import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hostile_broker import HostileBroker, PlayerLine
from mount_namespace import MountNamespace, mount_namespace
from noise_pack import SITE
from patience import Patience, wait_until
from stranger import Stranger
from sweep_judge import judge
from sweep_processes import NotedPlayer, Service, amos_at, make_ledger
from sync_brokers import MosquittoBroker

LASTS_S = 1.3
"""Of a run, before everything is mended."""

DISKS = {"spool": "6m", "ledger": "48m"}
HOME_S, LIES_S = 90, 6

SIGNS = ("set aside", "disk is full", "clock of this machine", "refused a directive", "ignored a message")
"""Words with which couriers say what was done to them."""


_DAY_S = 86_400
CLOCKS_S = [-_DAY_S, -3600, 3600, 2 * _DAY_S]
COURIER_CLOCKS_S = [*CLOCKS_S, -30 * 365 * _DAY_S, 3000 * _DAY_S]


class Venue:
    """`pack` is what plays, `micropython` the start of a command line; each run's faults are drawn from its seed."""

    def __init__(self, folder: Path, mosquitto: list[str], micropython: list[str], pack: Path) -> None:
        self.folder = folder
        self.chance = random.Random(0)
        self.happened: Counter[str] = Counter()
        self.trail: list[str] = []
        self._mosquitto = mosquitto
        self._ends = ExitStack()
        self._mounts = self._open_disks()
        enter = self._mounts.enter if self._mounts is not None else []
        self._broker = MosquittoBroker(mosquitto, folder)
        self._doors = {name: HostileBroker(self._broker.port, self.chance) for name in ("courier", "ledger")}
        socket, line = folder / "bar.sock", folder / "lounge.pty"
        self.players = [
            NotedPlayer(folder, "bar", [sys.executable], f"unix:{socket}", f"unix:{folder / 'bar.line'}"),
            NotedPlayer(folder, "lounge", micropython, f"pty:{line}", f"serial:{line}"),
        ]
        self._line = PlayerLine(folder / "bar.line", socket)
        made = folder / "made"
        self.ledger_folder = make_ledger(made, pack, self.players)
        shutil.copytree(made, self._inside("ledger"), dirs_exist_ok=True)
        self._services = {name: Service(name, folder, enter) for name in ("ledger", "courier", "second")}
        self._start_ledger()
        self._start_courier()
        devices = [player.device_id for player in self.players]
        self.stranger = Stranger(self._broker.port, SITE, devices, self.ledger_folder.public_key, self.chance)

    def close(self) -> None:
        for player in self.players:
            player.end()
        for service in self._services.values():
            service.kill()
        self.stranger.close()
        for door in (*self._doors.values(), self._line):
            door.close()
        self._broker.stop()
        self._ends.close()

    # The whole.

    def run(self, seed: str) -> int:
        """How many segments there are after it. Raises AssertionError with what is wrong."""
        self.chance.seed(seed)
        self.trail = []
        for player in self.players:
            player.start()
        # Nothing is drawn of how long that takes: on a busy machine nobody would play before it is over.
        wait_until(lambda: all(player.has_sealed for player in self.players), self.said)
        chosen = self.chance.sample(list(FAULTS), self.chance.randint(3, 6))
        moments = sorted((self.chance.uniform(0.1, LASTS_S), kind) for kind in chosen)
        began_s = time.monotonic()
        for moment_s, kind in moments:
            self._play_until(began_s + moment_s)
            self.happened[kind] += 1
            self.trail.append(kind)
            FAULTS[kind](self)
        self._play_until(began_s + LASTS_S)
        self._mend()
        self._bring_home()
        self._check_logs()
        segments = judge(self.ledger_folder, self._copied(), self.players)
        assert not self.stranger.directives, "a directive that no operator signed is followed"
        return segments

    def signs(self) -> Counter[str]:
        """That the faults were felt: how often somebody said so, and receipts that players did not take."""
        said = "".join(service.log.read_text(errors="replace") for service in self._services.values() if service.begun)
        found = Counter({words: said.count(words) for words in SIGNS})
        found["receipts refused"] = sum(player.refused() for player in self.players)
        return found

    @property
    def kills(self) -> int:
        """So far, of every kind of process."""
        return (
            sum(player.kills for player in self.players)
            + sum(service.kills for service in self._services.values())
            + self.happened["kill_broker"]
        )

    def _play_until(self, moment_s: float) -> None:
        while time.monotonic() < moment_s:
            for service in self._services.values():
                service.look()
            time.sleep(0.02)

    def _mend(self) -> None:
        """Every fault ends; who is down is started, and the courier anew, which is due to send all that waits."""
        for name in DISKS:
            (self._inside(name) / "ballast").unlink(missing_ok=True)
        self.stranger.withdraw()
        self._services["second"].kill()
        for door in self._doors.values():
            door.calm()
        self._kill("courier")
        self._start_courier()
        if self._ledger_is_off:
            self._kill("ledger")
        if not self._services["ledger"].runs:
            self._start_ledger()

    def _bring_home(self) -> None:
        for player in self.players:
            player.finish()
        patience, again = Patience(HOME_S), Patience(LIES_S)
        while not all(player.is_finished() for player in self.players):
            for service in self._services.values():
                service.look()
            assert patience.lasts(), "not everything came home:\n" + self.said()
            if not again.lasts() and {"forgeries", "garbage"} & set(self.trail):
                # The broker had kept a lie for the courier, which believes a refusal for an hour, or until it starts.
                self._kill("courier")
                self._start_courier()
                again = Patience(LIES_S)
            time.sleep(0.01)

    def said(self) -> str:
        """Of everybody, the end."""
        logs = [
            f"{name}: {service.log.read_text()[-2500:]}"
            for name, service in self._services.items()
            if service.log.exists()
        ]
        return "\n".join([*(player.said() for player in self.players), *logs])

    def _check_logs(self) -> None:
        for service in self._services.values():
            if service.begun:
                said = service.log.read_text(errors="replace")
                assert "Traceback" not in said, f"{service.name}: {said[said.index('Traceback') - 500 :][:4000]}"

    # Disks.

    def _open_disks(self) -> MountNamespace | None:
        for name in DISKS:
            (self.folder / name).mkdir()
        with suppress(pytest.skip.Exception):
            mounts = self._ends.enter_context(mount_namespace())
            for name, size in DISKS.items():
                mounts.run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.folder / name))
            return mounts
        return None

    def _inside(self, name: str) -> Path:
        """The folder as it is reached from here."""
        return self._mounts.path(self.folder / name) if self._mounts is not None else self.folder / name

    def _copied(self) -> Path:
        """The ledger's database as it is at this moment. SQLite does not open it by a path through another namespace:
        it follows symbolic links itself, and would look for the log beside it in this one."""
        copy = self.folder / "copied"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for behind in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(self._inside("ledger") / f"ledger.sqlite{behind}", copy)
        return copy

    def _fill(self, name: str) -> None:
        """But for a few pages."""
        if self._mounts is None:
            return
        with suppress(OSError), (self._inside(name) / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass
        left = self.chance.choice([0, 1, 3, 10]) * 4096
        path = self._inside(name) / "ballast"
        os.truncate(path, max(path.stat().st_size - left, 0))

    # Who runs.

    def _start_ledger(self, offset_s: int = 0) -> None:
        broker = f"--broker=127.0.0.1:{self._doors['ledger'].port}"
        self._ledger_is_off = offset_s != 0
        self._begin("ledger", amos_at(offset_s, "ledger", "serve", str(self.folder / "ledger"), broker))

    def _start_courier(self, offset_s: int = 0, name: str = "courier") -> None:
        """Some check receipts, and some leave it to the players."""
        port = self._doors["courier"].port
        spool = self.folder / ("spool" if name == "courier" else "second-spool")
        words = [f"--site={SITE}", f"--broker=127.0.0.1:{port}", f"--spool={spool}"]
        if self.chance.random() < 0.5:
            words.append(f"--ledger-key={self.ledger_folder.public_key.hex()}")
        bar, lounge = self.players
        addresses = [bar.address, lounge.address] if name == "courier" else [bar.link]
        words += [f"--device={address}" for address in addresses]
        self._begin(name, amos_at(offset_s, "courier", "run", *words))

    def _begin(self, name: str, command: list[str]) -> None:
        self._services[name].command = command
        self._services[name].start()

    def _kill(self, name: str) -> None:
        self._services[name].kill()

    # What happens.

    def kill_courier(self) -> None:
        self._kill("courier")
        time.sleep(self.chance.uniform(0, 0.1))
        self._start_courier()

    def kill_ledger(self) -> None:
        self._kill("ledger")
        time.sleep(self.chance.uniform(0, 0.1))
        self._start_ledger()

    def kill_broker(self) -> None:
        self._broker.stop()
        time.sleep(self.chance.uniform(0, 0.2))
        self._broker = MosquittoBroker(self._mosquitto, self.folder, self._broker.port)

    def kill_player(self) -> None:
        player = self.chance.choice(self.players)
        player.kill()
        player.start()

    def broker_fault(self, **faults: float) -> None:
        for name in self.chance.choice([["courier"], ["ledger"], ["courier", "ledger"]]):
            door = self._doors[name]
            for fault, value in faults.items():
                setattr(door.faults, fault, value)
            if "refuse" in faults:
                door.hang_up()

    def full_disk(self) -> None:
        self._fill(self.chance.choice(["spool", "spool", "ledger"]))

    def corrupt_spool(self) -> None:
        """A card at its end, found at the next start: in the file, and in the log before it, where the newest is."""
        self._kill("courier")
        for path in self._inside("spool").glob("spool.sqlite*"):
            if self.chance.random() < 0.8 and not path.name.endswith("-shm"):
                self._damage(path)
        self._start_courier()

    def _damage(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        page = self.chance.randrange(len(data) // 4096 + 1) * 4096
        how = self.chance.choice(["bits", "cut", "page", "gone"])
        if how == "bits" and data:
            for _ in range(self.chance.randint(1, 40)):
                data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        elif how == "cut":
            del data[self.chance.randrange(len(data) + 1) :]
        elif how == "page":
            data[page : page + 4096] = bytes(len(data[page : page + 4096]))
        elif how == "gone":
            return path.unlink()
        with suppress(OSError):  # the disk may be full
            path.write_bytes(data)

    def wrong_clock(self) -> None:
        who = self.chance.choice(["courier", "courier", "ledger", "player"])
        if who == "player":
            self.players[0].kill()
            return self.players[0].start(self.chance.choice(CLOCKS_S))
        self._kill(who)
        if who == "ledger":
            return self._start_ledger(self.chance.choice(CLOCKS_S))
        self._start_courier(self.chance.choice(COURIER_CLOCKS_S))

    def unplug(self) -> None:
        """In the middle of a frame, and again."""
        for _ in range(self.chance.randint(1, 3)):
            self._line.unplug(self.chance.randint(1, 2000))
            time.sleep(0.1)

    def two_couriers(self) -> None:
        self._start_courier(name="second")

    def forgeries(self) -> None:
        self.stranger.forges = True
        self.stranger.order()


FAULTS: dict[str, Callable[[Venue], None]] = {
    "kill_courier": Venue.kill_courier,
    "kill_broker": Venue.kill_broker,
    "kill_player": Venue.kill_player,
    "kill_ledger": Venue.kill_ledger,
    "refuse": lambda venue: venue.broker_fault(refuse=0.6),
    "drop": lambda venue: venue.broker_fault(drop=0.3, swallow=0.3),
    "delay": lambda venue: venue.broker_fault(delay=0.3),
    "duplicate": lambda venue: venue.broker_fault(duplicate=0.4),
    "reorder": lambda venue: venue.broker_fault(reorder=0.4),
    "tear": lambda venue: venue.broker_fault(tear=0.1),
    "full_disk": Venue.full_disk,
    "corrupt_spool": Venue.corrupt_spool,
    "wrong_clock": Venue.wrong_clock,
    "unplug": Venue.unplug,
    "two_couriers": Venue.two_couriers,
    "forgeries": Venue.forgeries,
    "garbage": lambda venue: venue.stranger.garbage(),
}
