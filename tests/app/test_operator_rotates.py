"""The operator changes the key: real players, courier and ledger, over a broker, and the desk that directs them."""

import contextlib
from pathlib import Path

import pytest
from kill_venue import OPERATOR, SITE, Player, Venue
from patience import wait_until
from typer.testing import CliRunner

from amos import crypto
from amos.directives import KEPT_BYTES_MAX as DIRECTIVE_BYTES_MAX
from amos.directives import Directives
from amos.edges.two_slot_file import TwoSlotFile
from amos.ledger_keys import KEPT_BYTES_MAX, LedgerKeys
from amos.operator_keys import OperatorKeys
from amos.protocol.directive import VERSION, Directive
from amos.protocol.directive_host import sign_directive
from amos_mqtt.broker import Broker
from amos_tools.cli import app
from amos_tools.demo.broker import start_broker
from amos_tools.demo.processes import Processes
from amos_tools.fleet.desk import Desk

NEXT = [b"n" * 32, b"m" * 32]
FIRST_KEY = crypto.public_key(OPERATOR)


def said_by(*words: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output


def found(player: Player, ledger_key: bytes) -> tuple[bytes, Directives]:
    """The operator's key that the player believes, and what it was directed."""
    kept = TwoSlotFile(str(player.folder / "operator-key"), KEPT_BYTES_MAX)
    keys = OperatorKeys(FIRST_KEY, LedgerKeys(ledger_key), kept)
    directive = TwoSlotFile(str(player.folder / "directive"), DIRECTIVE_BYTES_MAX)
    return keys.key, Directives(keys, player.device_id, crypto.verify, directive)


def obtrude(venue: Venue, port: int) -> None:
    """The key that gave way directs, though no desk of ours would: whoever stole it has a desk of his own."""
    with Desk(Broker("127.0.0.1", port), FIRST_KEY) as desk:
        for player in venue.players:
            directive = Directive(
                version=VERSION, device_id=player.device_id, serial=2**40, issued_unix_s=1, volume_q15=32768
            )
            data = sign_directive(directive, crypto.key_id(FIRST_KEY), lambda text: crypto.sign(OPERATOR, text))
            desk.direct(SITE, player.device_id, data)


@pytest.mark.long
def test_players_follow_the_operator_and_obey_the_last_key_alone(tmp_path: Path, micropython: list[str]) -> None:
    venue = Venue(tmp_path, micropython)
    files = [tmp_path / f"operator-{number}.key" for number in range(3)]
    for file, seed in zip(files, (OPERATOR, *NEXT), strict=True):
        file.write_bytes(seed)
        file.chmod(0o600)

    def rotate(number: int) -> None:
        out = tmp_path / f"{number}.rotation"
        keys = f"--operator-key-file={files[number - 1]}", f"--new-key-file={files[number]}"
        words = f"--origin={venue.folder.trust.origin}", f"--number={number}", f"--out={out}"
        said_by("device", "rotate-operator", *words, *keys)
        said_by("ledger", "rotate-operator", str(venue.folder.path), str(out))

    def direct(number: int, percent: int, *more: str) -> None:
        players = [f"{SITE}/{player.device_id.hex()}" for player in venue.players]
        words = f"--operator-key-file={files[number]}", f"--volume={percent}", "--wait-s=0"
        said_by("fleet", "direct", *players, f"--broker=127.0.0.1:{port}", *words, *more)

    def courier_log() -> str:
        return (tmp_path / "courier.log").read_text()

    def volumes() -> list[int | None]:
        """What each player was told, once it has brought what it played."""
        venue.play("linger=receipted", f"operator_key={FIRST_KEY.hex()}")
        directed = [found(player, venue.folder.public_key)[1].current for player in venue.players]
        return [directive.volume_q15 if directive else None for directive in directed]

    with Processes(tmp_path) as processes, contextlib.ExitStack() as stack:
        kind, port = start_broker(processes, tmp_path / "broker")
        for service in venue._services(kind, port):
            stack.callback(service.stop)
        direct(0, 25)
        assert volumes() == [8192] * 2
        rotate(1)
        rotate(2)  # before any player heard of the first; the ledger serves meanwhile
        wait_until(lambda: courier_log().count("the operator's key was changed") == 2, "the courier to hear of both")
        direct(2, 50, "--take-over")
        assert volumes() == [16384] * 2
        assert {found(player, venue.folder.public_key)[0] for player in venue.players} == {crypto.public_key(NEXT[1])}
        obtrude(venue, port)
        assert volumes() == [16384] * 2, "a key that gave way is worth nothing"
    assert "follows the operator's key" in courier_log() and "refused a directive: signature" in courier_log()
    assert "Traceback" not in courier_log() + (tmp_path / "ledger.log").read_text()
