"""`amos ledger work` at a broker, beside the process that serves: killed meanwhile, and nothing is lost."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from databases import only_postgres
from mosquitto_process import mosquitto_with
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until
from typer.testing import CliRunner

from amos.protocol.answer import decode_answer
from amos_ledger.scrub import scrub
from amos_tools.cli import app

pytestmark = only_postgres


@contextmanager
def command(*words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A ledger's command, once it is at the broker."""
    line = [str(Path(sys.executable).with_name("amos")), "ledger", *words]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=os.environ | variables) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "working for" in said or "serving" in said, said
        yield process
        process.kill()


def test_workers_and_a_server_at_one_broker(world: Any, mosquitto: list[str], tmp_path: Path) -> None:
    url, receipted = world.folder.place.url, {}
    devices = [world.device(number) for number in range(1, 4)]
    for device in devices:
        for _ in range(12):
            device.seal(start_state=bytes(32))
    world.ledger.close()

    def keep(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        found = decode_answer(message.payload)
        if found.receipt:
            receipted[found.device_id, found.sequence] = found.receipt

    with mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\n") as port:
        broker = f"127.0.0.1:{port}"
        courier = paho.Client(CallbackAPIVersion.VERSION2, "courier", protocol=paho.MQTTv311)
        courier.on_message = keep
        courier.connect("127.0.0.1", port)
        courier.subscribe("amos/1/+/+/receipt", 1)
        courier.loop_start()

        def sent() -> bool:
            """Sends what has no receipt, as couriers do."""
            for device in devices:
                for number, segment in enumerate(device.sealed, 1):
                    if (device.key.id, number) not in receipted:
                        courier.publish(device.topic(), device.message(segment).payload, 1)
            return len(receipted) == 36

        with command("serve", str(world.path), "--broker", broker):
            with command("work", "--broker", broker, AMOS_LEDGER_DATABASE=url):
                sent()
            with command("work", "--broker", broker, "--database", url):
                wait_until(sent, "36 receipts")
        courier.loop_stop()
    for device in devices:
        for number, segment in enumerate(device.sealed, 1):
            world.check_receipt(segment, receipted[device.key.id, number])
    assert world.totals().accepted == 36 and scrub(world.folder) == []


def test_a_password_is_in_no_command_line_and_in_no_message(world: Any, tmp_path: Path) -> None:
    url = "postgresql://amos:secret@127.0.0.1:1/ledger"
    key = world.operator.public.hex()
    words = ["ledger", "init", str(tmp_path / "new"), "--origin", "a.example/b", "--operator-key", key]
    words += ["--publisher-key", key]
    refused = CliRunner().invoke(app, [*words, "--database", url])
    assert refused.exit_code and "PGPASSFILE" in refused.output and "secret" not in refused.output
    away = CliRunner().invoke(app, words, env={"AMOS_LEDGER_DATABASE": url})
    assert away.exit_code and "secret" not in away.output


@pytest.mark.parametrize("words", [["status"], ["held"], ["plausibility"], ["fsck"], ["quarantine", "list"]])
def test_commands_that_read(world: Any, words: list[str]) -> None:
    world.device()
    done = CliRunner().invoke(app, ["ledger", *words, str(world.path)])
    assert done.exit_code == 0, done.output
    assert (world.path / "database").stat().st_mode & 0o777 == 0o600
