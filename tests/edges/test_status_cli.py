"""`amos device status` on a running player: what an operator has to look at stands there in words."""

import json
import subprocess
import sys

from output_player import Player


def test_an_operator_reads_how_output_and_storage_are(player: Player) -> None:
    process = player.start(out="alsa:card")
    player.wait_for_status(lambda status: status.frame > 0)
    ask = [sys.executable, "-m", "amos_tools", "device", "status", player.link]
    words = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=120).stdout
    data = json.loads(subprocess.run([*ask, "--json"], capture_output=True, check=True, timeout=120).stdout)
    process.terminate()
    process.communicate(timeout=120)
    lines = dict(line.split(maxsplit=1) for line in words.splitlines())
    assert (lines["state"], lines["output"], lines["underruns"], lines["failed_writes"]) == ("playing", "ok", "0", "0")
    spare = data["spare_segments"]
    assert spare > 1000
    assert lines["spare_segments"] == f"{spare}  ({spare // 6} h of ordinary play until the journal is full)"
    assert lines["uptime_ms"].endswith(" s)") and "(0 d 0 h " in lines["uptime_ms"]
