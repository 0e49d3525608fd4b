"""Every error that Nocturne raises on purpose. Their text is one sentence that may be shown to anybody, and that the
bot says in the listener's language: so it is a template and its values, never an f-string.

NocturneError
├── BadRequest        what was asked for cannot be made: seed, length, temperature, take, model
│   └── UnknownNotes  the model has no word for these notes; the sentence names three near ones
├── BadCheckpoint     a folder of weights whose parts do not fit together
├── BadData           a folder of training data that cannot be read, or a download that is not what it should be
├── BadSetting        a setting of the environment or `.env` that cannot be used
├── RenderError       FluidSynth, the SoundFont or the encoder failed
├── QueueError        the queue cannot take a job now
│   ├── TooManyJobs   this listener has enough unfinished ones
│   └── QueueFull     so many jobs wait that no further one is taken
├── StoreError        what the bot keeps for itself, its database, cannot be reached now
└── Cancelled         the listener took the job back
"""

from __future__ import annotations

from core.text import Text, Value


class NocturneError(Exception):
    """An error whose text is meant for people: `BadRequest("take {take} is outside 0 to {most}", take=5, most=4)`."""

    def __init__(self, template: str | Text, /, **values: Value) -> None:
        self.text = template if isinstance(template, Text) else Text(template, values)
        super().__init__(str(self.text))


class BadRequest(NocturneError):
    pass


class UnknownNotes(BadRequest):
    pass


class BadCheckpoint(NocturneError):
    pass


class BadData(NocturneError):
    pass


class BadSetting(NocturneError):
    pass


class RenderError(NocturneError):
    pass


class QueueError(NocturneError):
    pass


class TooManyJobs(QueueError):
    pass


class QueueFull(QueueError):
    pass


class StoreError(NocturneError):
    pass


class Cancelled(NocturneError):
    pass


def shown(text: str, longest: int = 40) -> str:
    """Typed text as a sentence may repeat it: in one line, and no more than `longest` characters of it."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
