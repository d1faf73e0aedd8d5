"""`python -m amos_tools` is the command `amos`, and so is the distribution's program of that name."""

from amos_cli.interrupted import saying_interrupted


def main() -> None:
    """Entry point of the distribution; light, so that Ctrl-C is understood from the first moment."""
    with saying_interrupted("amos"):
        from amos_tools.cli import run

        run()


if __name__ == "__main__":
    main()
