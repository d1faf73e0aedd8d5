"""The payee's walk in a browser: with two clicks a stem is withdrawn; a real player that is connected falls silent on
it, as its WAV and its signed log say; the frozen balance is seen at once, and the statement is verified in the page."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from browser import Page
from noise_pack import OPERATOR, PUBLISHER, RATE_HZ, SITE, enrolment_of, prepare_player
from patience import wait_until
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from amos import crypto
from amos.packs.folder import open_pack
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.delegated import Delegation
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import FLAG_OPT_OUT, Usage
from amos.protocol.signing import sign_delegation
from amos_ledger import registry
from amos_ledger.delegated import made_key, take_delegation
from amos_ledger.folder import Folder, init_folder
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement.periods import period_at
from amos_tools.demo.broker import start_broker
from amos_tools.demo.processes import Processes, amos_command
from amos_tools.pack import build_pack
from amos_tools.pages.serve import people_of, serving_pages
from amos_tools.script import compile_script
from amos_tools.vault import Vault, parse_facts

SEED = b"w" * 32
LOW_HZ, HIGH_HZ = 220, 880
LOUD = 0.02
SCRIPT = """
experience "two voices" seed device
clock 22050 tempo 160 meter 4/4 key A minor
mix target -20 LUFS peak -1 dBTP voices 6
pool both = stems where role pads
section always 2 bars
  play pads from both count 2 fade 1 beat
"""


def a_pack(folder: Path) -> Path:
    """Two tones that always sound together: Ann's is low, Bob's is high."""
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    with Vault.init(folder / "vault", rate_hz=RATE_HZ) as vault:
        for artist, tone_hz in (("ann", LOW_HZ), ("bob", HIGH_HZ)):
            samples = (9000 * np.sin(2 * np.pi * tone_hz * seconds)).astype("int16").reshape(-1, 1)
            told = {"title": f"of {artist}", "artist": artist, "splits": f"{artist}=1000000", "role": "pads"}
            vault.import_samples(samples, parse_facts("tone", told | {"opt_in": "yes"}))
        terms = {"publisher_seed": PUBLISHER, "serial": 1, "board_class": "any", "lease_end_unix_s": 2_000_000_000}
        build_pack(compile_script(SCRIPT, vault.stems()), vault, folder / "pack", **terms)  # type: ignore[arg-type]
    return folder / "pack"


class Walk:
    """A ledger, a broker, a courier and a player, all of them processes."""

    def __init__(self, path: Path) -> None:
        self.path, self.pack = path, a_pack(path)
        publisher = crypto.public_key(PUBLISHER)
        self.folder = init_folder(path / "ledger", "walk.example/amos", crypto.public_key(OPERATOR), publisher)
        with self.folder.open_store() as store:
            registry.add_pack(self.folder, store, *registry.read_pack(self.pack))
            registry.enrol(self.folder, store, enrolment_of(SEED, "bar"))
        opened = open_pack(str(self.pack), publisher, crypto.verify)
        self.stems = [stem.stem_id for stem in opened.manifest.stems]
        opened.close()
        now_s = int(time.time())
        keys = {"key": made_key(self.folder), "ledger": self.folder.public_key}
        facts = {"since_unix_s": now_s - 9, "until_unix_s": now_s + 86_400, **keys}
        made = Delegation(version=1, serial=1, ids=b"".join(sorted(self.stems)), **facts)
        sign = sign_delegation(made, crypto.key_id(publisher), lambda message: crypto.sign(PUBLISHER, message))
        take_delegation(self.folder, sign, now_s)
        with self.folder.open_store() as store:
            self.anns = next(stem_id.hex() for stem_id in self.stems if _payee(self.folder, store, stem_id) == "ann")

    @property
    def index(self) -> int:
        """Of Ann's stem in the pack."""
        return self.stems.index(bytes.fromhex(self.anns))

    @contextmanager
    def playing(self, processes: Processes, number: int) -> Iterator[Path]:
        """The player in real time; the WAV that it writes."""
        wav = self.path / f"out-{number}.wav"
        more = {"out": f"wav:{wav}", "pace": "clocked", "linger": "receipted", "minutes": 0, "link": self.link}
        prepare_player(self.path / "player", SEED, self.pack, self.folder.public_key, more)
        player = processes.start("player", amos_command("player", str(self.path / "player")), signal.SIGINT)
        try:
            yield wav
        finally:
            player.stop()

    @property
    def link(self) -> str:
        return f"unix:{self.path}/l.sock"

    def serve(self, processes: Processes) -> None:
        kind, port = start_broker(processes, self.path / "broker")
        address = f"--broker=127.0.0.1:{port}"
        processes.start("ledger", amos_command("ledger", "serve", str(self.folder.path), address))
        words = ["courier", "run", f"--site={SITE}", address, f"--spool={self.path / 'spool'}", f"--device={self.link}"]
        words += ["--mqtt-version=3.1.1"] if kind == "amqtt" else []
        processes.start("courier", amos_command(*words, f"--ledger-key={self.folder.public_key.hex()}"))

    def usages(self) -> list[Any]:
        """What the log has of the player."""
        found = []
        with Folder(self.folder.path).open_store_to_read() as store:
            for _index, entry in store.entries(0, store.size()):
                try:
                    found.append(Usage.decode(parse_typed(entry, TYP_USAGE, SEGMENT_BYTES_MAX).payload))
                except ProtocolError:
                    continue
        return found


def _payee(folder: Folder, store: Any, stem_id: bytes) -> str:
    from amos_ledger.delegated import works_of

    return next(payee for payee in ("ann", "bob") if any(work.stem_id == stem_id for work in works_of(store, payee)))


