"""Measures the courier: bytes for each segment on line and MQTT, and segments a second. Not a test; run it by hand.

python tests/sync/sync_speed.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sync_brokers import AmqttBroker, MosquittoBroker
from sync_journals import FakePlayer, sealed
from sync_ledgers import FakeLedger, truthful
from sync_players import PlayerThread

from amos_mqtt.broker import Broker
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.report import report
from amos_tools import toolchain

SEED = b"speed" * 6 + b"--"
ROOT = Path(__file__).parents[2]


def measure(label: str, folder: Path, port: int, address: str, count: int) -> None:
    """One player of `count` segments, from plugging in until its journal is trimmed."""
    player = FakePlayer(SEED, [])
    ledger = FakeLedger(port, {player.device_id: player.public_key}, truthful)
    courier = Courier(Settings("speed", (address,), Broker("127.0.0.1", port), folder / label))
    while not courier.mqtt.up:
        courier.turn(20)
    start = time.perf_counter()
    pulled_s = None
    while not courier.idle:
        courier.turn(1000)
        if pulled_s is None and courier.spool._database.execute("SELECT count(*) FROM entries").fetchone() == (count,):
            pulled_s = time.perf_counter() - start
    whole_s = time.perf_counter() - start
    for device in courier.devices:
        courier._stage_line_bytes(device)
    courier.close()
    ledger.stop()
    (row,) = report(folder / label)["devices"]
    line, message = row["line_bytes"] / count, row["message_bytes"] / count
    print(f"{label}: {count} segments of {row['segment_bytes'] // count} bytes")
    print(f"    {line:.0f} bytes each on the line, {message:.0f} as MQTT payload")
    print(
        f"    {count / (pulled_s or whole_s):.0f} a second pulled, {count / whole_s:.0f} a second receipted and trimmed"
    )


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    mosquitto = toolchain.mosquitto()
    broker = MosquittoBroker(mosquitto, folder) if mosquitto else AmqttBroker()
    for rows in (40, 400):
        for kind in ("unix", "serial"):
            path = folder / f"{kind}{rows}"
            line = PlayerThread(FakePlayer(SEED, sealed(SEED, 200, rows)), f"{kind}:{path}")
            measure(f"{kind}-cpython-{rows}-rows", folder, broker.port, line.address, 200)
            line.stop()
    micropython = toolchain.micropython()
    if micropython:
        path = folder / "micropython"
        process = subprocess.Popen(
            [*micropython, str(Path(__file__).with_name("sync_journals.py")), str(path), SEED.hex(), "100"],
            env={**os.environ, "MICROPYPATH": f"{ROOT}/firmware:{ROOT}/tests/portable"},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        measure("pty-micropython-40-rows", folder, broker.port, f"serial:{path}", 100)
        process.kill()
    broker.stop()


if __name__ == "__main__":
    sys.exit(main())
