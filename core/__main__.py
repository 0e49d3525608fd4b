"""The command line without Discord: `python -m core compose --seed 72 --length 500` makes a piece, or several, and
`continue`, `perform` and `harmonize` make one of a MIDI file."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from core.cli import PROGRAMS
from core.errors import BadRequest, BadSetting, NocturneError
from core.files import upload_of, writable, write_files
from core.models import MODELS
from core.option_kinds import Choice, Option, Scope, YesNo
from core.options import options_in, options_of
from core.piece import Piece
from core.process.command import EXIT_REFUSED, Parser, called_as
from core.request import ComposeRequest, Rendering, fresh_take
from core.seed import ACCEPTED, Seed
from core.tasks import COMPOSE, HARMONIZE, PERFORM
from core.text import Text

if TYPE_CHECKING:
    from tqdm import tqdm


EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
"""Exit codes: a fault here, Ctrl-C."""
COMPOSED_PERCENT = 90
"""Progress when a piece is composed; recording and drawing it are the rest."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; a refusal or a failure is one sentence on standard error."""
    options, unknown = parser().parse_known_args(arguments)
    if unknown:  # left to argparse, the sentence would name the help of all commands, which lists no options
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        options.run(options)
    except (BadRequest, BadSetting) as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED
    except NocturneError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def parser() -> Parser:
    top = Parser(prog=called_as("core"), description="Composes piano music.", allow_abbrev=False)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    compose = commands.add_parser(
        COMPOSE, help=PROGRAMS[COMPOSE].help, description="Composes a piece.", allow_abbrev=False
    )
    compose.set_defaults(run=run_compose, parser=compose)
    add = compose.add_argument
    add("--seed", default="random", help=f"what the piece begins with (default: random). {ACCEPTED}.")
    add("--takes", type=whole_number, default=1, metavar="N", help="make N pieces with consecutive takes")
    add("--output", type=Path, default=Path("out"), metavar="DIR", help="where the files go (default: %(default)s)")
    add("--attention", action="store_true", help="draw also what the network attends to, where the model can say")
    add_options(compose, COMPOSE)
    for name, spec in FILE_COMMANDS.items():
        command = commands.add_parser(name, help=PROGRAMS[name].help, description=spec.description, allow_abbrev=False)
        command.set_defaults(run=spec.run, parser=command)
        command.add_argument(spec.argument, type=spec.type, metavar=spec.metavar, help=spec.argument_help)
        command.add_argument(
            "--output",
            type=Path,
            default=Path("out", spec.output),
            metavar="OUT.mid",
            help="the new file; sound and picture go beside it (default: %(default)s)",
        )
        add_options(command, name)
    return top


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """The options of a piece that a command has, and the one for its report."""
    for option in options_of(command):
        if not option.command_line:
            continue
        choices = f"; one of {', '.join(option.choices)}" if isinstance(option, Choice) else ""
        flag, help_ = f"--{option.name.replace('_', '-')}", f"{option.description}{choices}".replace("%", "%%")
        if isinstance(option, YesNo):
            parser.add_argument(flag, dest=option.parameter, action="store_true", default=None, help=help_)
            continue
        parser.add_argument(flag, dest=option.parameter, type=reader_of(option), metavar=option.metavar, help=help_)
    parser.add_argument("--json", action="store_true", help="print one JSON object a piece, a line each")


def given(options: argparse.Namespace, scope: Scope) -> dict[str, Any]:
    """Values of a scope's options, without those that were left out."""
    values = {option.name: getattr(options, option.parameter, None) for option in options_in(scope)}
    return {name: value for name, value in values.items() if value is not None}


def request_options(options: argparse.Namespace) -> dict[str, Any]:
    """Fields of a ComposeRequest."""
    return {"take": fresh_take()} | given(options, Scope.REQUEST)


def rendering_of(options: argparse.Namespace) -> Rendering:
    """Raises BadRequest."""
    return Rendering(**given(options, Scope.RENDERING))


def whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a whole number") from None


