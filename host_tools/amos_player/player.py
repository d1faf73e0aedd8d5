"""A player on a thread of its own, and what a program tells it.

The player's loop is one thread's alone. What others want of it waits in a queue until the loop has let a block sound,
which takes less than 100 ms; it is then told the player just as over its link, within what the setting `staff` allows.
"""

import json
import logging
import queue
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from amos.app import Player as Firmware
from amos.config import CONFIG_BYTES_MAX, Config
from amos.edges.address import AddressError
from amos.edges.key_files import KeyFault
from amos.edges.private_host import make_private_folders
from amos.journal.errors import JournalError
from amos.protocol.errors import ProtocolError
from amos.settings import NO_PACK, ConfigError, Settings
from amos_inputs.vocabulary import ScoreVocabulary
from amos_inputs.words import GIVEN_KINDS, PLAIN_KINDS, InputWordError, kind_value
from amos_player.errors import PlayerError
from amos_player.facts import Event, Now, changes, stopped
from amos_player.output import OUT, Audio, CallbackSink
from amos_player.seen import seen
from amos_player.works import works_of

logger = logging.getLogger("amos_player")

EVENTS_MAX = 256
"""That wait for a reader; of one that is slower the oldest are dropped."""
ACTS_MAX = 64
"""That wait for the player's loop."""
ANSWER_S = 10.0
"""A loop that has not turned for so long has an output or a disk that hangs."""

_FAULTS = (ConfigError, AddressError, KeyFault, JournalError, ProtocolError, OSError)


