"""One round: look, tell what is new, remember that it was told."""

from collections.abc import Callable, Sequence
from pathlib import Path

from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.totals import Watched
from amos_ledger.watch.channels import Channel
from amos_ledger.watch.conditions import Rules, conditions
from amos_ledger.watch.state_file import locked, read_state, write_state


class Watcher:
    """`round` as often as one likes. A channel that fails, a ledger that cannot be read, or a state that cannot be
    kept, is told to the log once."""

    def __init__(
        self, folder: Path, state: Path, rules: Rules, channels: Sequence[Channel], report: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._state = state
        self._rules = rules
        self._channels = channels
        self._report = report
        self._packs: dict[int, bytes] = {}
        self._failed: dict[str, str] = {}

    def round(self, now_s: int) -> bool:
        """Whether everything that is to be told was told."""
        devices = self._watched()
        if devices is None:
            return False
        try:
            with locked(self._state):
                fine = self._tell(devices, now_s)
        except OSError as error:  # nothing is told that is not remembered, or it would be told each minute
            self._note("state", f"cannot keep what was told: {' '.join(str(error).split())}")
            return False
        self._note("state", None)
        return fine

    def _tell(self, devices: Sequence[Watched], now_s: int) -> bool:
        fine = True
        alerts = read_state(self._state)
        alerts.forget_channels(channel.name for channel in self._channels)
        alerts.look(conditions(devices, self._rules, now_s), now_s)
        write_state(self._state, alerts)
        for channel in self._channels:
            news = alerts.news(channel.name, now_s)
            if not news:
                continue
            try:
                channel.tell(news)
            except (OSError, ValueError) as error:
                self._note(channel.name, f"cannot tell by {channel.name}: {' '.join(str(error).split())}")
                fine = False
                continue
            self._note(channel.name, None)
            alerts.told(channel.name, news)
            write_state(self._state, alerts)
        return fine

    def _watched(self) -> list[Watched] | None:
        try:
            with Folder(self._folder).open_store_to_read() as store:
                devices = store.watched(self._packs)
        except (OSError, *DATABASE_ERRORS, LedgerError) as error:
            self._note("ledger", f"cannot read the ledger: {' '.join(str(error).split())}")
            return None
        self._note("ledger", None)
        return devices

    def _note(self, subject: str, sentence: str | None) -> None:
        before = self._failed.pop(subject, None)
        if sentence is not None:
            self._failed[subject] = sentence
            if sentence != before:
                self._report(sentence)
        elif before is not None:
            self._report(f"{subject}: works again")