def reader_of(option: Option[Any]) -> Callable[[str], Any]:
    """The option's own way to read a value, as argparse takes it: a length may be a time, a name may be in any case."""

    def read(text: str) -> Any:
        try:
            return option.read(text)
        except BadRequest:
            raise argparse.ArgumentTypeError(f"'{text[:40]}' is not {option.accepted}") from None

    return read


def run_compose(options: argparse.Namespace) -> None:
    """`compose`. Refuses all that can be refused before the model is loaded, which takes seconds."""
    if options.takes < 1:
        raise BadRequest(f"takes {options.takes} is not 1 or more")
    first = ComposeRequest(Seed.parse(options.seed), **request_options(options))
    takes = range(first.take, first.take + options.takes)
    replace(first, take=takes[-1])
    if options.attention and not MODELS[first.model].attends:
        raise BadRequest(f"the model '{first.model}' cannot say what it attends to")
    rendering = rendering_of(options)
    rendering.rendered_seconds(first.seconds)
    folder = writable(options.output)
    requests = [replace(first, take=take) for take in takes]
    make_pieces(requests, rendering, lambda piece: folder / piece.recipe.name, options.json, options.attention)


def run_continue(options: argparse.Namespace) -> None:
    """`continue`: goes on from a file."""
    from core.midi.excerpt import MAX_SECONDS, Excerpt

    check_output(options.output, options.file)
    request, rendering = ComposeRequest(Seed(), **request_options(options)), rendering_of(options)
    source = given(options, Scope.SOURCE)
    excerpt = Excerpt(source.get("from"), source.get("keep"), MAX_SECONDS - request.seconds)
    upload = upload_of(options.file, excerpt)
    request = upload.continued(request)
    rendering.rendered_seconds(upload.seconds + request.seconds, upload.seconds)
    make_file(options, request, rendering)
    tell(upload.remark)


def run_perform(options: argparse.Namespace) -> None:
    """`perform`: plays the notes of a file."""
    from core.midi.excerpt import GIVEN

    check_output(options.output, options.file)
    request, rendering = ComposeRequest(Seed(), **request_options(options)), rendering_of(options)
    upload = upload_of(options.file, GIVEN)
    request = upload.performed(request)
    rendering.rendered_seconds(upload.seconds)
    make_file(options, request, rendering)
    tell(upload.score_remark)


def run_harmonize(options: argparse.Namespace) -> None:
    """`harmonize`: accompanies a melody that is typed, or of a file."""
    from core.midi.container import MIDI_NAMES
    from core.midi.excerpt import GIVEN

    if not options.melody.lower().endswith(MIDI_NAMES) and not is_file(options.melody):
        check_output(options.output)
        request = ComposeRequest.harmonized(Seed.melody(options.melody), **request_options(options))
        make_file(options, request, rendering_of(options))
        return
    file = Path(options.melody)
    check_output(options.output, file)
    request, rendering = ComposeRequest(Seed(), **request_options(options)), rendering_of(options)
    upload = upload_of(file, GIVEN)
    request = upload.harmonized(request)
    rendering.rendered_seconds(request.seconds)
    make_file(options, request, rendering)
    tell(upload.remark)


def is_file(text: str) -> bool:
    """Whether a file has this name, whatever it is called; typed notes may be longer than any name."""
    try:
        return Path(text).is_file()
    except OSError:
        return False


def tell(remark: Text) -> None:
    """Write what there is to say about a file, beside what a program may read."""
    if remark:
        print(remark, file=sys.stderr)


@dataclass(frozen=True, slots=True)
class FileCommand:
    """A command that takes one file and makes another."""

    run: Callable[[argparse.Namespace], None]
    description: str
    output: str
    """The new file's usual name."""
    argument_help: str
    argument: str = "file"
    type: Callable[[str], Any] = Path
    metavar: str = "IN.mid"


