"""The command `nocturne`: one name for what `python -m core`, `python -m bot` and `python -m core.worker` start. The
program is imported when it is asked for, so that each installation needs the packages of its own programs alone."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from core.process.command import Parser
from core.version import version

FAILED = 1
"""The exit code where a package is missing."""


@dataclass(frozen=True, slots=True)
class Program:
    """One subcommand: the `module` that `python -m` runs, the `extras` of pyproject.toml that have its packages, its
    line of `nocturne --help`, and whether the module is told the `subcommand` or has `options` at all."""

    module: str
    extras: str
    help: str
    subcommand: bool = False
    options: bool = True


PROGRAMS = {
    "compose": Program("core", "compose", "compose a piece as .mid, audio and .png", subcommand=True),
    "continue": Program("core", "compose", "continue a MIDI file", subcommand=True),
    "perform": Program("core", "compose", "play a MIDI file as a pianist would", subcommand=True),
    "harmonize": Program("core", "compose", "accompany a melody", subcommand=True),
    "bot": Program("bot", "bot,worker", "run the Discord bot, which starts a worker beside it", options=False),
    "worker": Program("core.worker", "worker", "run a worker, which composes for bots"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a program as `python -m` does, which ends this process; returns an exit code where it cannot begin."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    program = PROGRAMS.get(given[0]) if given else None
    if program is None or not program.options:
        parser().parse_args(given or ["--help"])
    assert program is not None  # the parser has ended the process otherwise
    return run(given[0], program, given[1:])


def parser() -> Parser:
    """For what no program takes: `--help`, `--version`, and words that are no command."""
    top = Parser(
        prog="nocturne",
        description="Composes piano music, here or for a Discord bot.",
        epilog="`nocturne COMMAND --help` lists the options of a command. Settings are read from .env here.",
        allow_abbrev=False,
    )
    top.add_argument("-V", "--version", action="version", version=f"Nocturne {version()}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, program in PROGRAMS.items():
        commands.add_parser(name, help=program.help, description=f"Nocturne: {program.help}.", allow_abbrev=False)
    return top


def run(name: str, program: Program, options: Sequence[str]) -> int:
    """As `python -m program.module` with these options."""
    sys.argv[:] = ["nocturne", *([name] if program.subcommand else []), *options]
    try:
        runpy.run_module(program.module, run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] in ("bot", "core"):
            raise
        print(lacking(name, program, missing.name), file=sys.stderr)
        return FAILED
    return 0


def lacking(name: str, program: Program, package: str | None) -> str:
    """The sentence for a plain `pip install .`, which has no program's packages."""
    return (
        f"`nocturne {name}` needs the Python package '{package}', which is not installed; install Nocturne with"
        f" [{program.extras}], as in `pipx install --force '.[{program.extras}]'`"
    )


if __name__ == "__main__":
    sys.exit(main())
