"""When the player serves the courier: between two blocks of play, and all the time while nothing plays."""

from amos.compat import const

_IDLE_POLL_MS = const(50)
_TURNAROUND_MS = const(2)
"""How long a courier that has just been answered takes to ask again."""

_BLOB_TURNAROUND_MS = const(20)
"""The same of one that sends a blob: on a busy machine what it sends comes late, and a block later is much later."""

_LAST_ANSWER_POLLS = const(10)
_LAST_ANSWER_POLLS_MAX = const(60)
"""Idle polls (at most so many in all) after the last receipt, so that a courier hears its last answer."""


class LinkService:
    """Polls `port` for `link` (a DeviceLink of `device`). `heartbeat()`, where one is given, is called for each idle
    poll."""

    def __init__(self, device, port, link, clock, heartbeat=None):
        self._device = device
        self._port = port
        self._link = link
        self._clock = clock
        self._heartbeat = heartbeat
        self._spare_ms = 0  # for requests, before the next block; below 0 where one took too long

    def serve_between_blocks(self, log, most_ms: int) -> None:
        """Serve the courier for as long as it keeps asking, but at most for `most_ms`; 0 is one request. Not while the
        session's `log` is busy with storage: most requests would have to wait for it.

        A request that took longer, for no request is broken off, is made up for after the blocks that follow: whatever
        is asked, play has the rest of the time.
        """
        self._spare_ms = min(self._spare_ms + most_ms, most_ms)
        if self._spare_ms > 0 or most_ms == 0:
            began_ms = self._clock.now_ms()
            self._serve(0, began_ms + self._spare_ms, log)
            self._spare_ms -= self._clock.now_ms() - began_ms
        self._device.packs.tidy()

    def _serve(self, timeout_ms: int, until_ms: int, log=None) -> bool:
        served = False
        while not (log and log.busy) and self._port.poll(self._link, timeout_ms):
            left_ms = until_ms - self._clock.now_ms()
            if left_ms <= 0:
                return True
            turnaround_ms = _BLOB_TURNAROUND_MS if self._device.packs.is_taking else _TURNAROUND_MS
            served, timeout_ms = True, min(turnaround_ms, left_ms)
        return served

    def idle(self) -> bool:
        """Serve the courier for a moment without play, in which leases run all the same; whether it asked."""
        served = self._serve(_IDLE_POLL_MS, self._clock.now_ms() + _IDLE_POLL_MS)
        self._device.packs.tidy()
        if self._heartbeat is not None:
            self._heartbeat()
        self._device.rights.tick(self._clock.now_ms(), self._clock)
        device = self._device
        if device.directives is not None and device.player_state.session is None:
            device.directives.idle()
        return served

    def hang_up(self) -> None:
        """Nobody is served any more, where the program goes on without the player: its end would do the same."""
        if hasattr(self._port, "close"):
            self._port.close()

    def linger(self, until: str, stopping) -> None:
        """After play, serve the courier until `stopping()`, or as the setting `linger` says (config.py)."""
        journal = self._device.journal
        while not stopping() and (until == "forever" or (until == "receipted" and journal.segments)):
            self.idle()
        quiet = 0
        for _poll in range(_LAST_ANSWER_POLLS_MAX):
            if stopping() or until != "receipted" or quiet >= _LAST_ANSWER_POLLS:
                break
            quiet = 0 if self.idle() else quiet + 1
