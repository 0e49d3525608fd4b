"""Parts that the commands of training share: options, and how they end."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from core.errors import NocturneError


def add_run_options(parser: argparse.ArgumentParser, model: str) -> None:
    """Where a run of this model keeps and writes things, and what its model card says."""
    parser.add_argument("--run", type=Path, default=Path("runs", model), help="state of the run; go on from it")
    parser.add_argument("--output", type=Path, help="where the checkpoint goes (default: RUN/checkpoint)")
    add_cache_option(parser)
    parser.add_argument("--name", default=model, help="for the model card")
    parser.add_argument("--about", default="", help="for the model card: the data")
    parser.add_argument("--licence", default="that of its training data", help="for the model card: of the weights")


def add_cache_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="what was read from the files")


def count(text: str) -> int:
    """An option's whole number of 1 or more, as argparse takes it."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return number


def run_command(program: str, main: Callable[[], None]) -> None:
    """Run a command; an error raised on purpose is one sentence on standard error and exit code 1."""
    logging.basicConfig(format="%(message)s")
    # it warns that windows of several lengths are compiled one by one, as they have to be
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        main()
    except NocturneError as error:
        sys.exit(f"{program}: {error}")
