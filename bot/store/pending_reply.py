"""A pending reply: what an accepted interaction is owed, as a bot keeps it until it is delivered."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from bot.process.discord_clock import moment
from core.options import TAKE, TAKES
from core.records import check_types, known_fields, of_type
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.tasks import COMPOSE, TASKS
from core.text import NOTHING, Text

FORMAT = 1
"""Format of the pending replies that this version writes. It is to be raised with a change of which an older bot, as it
ignores what it does not know, would make another piece than was asked for: that one leaves rows of a higher format for
newer bots."""
TOKEN_SECONDS = 14.5 * 60
"""Discord takes an interaction's token for 15 minutes; the rest is for the way there."""
DEADLINE_SECONDS = 14 * 60
"""A reply that only the token can bring is given up after so long."""
MESSAGE_LIMIT = 10 * 2**20
"""Bytes that Discord takes for one file of an ordinary message."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The place where a reply goes, and how long and how much Discord takes there."""

    user_id: int
    channel_id: int | None
    application_id: int
    token: str = field(repr=False)
    """Lets anybody edit the reply, so it is shown nowhere, and erased with the row or when it has expired."""
    private: bool
    """Whether the listener alone sees the reply."""
    size_limit: int
    """Bytes that Discord takes for one file of this reply."""
    reachable: bool
    """Whether an ordinary message can follow when the token has expired."""
    accepted_at: float
    """When the interaction was made, seconds since 1970 by Discord's clock."""
    guild_id: int | None = None
    locale: str = ""
    """The listener's language, as Discord names it."""
    name: str = ""
    """The listener's, as people see it there."""
    avatar: str = ""
    """The address of the listener's picture."""
    message_id: int | None = None
    """Id of the message that shows progress, as far as it is known."""

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def age(self) -> float:
        """Seconds since the interaction was made."""
        return moment() - self.accepted_at

    @property
    def seconds_left(self) -> float | None:
        """For how long the piece is of any use; None where a message can bring it at any time."""
        return None if self.reachable else DEADLINE_SECONDS - self.age

    @property
    def audio_limit(self) -> int:
        """Bytes of audio that fit now, and into an ordinary message later."""
        return min(self.size_limit, MESSAGE_LIMIT)

    @property
    def editable(self) -> bool:
        """Whether Discord still takes the token."""
        return self.age < TOKEN_SECONDS


@dataclass(frozen=True, slots=True)
class FreshRequest:
    """Source of a piece that the model composes as the request says."""

    def to_json(self) -> dict[str, Any]:
        return {"upload": "", "until": None, "source": ""}


