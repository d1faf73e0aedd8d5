"""A session's frames: rendered and delivered until it ends, gives way or is stopped, the courier served in between."""

from amos.protocol.link import STATE_FAULT, STATE_PLAYING


class PlayLoop:
    """Plays with the player's `config`; `service` is its LinkService, `state` its PlayerState.

    packs        the Repertoire that says when another pack waits
    say          told when the output is lost, and when it is there again
    stopping     `stopping()`: whether the player is to leave
    heartbeat    called for each block that sounds; or None
    """

    def __init__(self, config, state, service, packs, say, stopping, heartbeat):
        self._config = config
        self._state = state
        self._service = service
        self._packs = packs
        self._say = say
        self._stopping = stopping
        self._heartbeat = heartbeat

    def play(self, session, played_ms: int) -> None:
        """Until its end; `played_ms` of the minutes that are wanted have been played before. Raises `JournalError`,
        and OSError for an output that cannot come back."""
        limit = None
        if self._config.minutes:
            limit = max(self._config.minutes * 60000 - played_ms, 0) * session.rate_hz // 1000
        rendered, leaving = session.performance, False
        while not (
            self._stopping() or session.left or (limit is not None and rendered.frame >= limit) or session.over()
        ):
            if session.output.lost:
                self._await_output(session)
                continue
            frames, before = session.block_frames, session.frame
            if limit is not None:
                # The last block is cut to whole cells of 64 frames, which may pass the limit by less than one.
                frames = min(frames, -(-(limit - rendered.frame) // 64) * 64)
            session.step(frames, limit is not None and rendered.frame + frames >= limit)
            if session.frame > before and self._heartbeat is not None:
                self._heartbeat()
            if not session.output.lost:
                # In real time for half of what the block lasts.
                most_ms = frames * 500 // session.rate_hz if self._config.pace == "clocked" else 0
                self._service.serve_between_blocks(session.log, most_ms)
            if self._packs.waiting and not leaving:
                leaving = session.leave()
        if self._stopping() and not session.output.lost:
            session.fade_out()

    def _await_output(self, session) -> None:
        """While the output is lost nothing plays or is metered; the courier is served, and the output tried again."""
        state = self._state
        if state.state != STATE_FAULT:
            text = "audio: %s; tried again every second" % session.output.lost
            state.set_state(STATE_FAULT, text)
            self._say("stopped: " + text)
        self._service.idle()
        if session.wait_for_output():
            state.set_state(STATE_PLAYING, None)
            self._say("playing: the output is there")
