"""What the player itself tells a session because a directive says so: inputs like those of others, logged like them."""

from amos.score.inputs import INPUT_PAUSE, INPUT_SLIDER, INPUT_VOLUME


class DirectedInputs:
    """Of one session with `score`; `directives` is what holds on the player, and `worker` writes while music goes on.

    Positions are told once for each directive; a volume that an earlier session's journal remembers is not told again,
    so that what staff set after it stays. Hours are told when they begin and when they end.

    remembering   the journal is being told what the VM has learned, its volume too
    """

    def __init__(self, directives, worker, score):
        self._directives = directives
        self._worker = worker
        self._sliders = score.sliders
        self._told = None
        self._pausing = False
        self._volume_serial = 0  # of the directive whose volume was told here
        self.remembering = False

    def obey(self, session) -> None:
        """Before each block: tell the session what is new."""
        if self.remembering and not session.log.busy:
            self.remembering = False
            self._directives.remembered(self._volume_serial)
            self._worker.submit(self._directives.note)
        if self.news or self.watches:
            inputs = self.due(session.time.week_minute(session.frame) if self.watches else None)
            if session.tell(inputs):
                self.given(inputs)

    def seals(self, log) -> bool:
        """Whether what was played is to be sealed now. `log` is busy while it cannot be."""
        if log.busy or not self._directives.asks_for_seal:
            return False
        self._directives.sealed()
        return True

    @property
    def hours(self) -> list:
        """The hours of the directive in force."""
        directive = self._directives.current
        return (directive.pause or []) if directive is not None else []

    @property
    def news(self) -> bool:
        """Whether there is a directive whose positions were not told."""
        return self._directives.current is not self._told

    @property
    def watches(self) -> bool:
        """Whether the time of the week decides something."""
        return self._pausing or bool(self.hours)

    def due(self, week_minute: "int | None") -> list:
        """Inputs (kind, value) to give now; `week_minute` from Monday's midnight, or None while that is unknown. Call
        `given` with them once they are given."""
        inputs = []
        directive = self._directives.current
        if directive is not None and self.news:
            if directive.volume_q15 is not None and directive.serial > self._directives.volume:
                inputs.append((INPUT_VOLUME, directive.volume_q15))
            for position in directive.sliders or ():
                for index, slider in enumerate(self._sliders):
                    if slider.name == position.name:
                        inputs.append((INPUT_SLIDER + index, position.position_q15))
        if week_minute is not None or not self.hours:
            pausing = any([hours.holds(week_minute) for hours in self.hours])
            if pausing != self._pausing:
                inputs.append((INPUT_PAUSE, 1 if pausing else 0))
        return inputs

    def given(self, inputs: list) -> None:
        """The VM took these."""
        directive = self._told = self._directives.current
        for kind, value in inputs:
            if kind == INPUT_PAUSE:
                self._pausing = value == 1
            if kind == INPUT_VOLUME and directive is not None:
                self._volume_serial = directive.serial

    def remembered(self) -> None:
        """The journal remembers the volume that the VM plays at."""
        self._directives.remembered(self._volume_serial)
        self._directives.note()
