"""`python -m core compose --seed 72 --length 500`: a piece, or several, without Discord; `continue` goes on from a MIDI
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
from core.request import (
    ANY_STYLE,
    AUDIO_FORMATS,
    DEFAULT_INSTRUMENT,
    DEFAULT_LENGTH,
    DEFAULT_MODEL,
    DEFAULT_TEMPERATURE,
    INSTRUMENTS,
    MAX_LENGTH,
    MAX_TAKE,
    MAX_TEMPERATURE,
    MAX_TEMPO,
    MAX_TOP_P,
    MAX_TRANSPOSE,
    MIN_LENGTH,
    MIN_TEMPERATURE,
    MIN_TEMPO,
    MIN_TOP_P,
    STEP_SECONDS,
    USUAL,
    USUAL_TEMPO,
    ComposeRequest,
    Piece,
    Rendering,
    fresh_take,
)
from core.seed import ACCEPTED, Seed

if TYPE_CHECKING:
    from tqdm import tqdm


FAILED, REFUSED, INTERRUPTED = 1, 2, 130
"""Exit codes: something went wrong here, the input is wrong, Ctrl-C."""
COMPOSED = 90
"""Percent of the progress bar when a piece is composed; playing and drawing it are the rest."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the usage above it."""
        self.exit(REFUSED, f"{message}; `{self.prog} --help` says what is accepted\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; a refusal or a failure is one sentence on standard error."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except (BadRequest, BadSetting) as error:
        print(error, file=sys.stderr)
        return REFUSED
    except NocturneError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
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
    add("--model", default=DEFAULT_MODEL, help=f"{' or '.join(MODELS)} (default: %(default)s)")
    add("--output", type=Path, default=Path("out"), metavar="DIR", help="where the files go (default: %(default)s)")
    add("--attention", action="store_true", help="draw also what the network attends to, where the model can say")
    add_request(compose)
    add_rendering(compose)
    go_on = commands.add_parser(
        "continue",
        help="go on from a MIDI file",
        description="Goes on from a MIDI file: its notes, on one piano, and then new ones.",
        allow_abbrev=False,
    )
    go_on.set_defaults(run=run_continue)
    add = go_on.add_argument
    add("file", type=Path, metavar="IN.mid", help="what to go on from")
    add("--from", dest="until", type=number, metavar="SECONDS", help="leave out what begins later (default: nothing)")
    add(
        "--output",
        type=Path,
        default=Path("out", "continued.mid"),
        metavar="OUT.mid",
        help="the new file; sound and picture go beside it (default: %(default)s)",
    )
    add_request(go_on)
    add_rendering(go_on)
    return top


def add_request(command: argparse.ArgumentParser) -> None:
    """The options for what is composed, and for how it is reported."""
    add = command.add_argument
    add(
        "--length",
        type=whole_number,
        default=DEFAULT_LENGTH,
        metavar="STEPS",
        help=f"{MIN_LENGTH} to {MAX_LENGTH} steps of {STEP_SECONDS} s (default: %(default)s)",
    )
    add(
        "--take",
        type=whole_number,
        metavar="NUMBER",
        help=f"the random draw, 0 to {MAX_TAKE}: the same take gives the same piece (default: a fresh one)",
    )
    add("--style", default=ANY_STYLE, help="whose manner to play in (default: %(default)s)")
    add(
        "--top-p",
        type=number,
        default=USUAL,
        metavar="P",
        help=f"{MIN_TOP_P} (only the likeliest choices) to {MAX_TOP_P} (default: what suits the model)",
    )
    add(
        "--temperature",
        type=number,
        default=DEFAULT_TEMPERATURE,
        metavar="T",
        help=f"{MIN_TEMPERATURE} (tame) to {MAX_TEMPERATURE} (wild) (default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON object a piece, a line each")


def request_of(options: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_request` ask for, as options of a ComposeRequest."""
    return {
        "take": fresh_take() if options.take is None else options.take,
        "length": options.length,
        "temperature": options.temperature,
        "style": options.style,
        "top_p": options.top_p,
    }


def add_rendering(command: argparse.ArgumentParser) -> None:
    """The options for how a piece is played."""
    add = command.add_argument
    add("--instrument", default=DEFAULT_INSTRUMENT, help=f"{', '.join(INSTRUMENTS)} (default: %(default)s)")
    add(
        "--tempo",
        type=whole_number,
        default=USUAL_TEMPO,
        metavar="PERCENT",
        help=f"{MIN_TEMPO} to {MAX_TEMPO} percent of the composed speed (default: %(default)s)",
    )
    add(
        "--transpose",
        type=whole_number,
        default=0,
        metavar="SEMITONES",
        help=f"-{MAX_TRANSPOSE} to {MAX_TRANSPOSE} (default: %(default)s)",
    )
    add("--audio", default=AUDIO_FORMATS[0], help=f"{', '.join(AUDIO_FORMATS)} (default: %(default)s)")


def rendering_of(options: argparse.Namespace) -> Rendering:
    """What the options of `add_rendering` ask for. Raises BadRequest."""
    return Rendering(options.instrument, options.tempo, options.transpose, options.audio)


def whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a whole number") from None


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a number") from None


def run_compose(options: argparse.Namespace) -> None:
    """All that can be refused is refused before the model is loaded, which takes seconds."""
    if options.takes < 1:
        raise BadRequest(f"takes {options.takes} is not 1 or more")
    first = ComposeRequest(Seed.parse(options.seed), model=options.model, **request_of(options))
    takes = range(first.take, first.take + options.takes)
    replace(first, take=takes[-1])
    if options.attention and not MODELS[first.model].attends:
        raise BadRequest(f"the model '{first.model}' cannot say what it attends to")
    rendering = rendering_of(options)
    rendering.lasting(first.seconds)
    folder = writable(options.output)
    requests = [replace(first, take=take) for take in takes]
    make(requests, rendering, lambda piece: folder / piece.recipe.name, options.json, options.attention)


def run_continue(options: argparse.Namespace) -> None:
    """As careful with the file as the bot is with those that it is sent."""
    from core.midi.container import MAX_BYTES
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
    reader = Reader()
    try:
        upload = reader.read(data, options.until)
    finally:
        reader.close()
    request = upload.continued(**request_of(options))
    rendering = rendering_of(options)
    rendering.lasting(upload.seconds + request.seconds)
    path = writable(options.output.parent) / options.output.stem
    make([request], rendering, lambda piece: path, options.json)
    print(upload.remark, file=sys.stderr)


def make(
    requests: Sequence[ComposeRequest],
    rendering: Rendering,
    path_of: Callable[[Piece], Path],
    as_json: bool,
    attention: bool = False,
) -> None:
    """Compose and finish pieces, and report each; `path_of` says where one's files go, without their suffix."""
    from core import loader, pipeline
    from core.rendering.audio import find_soundfont
    from core.settings import Settings

    settings = Settings.load()
    find_soundfont(settings.soundfont)
    with progress_bar() as bar:
        model = requests[0].model
        composer = loader.load_composer(model, settings.checkpoints, settings.preset, slots=1)
        for request in requests:
            bar.set_description_str(f"take {request.take}", refresh=False)
            draft = pipeline.compose(composer, request, lambda share: show(bar, COMPOSED * share))
            piece = pipeline.finish(draft, settings.soundfont, sys.maxsize, rendering)  # no message limits a file here
            show(bar, 100)
            files = write(path_of(piece), piece, piece.attention if attention else ())
            bar.write(report(piece, files, as_json), file=sys.stdout)
            sys.stdout.flush()


def progress_bar() -> tqdm[NoReturn]:
    """In percent, on standard error; it goes when the work is done. In a terminal it is there while the model loads;
    elsewhere it begins with the music, and is written seldom."""
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


def show(bar: tqdm[NoReturn], percent: float) -> None:
    bar.update(percent - bar.n)


def writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(f"the folder '{folder}' cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadRequest(f"nothing can be written into the folder '{folder}'")
    return folder


def write(path: Path, piece: Piece, attention: Sequence[bytes]) -> list[Path]:
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
