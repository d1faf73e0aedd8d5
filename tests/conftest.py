"""What tests share: tools that Python packages do not bring."""

import os
import struct
from typing import NoReturn

import pytest
from hypothesis import settings

from amos_tools import toolchain
from amos_tools.boards import BOARD_WORD_BYTES, SMALLEST_BOARD, heap_option

settings.register_profile("amos", deadline=None)  # how long an example takes says more of the machine than of the code
settings.load_profile("amos")


def missing(sentence: str) -> NoReturn:
    """A missing tool skips its tests on a developer's machine and fails them in CI, where it would go unnoticed."""
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(sentence)
    pytest.fail(sentence, pytrace=False)


@pytest.fixture(scope="session")
def micropython() -> list[str]:
    """The start of a command line that runs MicroPython for this machine, in the heap of the smallest board."""
    command = toolchain.micropython("native") or missing(toolchain.explain("micropython"))
    return command + heap_option(SMALLEST_BOARD, struct.calcsize("P"))


@pytest.fixture(scope="session")
def micropython_armhf() -> list[str]:
    """The start of a command line that runs the 32-bit ARM build of MicroPython, emulated where need be, in the heap of
    the smallest board."""
    command = toolchain.micropython("armhf") or missing(toolchain.explain("armhf"))
    return command + heap_option(SMALLEST_BOARD, BOARD_WORD_BYTES)


@pytest.fixture(scope="session")
def alsa() -> str:
    """ALSA's library, as a name or a path to load."""
    return toolchain.alsa() or missing(toolchain.explain("alsa"))


@pytest.fixture(scope="session")
def mosquitto() -> list[str]:
    """The start of a command line that runs the mosquitto broker."""
    return toolchain.mosquitto() or missing(toolchain.explain("mosquitto"))
