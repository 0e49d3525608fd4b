"""`python -m core` in a test's own process."""

from core import __main__ as cli


def run(*arguments: str) -> int:
    """The exit code of the program."""
    try:
        return cli.main([*arguments])
    except SystemExit as end:  # argparse's own way out
        return int(end.code or 0)
