"""What a program says when it is started, to see whether it runs here."""

import os
import subprocess

START_TIMEOUT_S = 60


def output_of(argv: list[str], variables: dict[str, str] | None = None) -> str:
    """All it printed; nothing where it does not start. `variables` are added to its environment."""
    environment = {**os.environ, **(variables or {})}
    try:
        done = subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
