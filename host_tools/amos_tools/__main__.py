"""`python -m amos_tools` is the command `amos`."""

from amos_tools.cli import main

main()
