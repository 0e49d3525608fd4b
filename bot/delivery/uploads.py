"""Files that somebody sent to be gone on from. They are downloaded and read once their interaction is noted down, so
that a bot that is killed meanwhile does so again."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import discord

from bot.delivery.retry import UNREACHABLE
from bot.store.pending_replies import Answer
from core.errors import BadRequest

if TYPE_CHECKING:
    from bot.client import Nocturne


async def continued(client: Nocturne, answer: Answer) -> Answer:
    """The answer with the request that goes on from its upload. Raises BadRequest for a file that cannot be had, or
    read, or is too long."""
    try:
        data = await client.http.get_from_cdn(answer.upload)
    except (discord.HTTPException, *UNREACHABLE) as error:
        raise BadRequest("the file could not be downloaded from Discord; please send it again") from error
    upload = await client.read(data, answer.until)
    options = {field.name: getattr(answer.request, field.name) for field in fields(answer.request)}
    request = upload.continued(**{name: value for name, value in options.items() if name not in ("seed", "primer")})
    answer.rendering.lasting(upload.seconds + request.seconds)
    return replace(answer, request=request, remark=upload.remark, upload="", until=None)
