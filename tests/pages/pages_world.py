"""A ledger with two players, one in quarantine and one that has left a hole, and its pages on a thread."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from patience import wait_until
from selenium.webdriver import Chrome
from settled_world import World, play_november, unix_s
from visitors import NoScript

from amos.protocol.answer import FORK, GAP, QUARANTINED
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_ledger.store.store import Store
from amos_tools.pages import looking
from amos_tools.pages.serve import people_of, serving_pages

RECEIVED = unix_s(2026, 11, 7)
BAR, HELD = 0, 1


class PagesWorld:
    """`url` is where the pages are; `ledger` is the small world behind them; `desk` the folder of one that
    signs."""

    def __init__(self, folder: Path, desk: Path | None = None) -> None:
        self.desk = desk
        self.ledger = World(folder / "ledger")
        self.said: list[str] = []
        self._open = ExitStack()
        play_november(self.ledger)
        player = self.ledger.players[HELD]
        player.play([(0, 48_000)], None)  # which nobody sends
        assert self.ledger.send(HELD, player.play([(0, 48_000)], None), RECEIVED) == [GAP]
        forger = self.ledger.players[BAR]
        forked = dict(vars(forger))
        forger.play([(0, 44_100)], None)
        vars(forger).update(forked, sequence=forger.sequence - 2, end_frame=forger.end_frame - 5)
        assert self.ledger.send(BAR, forger.play([(0, 5)], None), RECEIVED) == [FORK]
        assert self.ledger.send(BAR, forger.play([(0, 5)], None), RECEIVED) == [QUARANTINED]
        hour_ms, begun_ms = 3_600_000, unix_s(2026, 11, 5, 20) * 1000
        with self.ledger.folder.open_store() as store, store.transaction():
            rows = [index for index, segment in _usage(store) if segment.device_id == forger.device]
            for index, at_ms in zip(rows, (0, hour_ms, 24 * hour_ms), strict=True):
                store.date(index, (begun_ms + at_ms, begun_ms + at_ms + hour_ms // 2))

    def __enter__(self) -> "PagesWorld":
        known = self.ledger.folder, self.state, None, self.said.append, self.desk
        serving = serving_pages("127.0.0.1:0", ["ledger.local"], *known)
        self.served = self._open.enter_context(serving)
        self.url = f"http://127.0.0.1:{self.served.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def state(self) -> Path:
        return self.path / "watch.json"

    @property
    def path(self) -> Path:
        return self.ledger.folder.path

    def sees_tags(self) -> None:
        """The pages look at the desk's file of tags now, as a thread of theirs does every now and then."""
        self.served._looking.look_at_tags()

    def device_id(self, number: int) -> str:
        return self.ledger.players[number].device.hex()

    def code(self, role: str, name: str | None = None, payee: str | None = None) -> str:
        """Of a one-time link."""
        return people_of(self.path).invite(name or role, role, payee)

    def visitor(self, role: str, name: str | None = None, payee: str | None = None) -> tuple[NoScript, str]:
        """Somebody in that role without script, and the secret of their forms."""
        someone = NoScript(self.url)
        status, page = someone.post("/signin", code=self.code(role, name, payee))
        assert status == 200, page
        (secret,) = set(re.findall(r'name="secret" value="([0-9a-f]{64})"', page))
        return someone, secret

    def sign_in(self, browser: Chrome, role: str, payee: str | None = None) -> None:
        """By the link, as a browser opens it."""
        browser.delete_all_cookies()
        browser.get("about:blank")
        browser.get(f"{self.url}/signin#{self.code(role, None, payee)}")
        script = "const f = document.getElementById('code'); if (f.value) f.form.submit(); return Boolean(f.value)"
        wait_until(lambda: browser.execute_script(script), lambda: browser.page_source)
        wait_until(lambda: "/signin" not in browser.current_url, lambda: browser.page_source)


def _usage(store: Store) -> Iterator[tuple[int, Any]]:
    """(leaf index, payload) of each accepted segment."""
    for index, entry in store.entries(0, store.size()):
        with suppress(ProtocolError):
            yield index, Usage.decode(parse_typed(entry, TYP_USAGE, SEGMENT_BYTES_MAX).payload)


def rows_of(page: str) -> list[list[str]]:
    """The cells of a page's tables, by row, without their tags."""
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def looked_again(monkeypatch: Any) -> None:
    """The pages' threads look often."""
    monkeypatch.setattr(looking, "LOOK_S_MIN", 0.05)
