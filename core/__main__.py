"""`python -m core compose --seed 72 --length 500`: a piece, or several, without Discord; `continue` continues a MIDI
file."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from core.errors import BadRequest, BadSetting, NocturneError
from core.models import MODELS
from core.option_kinds import Choice, Option, Scope, YesNo
from core.options import options_in, options_of
from core.request import ComposeRequest, Piece, Rendering, fresh_take
from core.seed import ACCEPTED, Seed

if TYPE_CHECKING:
    from tqdm import tqdm


EXIT_FAILED, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 2, 130
"""Exit codes: a fault here, wrong input, Ctrl-C."""
COMPOSED_PERCENT = 90
"""Progress when a piece is composed; recording and drawing it are the rest."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the usage above it."""
        self.exit(EXIT_REFUSED, f"{message}; `{self.prog} --help` says what is accepted\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; a refusal or a failure is one sentence on standard error."""
    options = parser().parse_args(arguments)
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
    top = Parser(prog="python -m core", description="Composes piano music.", allow_abbrev=False)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    compose = commands.add_parser(
        "compose", help="compose a piece as .mid, audio and .png", description="Composes a piece.", allow_abbrev=False
    )
    compose.set_defaults(run=run_compose)
    add = compose.add_argument
    add("--seed", default="random", help=f"what it begins with (default: random); {ACCEPTED}")
    add("--takes", type=whole_number, default=1, metavar="N", help="make N pieces with consecutive takes")
    add("--output", type=Path, default=Path("out"), metavar="DIR", help="where the files go (default: %(default)s)")
    add("--attention", action="store_true", help="draw also what the network attends to, where the model can say")
    add_options(compose, "compose")
    continue_ = commands.add_parser(
        "continue",
        help="continue a MIDI file",
        description="Continues a MIDI file: its notes, on one piano, and then new ones.",
        allow_abbrev=False,
    )
    continue_.set_defaults(run=run_continue)
    add = continue_.add_argument
    add("file", type=Path, metavar="IN.mid", help="the file to continue")
    add(
        "--output",
        type=Path,
        default=Path("out", "continued.mid"),
        metavar="OUT.mid",
        help="the new file; sound and picture go beside it (default: %(default)s)",
    )
    add_options(continue_, "continue")
    return top


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """The options of a piece that a command has, and the one for its report."""
    for option in options_of(command):
        if not option.command_line:
            continue
        known = f" ({', '.join(option.choices)})" if isinstance(option, Choice) else ""
        flag, told = f"--{option.name.replace('_', '-')}", f"{option.description}{known}".replace("%", "%%")
        if isinstance(option, YesNo):
            parser.add_argument(flag, dest=option.parameter, action="store_true", default=None, help=told)
            continue
        parser.add_argument(flag, dest=option.parameter, type=reader_of(option), metavar=option.metavar, help=told)
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
            raise argparse.ArgumentTypeError(f"'{text[:40]}' is not {option.accepted or _NOUNS[option.kind]}") from None

    return read


_NOUNS: dict[type, str] = {int: "a whole number", float: "a number", str: "a name"}


def run_compose(options: argparse.Namespace) -> None:
    """`compose`: refuses all that can be refused before the model is loaded, which takes seconds."""
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
    """`continue`: the file is read as carefully as the bot reads those that it is sent."""
    from core.midi.container import MAX_BYTES
    from core.midi.excerpt import MAX_SECONDS, Excerpt
    from core.midi.reader import Reader

    if options.output.suffix != ".mid":
        raise BadRequest(f"'{options.output}' does not end in .mid, as the new file's name has to")
    if options.output.resolve() == options.file.resolve():
        raise BadRequest(f"'{options.file}' would be overwritten; give the new file another name")
    try:
        with options.file.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadRequest(f"'{options.file}' cannot be read: {error.strerror}") from error
    request, rendering = ComposeRequest(Seed(), **request_options(options)), rendering_of(options)
    source = given(options, Scope.SOURCE)
    reader = Reader()
    try:
        upload = reader.read(data, Excerpt(source.get("from"), source.get("keep"), MAX_SECONDS - request.seconds))
    finally:
        reader.close()
    request = upload.continued(request)
    rendering.rendered_seconds(upload.seconds + request.seconds, upload.seconds)
    path = writable(options.output.parent) / options.output.stem
    make_pieces([request], rendering, lambda piece: path, options.json)
    print(upload.remark, file=sys.stderr)


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
    with progress_bar() as bar:
        model = requests[0].model
        programs = ProgramCache(user_cache())
        composer = loader.load_composer(model, settings.checkpoints, settings.preset, slots=1, programs=programs)
        for request in requests:
            bar.set_description_str(f"take {request.take}", refresh=False)
            draft = pipeline.compose(composer, request, lambda share: show_progress(bar, COMPOSED_PERCENT * share))
            piece = pipeline.finish(draft, settings.soundfont, sys.maxsize, rendering)  # no message limits a file here
            show_progress(bar, 100)
            files = write_files(path_of(piece), piece, piece.attention if attention else ())
            bar.write(report(piece, files, as_json), file=sys.stdout)
            sys.stdout.flush()


def progress_bar() -> tqdm[NoReturn]:
    """A bar in percent on standard error, which goes when the work is done. In a terminal it is there while the model
    loads; elsewhere it begins with the music, and is written seldom."""
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    return tqdm(
        total=100,
        desc="loading the model",
        bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}",
        leave=False,
        delay=0 if terminal else 0.01,
        mininterval=0.1 if terminal else 2,
    )


def show_progress(bar: tqdm[NoReturn], percent: float) -> None:
    bar.update(percent - bar.n)


def writable(folder: Path) -> Path:
    """The folder, made where it is missing. Raises BadRequest."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(f"the folder '{folder}' cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadRequest(f"nothing can be written into the folder '{folder}'")
    return folder


def write_files(path: Path, piece: Piece, attention: Sequence[bytes]) -> list[Path]:
    """Write `path` with one suffix a file. Each appears whole or not at all, also when this is interrupted."""
    contents = {".mid": piece.midi, f".{piece.audio_format}": piece.audio, ".png": piece.picture}
    contents |= {f"-attention-{block}.png": picture for block, picture in enumerate(attention, start=1)}
    files = []
    for suffix, content in contents.items():
        file = path.with_name(path.name + suffix)
        part = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            part.write_bytes(content)
            part.replace(file)
        except OSError as error:
            raise BadRequest(f"'{file}' cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        files.append(file)
    return files


def report(piece: Piece, files: list[Path], as_json: bool) -> str:
    """A sentence about a piece with the paths of its files below, or one line of JSON."""
    if as_json:
        facts: dict[str, Any] = {
            "recipe": piece.recipe.to_json(),
            "files": [str(file) for file in files],
            "duration": piece.duration,
            "notes": piece.notes,
            "seconds": piece.seconds,
        }
        return json.dumps(facts)
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in piece.seconds.items())
    return "\n  ".join([f"{piece.duration:.1f} s of music, {piece.notes} notes ({stages})", *map(str, files)])


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head -1` ends it without a traceback
    sys.exit(main())