FILE_COMMANDS = {
    "continue": FileCommand(
        run_continue,
        "Continues a MIDI file: its notes, on one piano, and then new ones.",
        "continued.mid",
        "the file to continue",
    ),
    PERFORM: FileCommand(
        run_perform,
        "Performs a MIDI file: its notes stay; the timing, the touch and the pedal are the model's.",
        "performed.mid",
        "the score to perform",
    ),
    HARMONIZE: FileCommand(
        run_harmonize,
        "Harmonizes a melody: it stays, and an accompaniment is played below and around it.",
        "harmonized.mid",
        "the melody: a MIDI file of one voice, or notes such as 'C4 D4 E4'",
        argument="melody",
        type=str,
        metavar="IN.mid|NOTES",
    ),
}


def check_output(output: Path, source: Path | None = None) -> None:
    """Raises BadRequest for a new file that is no .mid, or the file that it is made from."""
    if output.suffix != ".mid":
        raise BadRequest(f"'{output}' does not end in .mid, as the new file's name has to")
    if source and output.resolve() == source.resolve():
        raise BadRequest(f"'{source}' would be overwritten; give the new file another name")


def make_file(options: argparse.Namespace, request: ComposeRequest, rendering: Rendering) -> None:
    path = writable(options.output.parent) / options.output.stem
    make_pieces([request], rendering, lambda piece: path, options.json)


def make_pieces(
    requests: Sequence[ComposeRequest],
    rendering: Rendering,
    path_of: Callable[[Piece], Path],
    as_json: bool,
    attention: bool = False,
) -> None:
    """Compose and finish pieces, and report each; `path_of` says where one's files go, without their suffix."""
    from core import loader, pipeline
    from core.process.programs import ProgramCache, user_cache
    from core.rendering.audio import find_soundfont
    from core.settings import Settings

    settings = Settings.load()
    find_soundfont(settings.soundfont)
    programs = ProgramCache(user_cache())
    with progress_bar("compiling the model, this once" if programs.empty else "loading the model") as bar:
        model = requests[0].model
        composer = loader.load_composer(model, settings.checkpoints, settings.preset, slots=1, programs=programs)
        for request in requests:
            bar.set_description_str(f"take {request.take}", refresh=False)
            draft = pipeline.compose(composer, request, lambda share: show_progress(bar, COMPOSED_PERCENT * share))
            piece = pipeline.finish(draft, settings.soundfont, sys.maxsize, rendering)  # no message limits a file here
            show_progress(bar, 100)
            files = write_files(path_of(piece), piece, piece.attention if attention else ())
            bar.write(report(piece, files, as_json), file=sys.stdout)
            sys.stdout.flush()
        programs.seal()  # a score has programs that other pieces do without


def progress_bar(first: str) -> tqdm[NoReturn]:
    """A bar in percent on standard error, which goes when the work is done; `first` is said until the music begins. In
    a terminal it is there from the start; elsewhere it begins with the music, and is written seldom."""
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    return tqdm(
        total=100,
        desc=first,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}",
        leave=False,
        delay=0 if terminal else 0.01,
        mininterval=0.1 if terminal else 2,
    )


def show_progress(bar: tqdm[NoReturn], percent: float) -> None:
    bar.update(percent - bar.n)


def report(piece: Piece, files: list[Path], as_json: bool) -> str:
    """The take and what came of it with the paths of its files below, or one line of JSON. Where no file is named after
    the take, nothing else tells how to get it again."""
    if as_json:
        facts: dict[str, Any] = {
            "recipe": piece.recipe.to_json(),
            "files": [str(file) for file in files],
            "duration": piece.duration,
            "notes": piece.notes,
            "seconds": piece.seconds,
            "ended_early": bool(piece.heard and piece.heard.ended_early),
            "shared_at_most": piece.heard and piece.heard.shared_at_most,
        }
        return json.dumps(facts)
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in piece.seconds.items())
    made = f"take {piece.recipe.request.take}: {piece.duration:.1f} s of music, {piece.notes} notes ({stages})"
    return "\n  ".join([made, *map(str, files)])


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head -1` ends it without a traceback
    sys.exit(main())
