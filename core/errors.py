"""Every error that Nocturne raises on purpose. Their text is one sentence that may be shown to anybody.

NocturneError
├── BadRequest        what was asked for cannot be made: seed, length, temperature, take, model
│   └── UnknownNotes  the model has no word for these notes; the sentence names three near ones
├── BadCheckpoint     a folder of weights whose parts do not fit together
├── BadData           a folder of training data that cannot be read, or a download that is not what it should be
├── BadSetting        a setting of the environment or `.env` that cannot be used
├── RenderError       FluidSynth, the SoundFont or the encoder failed
├── QueueError        the queue cannot take a job now
│   └── TooManyJobs   this listener has enough unfinished ones
└── Cancelled         the listener took the job back
"""


class NocturneError(Exception):
    """An error whose text is meant for people."""


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


class Cancelled(NocturneError):
    pass
