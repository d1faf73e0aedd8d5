"""Addresses are understood or refused at the start with what to write; a password is repeated nowhere."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mosquitto_process import mosquitto_with
from patience import wait_until

from amos import crypto
from amos_mqtt.address import AddressError, host_and_port
from amos_sync.addresses import packs_address, player_address
from amos_sync.errors import SettingError

SECRET = "correct-horse"
LONG = "/run/" + "p" * 120


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("mqtt://host:1883", "found the URL 'mqtt://host:1883'; write host:1883"),
        ("mqtts://host:8883/", "write host:8883, with --tls-ca FILE"),
        ("tcp://", "write HOST"),
        (f"user:{SECRET}@host", "without a name and a password, which others see in the list of processes"),
        (f"mqtt://user:{SECRET}@host:1883", "found '...@host:1883'"),
        (f"user@{SECRET}@host", "found '...@host'"),
        ("/run/mosquitto.sock", "found a path"),
        ("host/x", "found a path"),
        ("unix:/run/mosquitto.sock", "found a path"),
        ("ho st", "a host's name has letters"),
        ("ho\0st", "a host's name has letters"),
        ("h" * 300, "a host's name has letters"),
        ("host:0", "expected HOST or HOST:PORT"),
        ("", "expected HOST or HOST:PORT"),
    ],
)
def test_what_is_no_host(text: str, advice: str) -> None:
    with pytest.raises(AddressError) as refused:
        host_and_port(text, 1883)
    assert advice in str(refused.value) and SECRET not in str(refused.value)
    assert len(str(refused.value)) < 400 and str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("unix:/run/amos/p.sock", "unix:/run/amos/p.sock"),
        (" unix:/run/amos/p.sock\n", "unix:/run/amos/p.sock"),
        ("unix:///run/amos/p.sock", "unix:/run/amos/p.sock"),
        ("unix:" + LONG[:107], "unix:" + LONG[:107]),
        ("serial:/dev/" + "t" * 200, "serial:/dev/" + "t" * 200),
    ],
)
def test_addresses_of_players(text: str, found: str) -> None:
    assert player_address(text) == found


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("/run/amos/p.sock", "write unix:/run/amos/p.sock"),
        ("/dev/ttyACM0", "write serial:/dev/ttyACM0"),
        ("file:///dev/ttyACM0", "expected unix:/path/to.sock or serial:/dev/ttyACM0"),
        (f"tcp://user:{SECRET}@host:9", "device '...@host:9'"),
        ("unix: /run/p", "without spaces around the path"),
        ("unix:/run/\0", "without control characters"),
        ("unix://run/p.sock", "with one / before the path"),
        ("unix:", "expected unix:/path/to.sock"),
        ("unix:" + LONG, "a socket's path has at most 107 bytes, and this one has 125"),
        ("unix:/" + "é" * 60, "and this one has 121"),
    ],
)
def test_what_is_no_player(text: str, advice: str) -> None:
    with pytest.raises(SettingError) as refused:
        player_address(text)
    assert advice in str(refused.value) and SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("packs", Path("packs")),
        (" /srv/packs ", Path("/srv/packs")),
        ("file:///srv/my%20packs", Path("/srv/my packs")),
        ("file://localhost/srv", Path("/srv")),
        ("https://x.example/pack/", "https://x.example/pack/"),
        ("HTTP://[2001:db8::1]:80/pack", "HTTP://[2001:db8::1]:80/pack"),
    ],
)
def test_places_of_packs(text: str, found: object) -> None:
    assert packs_address(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "ftp://x.example/pack", "s3://bucket", "file://other/srv", "http://", "https://x:port/p", "http://x/a b"),
        *("https://x/p?token=1", "https://x/p#f", f"https://user:{SECRET}@x.example/p", "http://[::1/p", "a\0b"),
    ],
)
def test_what_is_no_place_of_packs(text: str) -> None:
    with pytest.raises(SettingError, match=r"^packs .*: expected a folder, or http:// or https:// with") as refused:
        packs_address(text)
    assert SECRET not in str(refused.value)


KEY = crypto.public_key(bytes(32)).hex()
SETTLE = ["pool", "settle", "--period", "2026-01", "--income", "1", "--currency", "EUR", "--ledger", "{}"]
BROKERS = (f"mqtt://user:{SECRET}@host:1883", f"user:{SECRET}@host", f" user:{SECRET}@host")
COURIER = ["courier", "run", "--site", "cafe", "--spool", "{}/spool"]
COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "courier": lambda broker: [*COURIER, "--device", "unix:/x", "--broker", broker],
    "device": lambda text: [*COURIER, "--broker", "host", "--device", f"unix://{text}"],
    "packs": lambda text: [*COURIER, "--broker", "host", "--device", "unix:/x", "--packs", f"http://{text.strip()}"],
    "serve": lambda broker: ["ledger", "serve", "{}/ledger", "--broker", broker],
    "work": lambda broker: ["ledger", "work", "--database", "postgresql://x/y", "--broker", broker],
    "metrics": lambda text: ["ledger", "serve", "{}/ledger", "--broker", "127.0.0.1:1", "--metrics", text],
    "settle": lambda broker: [*SETTLE, "--broker", broker],
    "status": lambda text: ["device", "status", text],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_goes_on_with_a_password_or_repeats_it(name: str, tmp_path: Path) -> None:
    """Each ends with exit code 2 at once, so that nothing is left in the list of processes."""
    for broker in BROKERS[:1] if name != "courier" else BROKERS:
        words = [word.replace("{}", str(tmp_path)) for word in COMMANDS[name](broker)]
        if name in ("serve", "metrics"):
            keys = [word for name in ("operator", "publisher") for word in (f"--{name}-key", KEY)]
            made = [sys.executable, "-m", "amos_tools", "ledger", "init", words[2], "--origin", "o.example", *keys]
            subprocess.run(made, capture_output=True, check=True)
        ended = subprocess.run([sys.executable, "-m", "amos_tools", *words], capture_output=True, text=True, timeout=60)
        assert SECRET not in ended.stdout + ended.stderr, ended.stderr
        assert "@host:1883" in ended.stderr or "@host" in ended.stderr, ended.stderr
        assert "Traceback" not in ended.stderr and ended.returncode == 2, ended.stderr
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_a_password_from_a_file_is_in_no_argument_and_no_log(mosquitto: list[str], tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET + "\n")
    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous false\n") as port:
        words = [word.replace("{}", str(tmp_path)) for word in COMMANDS["courier"](f"127.0.0.1:{port}")]
        login = ["--username", "cafe", "--password-file", str(tmp_path / "password")]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen([sys.executable, "-m", "amos_tools", *words, *login], stdout=log, stderr=log)
        try:
            told = (tmp_path / "log").read_text
            wait_until(lambda: "refuses the name or the password" in told() or "not authorised" in told(), told)
            for name in ("cmdline", "environ"):
                assert SECRET.encode() not in Path(f"/proc/{process.pid}/{name}").read_bytes()
            spool = str(tmp_path / "spool")
            status = [sys.executable, "-m", "amos_tools", "courier", "status", "--spool", spool, "--json"]
            shown = subprocess.run(status, capture_output=True, text=True, check=True)
            assert "running" in shown.stdout and SECRET not in told() + shown.stdout
        finally:
            process.kill()
            process.wait()