def heard(wav: Path) -> np.ndarray:
    """What is in the file so far, one channel of floats."""
    data = wav.read_bytes()[44:] if wav.exists() else b""
    samples = np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2)
    return samples[:, 0] / 32768


def level(samples: np.ndarray, tone_hz: float) -> float:
    """How loud that tone is."""
    turns = np.exp(-2j * np.pi * tone_hz * np.arange(len(samples)) / RATE_HZ)
    return float(np.abs(np.mean(samples * turns))) * 2


def levels(samples: np.ndarray, tone_hz: float) -> list[float]:
    """The same by tenth of a second."""
    step = RATE_HZ // 10
    return [level(samples[at : at + step], tone_hz) for at in range(0, len(samples) - step, step)]


def test_two_clicks_and_the_stem_is_silent_frozen_and_verified(tmp_path: Path, phone: Chrome) -> None:
    walk = Walk(tmp_path)
    (tmp_path / "logs").mkdir()
    said: list[str] = []
    with (
        Processes(tmp_path / "logs") as processes,
        serving_pages("127.0.0.1:0", [], walk.folder, tmp_path / "watch.json", None, said.append) as pages,
    ):
        walk.serve(processes)
        # 1. Both stems sound for a while. What was sealed at the end is fetched when the player is there again.
        with walk.playing(processes, 1) as wav:
            wait_until(lambda: len(heard(wav)) > 3 * RATE_HZ, lambda: logs(tmp_path), 0.1)
        with walk.playing(processes, 2) as wav:
            wait_until(lambda: len(walk.usages()) == 1, lambda: logs(tmp_path), 0.1)
            settled = settle_period(walk.folder, period_at(int(time.time())), 1_000_000_000, "EUR")
            earned = dict(zip(settled.closed.result.payees, settled.closed.result.amounts, strict=True))
            # 2. They sound again; Ann opens her page, and needs two clicks.
            wait_until(lambda: loud(heard(wav)[-RATE_HZ:]) == (True, True), lambda: logs(tmp_path), 0.1)
            sign_in(phone, f"http://127.0.0.1:{pages.port}", people_of(walk.folder.path).invite("Ann", "payee", "ann"))
            phone.find_element(By.LINK_TEXT, "of ann").click()
            wait_until(
                lambda: phone.find_elements(By.CSS_SELECTOR, "button[value=withdraw]"), lambda: phone.page_source
            )
            clicked_frame, clicked_s = len(heard(wav)), time.monotonic()
            phone.find_element(By.CSS_SELECTOR, "button[value=withdraw]").click()
            # 3. It is silent in the WAV, and the other plays on.
            wait_until(lambda: loud(heard(wav)[-RATE_HZ // 2 :]) == (False, True), lambda: logs(tmp_path), 0.05)
            took_s = time.monotonic() - clicked_s
            wait_until(lambda: phone.find_elements(By.CSS_SELECTOR, "button[value='bring back']"), "the page says so")
            page = phone.find_element(By.TAG_NAME, "main").text
            assert "Frozen: what it earned until then" in page and f"{earned['ann'] / 1e6:.6f} EUR" in page
            found = heard(wav)
            last = max(at for at, loudness in enumerate(levels(found, LOW_HZ)) if loudness > LOUD) / 10 + 0.1
            print(
                f"silent in the WAV {last - clicked_frame / RATE_HZ:.1f} s after the click, seen after {took_s:.1f} s"
            )
            wait_until(lambda: len(heard(wav)) > len(found) + RATE_HZ, "it plays on")
            assert not [loudness for loudness in levels(heard(wav)[int(last * RATE_HZ) :], LOW_HZ) if loudness > LOUD]
        # 4. The signed log says why.
        with walk.playing(processes, 3):
            wait_until(lambda: len(walk.usages()) == 2, lambda: logs(tmp_path), 0.1)
        rows = [row for row in walk.usages()[1].rows() if row[0] == walk.index]
        assert rows and rows[-1][3] & FLAG_OPT_OUT and not any(row[3] & FLAG_OPT_OUT for row in rows[:-1])
        assert said[-1] == f"Ann withdrew stem {walk.anns} for ann"
        # 5. Her statement verifies in the page.
        phone.get(f"http://127.0.0.1:{pages.port}/payee/check")
        checking = object.__new__(Page)
        checking.browser = phone
        wait_until(lambda: phone.find_element(By.TAG_NAME, "body").get_attribute("data-ready"), "the page is ready")
        assert checking.check(settled.statements["ann"]).state == "yes"


def loud(samples: np.ndarray) -> tuple[bool, bool]:
    """Whether Ann's tone and Bob's are heard."""
    if len(samples) < RATE_HZ // 10:
        return False, False
    return level(samples, LOW_HZ) > LOUD, level(samples, HIGH_HZ) > LOUD


def sign_in(browser: Chrome, url: str, code: str) -> None:
    browser.delete_all_cookies()
    browser.get("about:blank")
    browser.get(f"{url}/signin#{code}")
    script = "const f = document.getElementById('code'); if (f.value) f.form.submit(); return Boolean(f.value)"
    wait_until(lambda: browser.execute_script(script), lambda: browser.page_source)
    wait_until(lambda: browser.find_elements(By.LINK_TEXT, "of ann"), lambda: browser.page_source)


def logs(path: Path) -> str:
    return "\n".join(f"{file.name}: {file.read_text()[-2000:]}" for file in (path / "logs").glob("*.log"))
