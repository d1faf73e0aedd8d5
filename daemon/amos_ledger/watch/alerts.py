"""What was told of what is wrong, to whom, and what is to be told next. Pure: time is passed in.

An alert is told once to each channel; that it is over, only to those that were told of it. While it is snoozed it is
not told; when the snooze ends and it is still so, it is told once more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from amos_ledger.watch.conditions import Condition


@dataclass
class Alert:
    """One thing that is or was wrong; `told` are the channels that know, `over` whether it is so no more."""

    key: str
    sentence: str
    since_unix_s: int
    told: set[str] = field(default_factory=set)
    snoozed_until_unix_s: int = 0
    over: bool = False


@dataclass(frozen=True)
class News:
    """What one channel is to be told."""

    alerts: list[Alert]
    recoveries: list[Alert]

    def __bool__(self) -> bool:
        return bool(self.alerts or self.recoveries)


class Alerts:
    """All of them, by key."""

    def __init__(self, alerts: Iterable[Alert] = ()) -> None:
        self.by_key = {alert.key: alert for alert in alerts}

    def look(self, found: Iterable[Condition], now_s: int) -> None:
        """Take in what is wrong at this moment."""
        present = {condition.key: condition for condition in found}
        for key, condition in present.items():
            alert = self.by_key.get(key)
            if alert is None:
                self.by_key[key] = Alert(key, condition.sentence, now_s)
                continue
            if alert.over:  # wrong again before everybody was told that it was over: it never was
                alert.over = False
            alert.sentence = condition.sentence
            if alert.snoozed_until_unix_s and now_s >= alert.snoozed_until_unix_s:
                alert.snoozed_until_unix_s = 0
                alert.told.clear()
        for key in [key for key in self.by_key if key not in present]:
            self.by_key[key].over = True
            self._forget_if_done(key)

    def news(self, channel: str, now_s: int) -> News:
        """What this channel does not know yet."""
        alerts, recoveries = [], []
        for alert in self.by_key.values():
            if alert.over:
                if channel in alert.told:
                    recoveries.append(alert)
            elif channel not in alert.told and now_s >= alert.snoozed_until_unix_s:
                alerts.append(alert)
        return News(alerts, recoveries)

    def told(self, channel: str, news: News) -> None:
        """The channel has taken it."""
        for alert in news.alerts:
            alert.told.add(channel)
        for alert in news.recoveries:
            alert.told.discard(channel)
            self._forget_if_done(alert.key)

    def forget_channels(self, channels: Iterable[str]) -> None:
        """Those that are not among these are there no more, and are owed nothing."""
        kept = set(channels)
        for alert in self.by_key.values():
            alert.told &= kept

    def snooze(self, key: str, until_unix_s: int) -> Alert | None:
        """Do not tell it before then; None: there is none whose key begins so, or more than one."""
        found = [alert for each, alert in self.by_key.items() if each.startswith(key) and not alert.over]
        if len(found) != 1:
            return None
        found[0].snoozed_until_unix_s = until_unix_s
        return found[0]

    def facts(self) -> list[dict[str, Any]]:
        """As data, oldest first; `of_facts` reads it."""
        rows = sorted(self.by_key.values(), key=lambda alert: (alert.since_unix_s, alert.key))
        return [vars(alert) | {"told": sorted(alert.told)} for alert in rows]

    @classmethod
    def of_facts(cls, rows: Any) -> "Alerts":
        """Raises `ValueError`, `TypeError` or `KeyError` for what `facts` did not make."""
        made = []
        for row in rows:
            key, sentence, told = str(row["key"]), str(row["sentence"]), {str(channel) for channel in row["told"]}
            made.append(
                Alert(
                    key, sentence, int(row["since_unix_s"]), told, int(row["snoozed_until_unix_s"]), bool(row["over"])
                )
            )
        return cls(made)

    def _forget_if_done(self, key: str) -> None:
        if self.by_key[key].over and not self.by_key[key].told:
            del self.by_key[key]
