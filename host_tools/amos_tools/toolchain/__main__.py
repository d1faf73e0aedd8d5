"""`python -m amos_tools.toolchain [--explain] TOOL...`: how to start a tool, fetched if need be.

TOOL is micropython, armhf (MicroPython's 32-bit ARM build), mosquitto, scsynth, or a Debian package of data alone.
"""

import argparse
import shlex
import sys

from amos_tools.toolchain import debian_data, explain, micropython, mosquitto, scsynth

TOOLS = ("micropython", "armhf", "mosquitto")


def command(tool: str) -> str | None:
    """The shell command that starts `tool`, or the folder of a data package; None where it cannot be had."""
    if tool in ("micropython", "armhf"):
        argv = micropython("native" if tool == "micropython" else tool)
    elif tool == "mosquitto":
        argv = mosquitto()
    elif tool == "scsynth":
        argv = scsynth()
    else:
        root = debian_data(tool)
        argv = None if root is None else [str(root)]
    return None if argv is None else shlex.join(argv)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m amos_tools.toolchain", description=__doc__)
    parser.add_argument("tools", nargs="*", default=list(TOOLS), metavar="TOOL")
    parser.add_argument("--explain", action="store_true", help="say of each tool how it starts, or why it is missing")
    arguments = parser.parse_args()
    missing = False
    for tool in arguments.tools:
        try:
            line = command(tool)
        except ValueError as error:
            parser.error(str(error))
        missing = missing or line is None
        if arguments.explain:
            print(f"{tool}: {line or explain(tool)}")
        else:
            print(line or explain(tool), file=sys.stderr if line is None else sys.stdout)
    return int(missing and not arguments.explain)


if __name__ == "__main__":
    sys.exit(main())
