"""`python -m amos_tools.fresh [--arch ARCH] [--release NAME]... [--step NAME]...`: see `make fresh`."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from amos_tools.fresh import roots, steps
from amos_tools.fresh.steps import Outcome, Step
from amos_tools.toolchain import ToolMissing

PROJECT = Path(__file__).resolve().parents[3]


def checked_out(root: roots.Root) -> str:
    """Clone HEAD into the user's home; the folder as the user sees it."""
    target = root.home / steps.CHECKOUT
    target.parent.mkdir(parents=True)
    git = ["git", "-c", "safe.directory=*", "-c", "advice.detachedHead=false"]
    head = subprocess.check_output([*git, "rev-parse", "HEAD"], cwd=PROJECT, text=True).strip()
    subprocess.run([*git, "clone", "--quiet", "--no-hardlinks", "--no-checkout", str(PROJECT), str(target)], check=True)
    subprocess.run([*git, "checkout", "--quiet", "--detach", head], cwd=target, check=True)
    for folder, names, files in os.walk(root.home):
        for name in (".", *names, *files):
            os.chown(Path(folder) / name, roots.UID, roots.UID, follow_symlinks=False)
    return f"{roots.HOME}/{steps.CHECKOUT}"


def run_step(root: roots.Root, step: Step, folder: str) -> Outcome:
    name = f"{root.release}-{root.arch}"
    log = roots.log_of(root, step.name)
    print(f"{name}: {step.command}; its words go to {log}", flush=True)
    started = time.monotonic()
    try:
        roots.inside(root, step.command, log=log, folder=folder)
    except ToolMissing as failure:
        return Outcome(name, step.name, False, str(failure))
    print(f"{name}: {step.name} passed in {time.monotonic() - started:.0f} s", flush=True)
    return Outcome(name, step.name, True, log.read_text().splitlines()[-1] if step.tells else "")


def run_root(release: str, arch: str, wanted: list[Step]) -> list[Outcome]:
    """The steps in the root, until one fails."""
    root = roots.Root(release, arch, steps.readme_packages((PROJECT / "README.md").read_text(), arch))
    print(f"{release}-{arch}: {' '.join(root.packages)}", flush=True)
    outcomes: list[Outcome] = []
    with roots.in_use(root):
        roots.prepared(root)
        folder = checked_out(root)
        for step in wanted:
            outcomes.append(run_step(root, step, folder))
            if not outcomes[-1].passed:
                break
    return outcomes


def run(arch: str, releases: list[str], only: list[str]) -> list[Outcome]:
    """Everything that was asked for; a render of another architecture is held against x86-64's."""
    outcomes: list[Outcome] = []
    for release in releases or steps.RELEASES[arch]:
        ours = run_root(release, arch, steps.steps(arch, only))
        outcomes += ours
        if ours and ours[-1].step == steps.RENDER.name and ours[-1].passed:
            native = run_root(release, steps.NATIVE, [steps.DEMO, steps.RENDER])
            outcomes += native
            if native[-1].passed:
                outcomes.append(steps.same_pcm(f"{release}-{arch}", ours[-1].said, native[-1].said))
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fresh", description=__doc__)
    parser.add_argument("--arch", choices=sorted(steps.RELEASES), default=steps.NATIVE)
    parser.add_argument("--release", action="append", default=[], metavar="NAME", help="bookworm, trixie")
    parser.add_argument("--step", action="append", default=[], metavar="NAME", help="demo, test, render")
    arguments = parser.parse_args()
    try:
        roots.check_machine(arguments.arch)
        outcomes = run(arguments.arch, arguments.release, arguments.step)
    except ToolMissing as missing:
        print(f"fresh: {missing}", file=sys.stderr)
        return 1
    print(steps.summary(outcomes))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
