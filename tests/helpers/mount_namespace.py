"""Mounts of a test's own: a mount namespace, and processes in it. Without root it lies in a user namespace."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from needed import missing

WHY = "expected mounts of a test's own (unshare -m, or unshare -rm without root), found that the system allows none"


class MountNamespace:
    """`enter` stands before the words of a command that runs in it."""

    def __init__(self, holder: int, enter: list[str]):
        self._holder = holder
        self.enter = enter

    def run(self, *words: str) -> None:
        subprocess.run([*self.enter, *words], check=True, capture_output=True)

    def path(self, inside: Path) -> Path:
        """Where something in it is reached from outside of it."""
        return Path(f"/proc/{self._holder}/root{inside.absolute()}")


@contextmanager
def mount_namespace() -> Iterator[MountNamespace]:
    """A namespace of this process's mounts at this moment. Skips the test where the machine permits none."""
    root = os.geteuid() == 0
    words = ["unshare", "-m" if root else "-rm", "sh", "-c", "echo there; exec sleep 86400"]
    try:
        holder = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        missing(WHY)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "there\n":
            pytest.skip(WHY)  # what a machine permits is no tool that somebody forgot to install
        target = ["nsenter", "-t", str(holder.pid), "-m"]
        yield MountNamespace(holder.pid, target if root else [*target, "-U", "--preserve-credentials"])
    finally:
        holder.kill()
        holder.communicate()
