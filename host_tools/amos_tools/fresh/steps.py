"""What is run in which root, what README says to install there, and how the end is told. Values in, values out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NATIVE, ARMHF = "amd64", "armhf"
RELEASES = {"amd64": ("bookworm", "trixie"), "arm64": ("trixie",), "armhf": ("trixie",)}
"""Per architecture; 32-bit ARM needs Debian 13's NumPy, and emulation shows on one release what it can show."""

CHECKOUT = "Café Übung/amos"
"""Below the user's home: a space, and letters that are not ASCII."""

ARMHF_MARK = "32-bit"
"""What the comment of README's line for 32-bit ARM has in it."""


@dataclass(frozen=True)
class Step:
    """A shell command run in the checkout; `tells` when the last line it prints is part of the result."""

    name: str
    command: str
    tells: bool = False


@dataclass(frozen=True)
class Outcome:
    """Of one step in one root. `said`: what it told, or why it failed."""

    root: str
    step: str
    passed: bool
    said: str = ""


DEMO = Step("demo", "make demo")
TEST = Step("test", "nice make test", tells=True)
RENDER = Step("render", ".venv/bin/python host_tools/amos_tools/fresh/render.py", tells=True)


def steps(arch: str, only: Iterable[str] = ()) -> list[Step]:
    """The steps in a root of `arch`; `only` names some of them. The test suite is not run under emulation."""
    of_arch = [DEMO, TEST] if arch == NATIVE else [DEMO, RENDER]
    return [step for step in of_arch if not only or step.name in only]


def readme_packages(readme: str, arch: str) -> tuple[str, ...]:
    """What README tells a user of `arch` to install, in its order."""
    found: list[str] = []
    for words, comment in re.findall(r"^(?:sudo )?apt install ([a-z0-9.+ -]+?) *(#.*)?$", readme, re.MULTILINE):
        if ARMHF_MARK not in comment or arch == ARMHF:
            found += words.split()
    return tuple(found)


def same_pcm(root: str, ours: str, native: str) -> Outcome:
    """Whether the PCM that was rendered in `root` is x86-64's; both are SHA-256 in hex."""
    said = f"{ours[:16]} on both" if ours == native else f"{ours[:16]}, on {NATIVE} {native[:16]}"
    return Outcome(root, f"PCM as on {NATIVE}", ours == native, said)


def summary(outcomes: list[Outcome]) -> str:
    """One line: what passed, and what did not and why."""
    told = [
        f"{outcome.root} {outcome.step} {'passed' if outcome.passed else 'FAILED'}"
        + (f" ({outcome.said})" if outcome.said else "")
        for outcome in outcomes
    ]
    return "fresh: " + "; ".join(told or ["nothing was run"])