class Player:
    """A player whose key and journal are in the folder `directory`, which is made if it is not there.

    `settings` are those of `amos device prepare --setting` (host_tools/amos_tools/device/PLAYERS.md), over those of the
    folder's `player.json` where there is one: `pack` (a folder), `publisher_key` and `ledger_key` (64 hex digits) at
    least. `audio`, where it is given, takes the music (`output.Audio`); else `out` says where it goes, `alsa:default`
    unless told.

    Everything here may be called on any thread. Raises `PlayerError`, which is all that it ever raises.
    """

    def __init__(self, directory: str | Path, *, audio: Audio | None = None, **settings: object):
        self._directory = Path(directory)
        self._audio = audio
        self._given = settings
        self._acts: queue.Queue[tuple[Callable[[], object], Future[object]]] = queue.Queue(ACTS_MAX)
        self._events: queue.Queue[Event | None] = queue.Queue(EVENTS_MAX)
        self._now = Now("stopped", "")
        self._firmware: Firmware | None = None
        self._thread: threading.Thread | None = None
        self._works: dict[bytes, tuple[str, str]] = {}
        self._fault: str | None = None

    def start(self) -> "Player":
        """Begin to play. Raises `PlayerError` for a setting, a key, a pack or an output that is refused."""
        if self._thread is not None:
            raise PlayerError("expected a player that was not started, found one that was; make another")
        try:
            make_private_folders(self._directory)
            config = self._config()
            self._works = {} if config.pack == NO_PACK else works_of(Path(config.pack), config.publisher_key)
            self._firmware = Firmware(config, say=logger.info, heartbeat=self._turned)
        except _FAULTS as error:
            raise PlayerError(f"{type(error).__name__}: {error}") from error
        self._thread = threading.Thread(target=self._run, name="amos player", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Let the block in hand sound, seal what was played, and end; once more does nothing. Raises `PlayerError` when
        the player had ended by itself because something was wrong."""
        if self._firmware is None or self._thread is None:
            return
        self._firmware.stop()
        if threading.current_thread() is not self._thread:
            self._thread.join()
            if self._fault is not None:
                raise PlayerError(self._fault)

    def __enter__(self) -> "Player":
        return self if self._thread is not None else self.start()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self.stop()
        except PlayerError:
            if error is None:
                raise

    @property
    def now(self) -> Now:
        """What it does at this moment, at most a block (less than 100 ms) ago."""
        return self._now

    def events(self) -> Iterator[Event]:
        """Each change as it comes, until the player ends. For one reader; what nobody has read waits, up to
        `EVENTS_MAX`, and then the oldest give way."""
        while (event := self._events.get()) is not None:
            yield event
        self._events.put(None)  # for whoever asks once more

    def volume(self, decibels: float) -> None:
        """-60 to 0 dB; it lasts over restarts."""
        self._tell("volume", _number(decibels))

    def pause(self) -> None:
        """Everything fades within a beat, and nothing is counted until `resume`."""
        self._tell("pause", None)

    def resume(self) -> None:
        """The section begins again."""
        self._tell("resume", None)

    def skip(self) -> None:
        """Leave the section; the script draws the one that follows."""
        self._tell("skip", None)

    def like(self, stem: int = 0) -> None:
        """A stem by its number, if it sounds, or with 0 all that sound; what it does is the script's `on like`."""
        self._tell("like", stem)

    def dislike(self, stem: int = 0) -> None:
        """As `like`; a script may swap the stem, or not play it again."""
        self._tell("dislike", stem)

    def shuffle(self, stem: int = 0) -> None:
        """As `like`."""
        self._tell("shuffle", stem)

    def announce(self, name: str) -> None:
        """Make the announcement of that name."""
        self._tell("announce", name)

    def slider(self, name: str, value: float) -> None:
        """Set a slider of the script to a value in its own units."""
        if name in (*PLAIN_KINDS, *GIVEN_KINDS, "volume"):
            raise PlayerError(f"slider: expected the name of a slider, found {name!r}, which has a method of its own")
        self._tell(name, _number(value))

    def _tell(self, kind: str, value: int | Decimal | str | None) -> None:
        """Have the loop take an input. Raises `PlayerError` with the player's own sentence if it refuses."""
        firmware = self._firmware
        if firmware is None or self._thread is None or not self._thread.is_alive():
            raise PlayerError(f"{kind}: expected a player that runs, found none; start it")

        def act() -> None:
            session = firmware.device.player_state.session
            if session is None:
                raise PlayerError(f"{kind}: expected while music plays; {self._now.text or self._now.state}")
            try:
                found, told = kind_value(kind, value, ScoreVocabulary(session.score), GIVEN_KINDS)
                firmware.device.input(secrets.token_bytes(32), found, told)
            except (InputWordError, ProtocolError) as error:
                raise PlayerError(str(error)) from error

        if threading.current_thread() is self._thread:
            return act()
        done: Future[object] = Future()
        try:
            self._acts.put((act, done), timeout=ANSWER_S)
            if not self._thread.is_alive():
                self._refuse_acts()
            done.result(ANSWER_S)
        except (queue.Full, TooLate):
            done.cancel()
            raise PlayerError(f"{kind}: expected an answer within {ANSWER_S:.0f} s; does its output hang?") from None

    def _config(self) -> Settings:
        """Raises `ConfigError`, OSError."""
        kept = self._kept()
        settings: dict[str, Any] = {"out": "alsa:default", **kept, **self._given}
        # Without a link nobody would come to a player that waits after its play.
        settings.setdefault("linger", "forever" if settings.get("link", "none") != "none" else "no")
        if self._audio is not None:
            settings["out"] = OUT
        config = Config(str(self._directory), settings).alone()
        if self._audio is not None:
            audio = self._audio
            config.open_output = lambda rate_hz: CallbackSink(audio, rate_hz)
        return config

    def _kept(self) -> Mapping[str, Any]:
        path = self._directory / "player.json"
        if not path.exists():
            return {}
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(CONFIG_BYTES_MAX + 1)[:CONFIG_BYTES_MAX])
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ConfigError(f"{path}: expected a JSON object of at most {CONFIG_BYTES_MAX} bytes")
        return found

    def _run(self) -> None:
        firmware, fault = self._firmware, None
        assert firmware is not None
        try:
            firmware.run()
            if firmware.refused:
                fault = firmware.device.player_state.text
        except _FAULTS as error:
            fault = f"{type(error).__name__}: {error}"
        except Exception as error:
            logger.exception("the player ended")
            fault = f"{type(error).__name__}: {error}"
        firmware.hang_up()
        self._fault = fault
        self._note(stopped(self._now, fault))
        self._put(None)
        self._refuse_acts()

    def _refuse_acts(self) -> None:
        """Nobody does any more what waits."""
        with suppress(queue.Empty):
            while True:
                done = self._acts.get_nowait()[1]
                if done.set_running_or_notify_cancel():
                    done.set_exception(PlayerError("expected a player that runs, found one that ended"))

    def _turned(self) -> None:
        """The loop let frames sound, or idled: do what waits, and see what has changed."""
        while not self._acts.empty():
            act, done = self._acts.get_nowait()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                act()
                done.set_result(None)
            except Exception as error:  # the loop plays on, whatever somebody asks of it
                done.set_exception(error)
        if self._firmware is not None:
            self._note(seen(self._firmware, self._works))

    def _note(self, now: Now) -> None:
        before, self._now = self._now, now
        for event in changes(before, now):
            self._put(event)

    def _put(self, event: Event | None) -> None:
        while True:
            try:
                return self._events.put_nowait(event)
            except queue.Full:
                try:
                    self._events.get_nowait()
                except queue.Empty:
                    continue


def _number(value: float) -> Decimal | int:
    """As the words of inputs take it. Raises `PlayerError`."""
    try:
        return value if isinstance(value, int) and not isinstance(value, bool) else Decimal(str(value))
    except ArithmeticError:
        raise PlayerError(f"value: expected a number, found {str(value)[:40]!r}") from None
