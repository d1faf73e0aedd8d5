"""What is wrong at the moment, in the spool: `amos courier status` shows it beside a courier that runs."""

import json
import time

from amos_mqtt.faults import Fault, form_of
from amos_sync.limits import FAULTS_KEPT_MAX, FAULTS_KEPT_MS
from amos_sync.spool import Spool


class KeptFaults:
    """Nothing is wrong at the start, as far as is known."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._staged: list[str] | None = None
        self._staged_ms = 0

    def stage(self, faults: list[Fault], now_ms: int) -> None:
        """Keep these in place of those before, where they differ; where only their numbers do, once a minute."""
        faults = faults[:FAULTS_KEPT_MAX]
        sentences = [fault.sentence for fault in faults]
        if sentences == self._staged:
            return
        forms = [form_of(sentence) for sentence in self._staged or []]
        same = self._staged is not None and forms == [form_of(sentence) for sentence in sentences]
        if same and now_ms - self._staged_ms < FAULTS_KEPT_MS:
            return
        now_unix_s = int(time.time())
        kept = [
            {"sentence": fault.sentence, "since_unix_s": now_unix_s - (now_ms - fault.since_ms) // 1000}
            for fault in faults
        ]
        self._spool.stage_faults(json.dumps(kept).encode())
        self._staged, self._staged_ms = sentences, now_ms
