"""What a board lets go of after its start, on every runtime."""

import gc
import sys

from amos.compat import MICROPYTHON
from amos.heap import forget

RETURNED_BYTES_MIN = 3000
"""Of the code that reads the settings."""


def imported():
    from amos.config import SETTINGS

    return len(SETTINGS)


def test_what_is_forgotten_leaves_a_boards_heap_and_can_be_had_again():
    count = imported()
    gc.collect()
    held = gc.mem_alloc() if MICROPYTHON else 0
    forget("amos.config", "amos.no_such_module")
    gc.collect()
    if MICROPYTHON:
        assert "amos.config" not in sys.modules
        assert held - gc.mem_alloc() >= RETURNED_BYTES_MIN, held - gc.mem_alloc()
    else:
        assert "amos.config" in sys.modules, "others have it"
    assert imported() == count


def test_settings_are_the_same_without_what_checked_them():
    from amos.config import Config

    keys = {"publisher_key": "00" * 32, "ledger_key": "11" * 32}
    for more in ({}, {"staff": "skip"}):
        settings = dict(keys)
        settings.update({"out": "wav:x"})
        settings.update(more)
        config = Config("d", settings)
        alone = config.alone()
        assert not isinstance(alone, Config) and alone.directory == "d"
        assert alone.__dict__ == config.__dict__ and alone.limits_staff == config.limits_staff == bool(more)