@dataclass(frozen=True, slots=True)
class UnreadUpload:
    """Source of a piece that is made from a listener's file, which is still to be read; the request lacks its notes,
    and says nothing of the task."""

    url: str
    until: float | None = None
    """Second of the file at which the piece goes on; None for its end."""
    keep: float | None = None
    """Seconds before that which are kept; None for as many as fit."""
    longest: float | None = None
    """Seconds that the whole piece may last where it is asked for; None for no limit but the bot's own."""
    task: str = COMPOSE
    """The task of the request, once the notes are in it: to continue them, to perform or to harmonize them."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.task not in TASKS:
            raise TypeError(f"the task {self.task!r}, accepted is one of {TASKS}")

    def to_json(self) -> dict[str, Any]:
        fields = asdict(self)
        return {"upload": fields.pop("url"), **fields, "source": ""}


@dataclass(frozen=True, slots=True)
class StoredPrimer:
    """Source of a piece that continues a stored one, whose files are still to be read; the request lacks its notes."""

    piece_id: str
    until: float | None = None
    """Second of the stored piece at which the new one goes on; None for its end."""
    keep: float | None = None
    """Seconds before that which are kept; None for all."""

    def __post_init__(self) -> None:
        check_types(self)

    def to_json(self) -> dict[str, Any]:
        return {"upload": "", "until": self.until, "keep": self.keep, "source": "", "primer": self.piece_id}


@dataclass(frozen=True, slots=True)
class StoredNotes:
    """Source of a piece whose notes are stored: they are only rendered in another way."""

    piece_id: str

    def __post_init__(self) -> None:
        check_types(self)

    def to_json(self) -> dict[str, Any]:
        return {"upload": "", "until": None, "source": self.piece_id}


FRESH = FreshRequest()
Source: TypeAlias = FreshRequest | UnreadUpload | StoredPrimer | StoredNotes


@dataclass(frozen=True, slots=True)
class PendingReply:
    """The reply that an accepted interaction is owed: what it is to bring, from which source, and where it goes."""

    job_id: str
    """Id of the interaction too."""
    request: ComposeRequest
    destination: Destination
    source: Source = FRESH
    rendering: Rendering = AS_COMPOSED
    parent: str = ""
    """Id of the stored piece that this one continues; empty where it continues none."""
    remark: Text = NOTHING
    """A sentence about the file that the listener sent."""
    takes: int = TAKES.usual
    """The number of its pieces: of that many takes from the request's own one on."""

    def __post_init__(self) -> None:
        check_types(self)
        TAKES.check(self.takes)
        TAKE.check(self.request.take + self.takes - 1)

    @property
    def pieces(self) -> int:
        """The number of pieces that it brings: all limits count these."""
        return self.takes

    @property
    def job_ids(self) -> list[str]:
        """Ids of the jobs that make its takes: `7`, `7+1`, `7+2` for the reply `7`."""
        return [self.job_id, *(f"{self.job_id}+{further}" for further in range(1, self.takes))]

    @property
    def singles(self) -> list[PendingReply]:
        """Its takes apart, each as the reply that would bring it alone."""
        return [
            replace(self, job_id=job_id, request=replace(self.request, take=self.request.take + further), takes=1)
            for further, job_id in enumerate(self.job_ids)
        ]

    def to_json(self) -> dict[str, Any]:
        """One flat object, as bots wrote it before there were destination and source: bots of both kinds may run
        side by side, and each reads what the other wrote."""
        return {
            "format": FORMAT,
            "job_id": self.job_id,
            "request": self.request.to_json(),
            **asdict(self.destination),
            **self.source.to_json(),
            "rendering": self.rendering.to_json(),
            "parent": self.parent,
            "remark": self.remark.to_json(),
            "takes": self.takes,
        }

    @property
    def unread(self) -> bool:
        """Whether the notes that it is made from are still to be read."""
        return isinstance(self.source, UnreadUpload | StoredPrimer)

    @property
    def unread_task(self) -> str:
        """The task, where the notes that it is made from are still to be read, and the request does not say it; else
        empty."""
        if isinstance(self.source, UnreadUpload):
            return self.source.task
        return COMPOSE if self.unread else ""

    @classmethod
    def from_json(cls, data: Any) -> PendingReply:
        """Raises BadRequest, TypeError or KeyError for what `to_json` did not write. Older bots wrote less."""
        if is_newer(data):
            raise TypeError(f"a newer format than {FORMAT}")
        data = of_type(dict, data)
        return cls(
            data["job_id"],
            ComposeRequest.from_json(data["request"]),
            Destination(**known_fields(Destination, data)),
            _source(data),
            Rendering.from_json(data.get("rendering", {})),
            data.get("parent", ""),
            Text.from_json(data.get("remark", "")),
            data.get("takes", TAKES.usual),
        )


def is_newer(data: Any) -> bool:
    """Whether a pending reply, as JSON, is one that only a newer bot understands."""
    number = data.get("format") if isinstance(data, dict) else None
    return isinstance(number, int) and number > FORMAT


def reply_of(job_id: str) -> str:
    """The id of the pending reply to which a job belongs."""
    return job_id.partition("+")[0]


def _source(data: dict[str, Any]) -> Source:
    upload, stored = of_type(str, data.get("upload", "")), of_type(str, data.get("source", ""))
    if upload:
        options = (data.get("until"), data.get("keep"), data.get("longest"))
        return UnreadUpload(upload, *options, data.get("task", COMPOSE))
    if primer := of_type(str, data.get("primer", "")):
        return StoredPrimer(primer, data.get("until"), data.get("keep"))
    return StoredNotes(stored) if stored else FRESH
