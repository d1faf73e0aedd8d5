"""A board's `os`: the emulated machine has no source of random numbers, so these are only different from each other."""

import random

from uos import *  # noqa: F403


def urandom(count):
    return bytes([random.getrandbits(8) for _ in range(count)])
