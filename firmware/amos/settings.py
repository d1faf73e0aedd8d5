"""A player's settings once they are read and checked (config.py), which a board does without from then on."""

NO_PACK = "none"


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class ConfigError(ValueError):
    """A setting is missing or wrong; the message says which and what was expected."""


class Settings:
    """The settings as attributes. `directory` holds key, journal and `player.json`.

    open_output   gives a sink for a sample rate in Hz, in place of that of `out`; or None. A program that embeds the
                  player sets it
    """

    open_output: "Callable[[int], object] | None" = None

    directory: str
    pack: str
    publisher_key: bytes
    ledger_key: bytes
    operator_key: bytes
    staff: str
    staff_volume_min: int
    staff_volume_max: int
    board: str
    board_class: str
    voices: int
    rate_hz: int
    tier: int
    link: str
    out: str
    pace: str
    holidays: str
    block_frames: int
    buffer_ms: int
    minutes: int
    linger: str
    journal: str
    journal_bytes: int

    @property
    def limits_staff(self) -> bool:
        """Whether anything is forbidden to whoever is at the link."""
        return (self.staff, self.staff_volume_min, self.staff_volume_max) != ("all", 0, 100)

    def alone(self) -> "Settings":
        """The same, without the code that has checked them."""
        found = Settings()
        for name in self.__dict__:
            setattr(found, name, getattr(self, name))
        return found
