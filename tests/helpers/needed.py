"""What to do where a tool that a test needs is missing."""

import os
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


def missing(sentence: str) -> NoReturn:
    """A missing tool skips its tests on a developer's machine and fails them in CI, where it would go unnoticed."""
    if not IN_CI:
        pytest.skip(sentence)
    pytest.fail(sentence, pytrace=False)
