"""The routes an interaction's token opens: its acknowledgement, the original answer, and follow-ups."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .codes import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    MODAL,
    TOKEN_SECONDS,
    USER_INSTALL,
    VOICE_MESSAGE,
)
from .limits import check_choices, check_modal
from .messages import Files, Messages, read_body
from .model import Choice, Interaction, Message
from .places import Json
from .refusals import Refused, invalid
from .rest import number
from .traffic import reply
from .world import World

MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, CHOICES, SHOW_MODAL = 4, 5, 6, 7, 8, 9
FITTING = {
    COMMAND: {MESSAGE, DEFERRED_MESSAGE, SHOW_MODAL},
    COMPONENT: {MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, SHOW_MODAL},
    AUTOCOMPLETE: {CHOICES},
    MODAL: {MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE},
}
"""The callback types that each type of interaction may be acknowledged with."""
USER_INSTALL_FOLLOWUPS = 5


class Interactions:
    def __init__(self, world: World, messages: Messages) -> None:
        self.world, self.messages = world, messages

    def routes(self, api: str) -> list[web.RouteDef]:
        webhook = f"{api}/webhooks/{{application}}/{{token}}"
        return [
            web.post(f"{api}/interactions/{{interaction}}/{{token}}/callback", self.acknowledge),
            web.post(webhook, self.create_followup),
            web.get(f"{webhook}/messages/{{message}}", self.get_message),
            web.patch(f"{webhook}/messages/{{message}}", self.edit_message),
            web.delete(f"{webhook}/messages/{{message}}", self.delete_message),
        ]

    # The acknowledgement

    async def acknowledge(self, request: web.Request) -> web.Response:
        body, files = await read_body(request)
        interaction = self.world.interactions.get(request.match_info["token"])
        now = self.world.clock.now()
        if not interaction or interaction.id != number(request, "interaction"):
            raise Refused(404, 10062, "Unknown interaction")
        if interaction.acknowledged_at is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if now - interaction.created_at > self.world.answer_seconds:
            interaction.lost = True
            interaction.changed()
            raise Refused(404, 10062, "Unknown interaction")
        kind = body.get("type")
        if kind not in FITTING[interaction.kind] or (kind in (DEFERRED_UPDATE, UPDATE) and not interaction.source):
            raise invalid("type", "BASE_TYPE_CHOICES", f"Not a callback type for interaction type {interaction.kind}")
        self._carry_out(interaction, kind, body.get("data") or {}, files)
        interaction.acknowledged_at = now
        interaction.changed()
        if request.query.get("with_response") not in ("1", "true", "True"):
            return reply()
        return reply(self._callback(interaction, kind))

    def _carry_out(self, interaction: Interaction, kind: int, data: Json, files: Files) -> None:
        flags = data.get("flags", 0)
        if kind == MESSAGE:
            interaction.message = self._write(
                interaction, data, files, flags & (EPHEMERAL | COMPONENTS_V2 | VOICE_MESSAGE)
            )
        elif kind == DEFERRED_MESSAGE:
            if flags & ~EPHEMERAL:
                raise invalid("data.flags", "MESSAGE_FLAGS_INVALID", "Only EPHEMERAL can be set on a deferred message")
            message = self.world.add_message(interaction.channel, flags=LOADING | flags)
            message.interaction = interaction
            interaction.message = self.messages.publish(message)
        elif kind == DEFERRED_UPDATE:
            interaction.message = interaction.source
        elif kind == UPDATE:
            interaction.message = self._edit(interaction, interaction.source, data, files)
        elif kind == CHOICES:
            check_choices(data.get("choices"))
            interaction.choices = [Choice(choice["name"], choice["value"]) for choice in data["choices"]]
        else:
            check_modal(data)
            interaction.modal = data

    def _callback(self, interaction: Interaction, kind: int) -> Json:
        """What `with_response` asks for."""
        about: Json = {"id": str(interaction.id), "type": interaction.kind}
        answer: Json = {"interaction": about}
        if message := interaction.message:
            about["response_message_id"] = str(message.id)
            about["response_message_loading"] = message.loading
            about["response_message_ephemeral"] = message.ephemeral
            answer["resource"] = {"type": kind}
            if kind in (MESSAGE, UPDATE):
                answer["resource"]["message"] = message.to_json()
        return answer

    # The original answer and follow-ups

    def _interaction(self, request: web.Request) -> Interaction:
        interaction = self.world.interactions.get(request.match_info["token"])
        if (
            not interaction
            or interaction.application_id != number(request, "application")
            or interaction.acknowledged_at is None
        ):
            raise Refused(404, 10015, "Unknown Webhook")
        if self.world.clock.now() - interaction.created_at > TOKEN_SECONDS:
            raise Refused(401, 50027, "Invalid Webhook Token")
        return interaction

    def _message(self, request: web.Request) -> tuple[Interaction, Message]:
        interaction = self._interaction(request)
        message = interaction.message
        if request.match_info["message"] != "@original":
            id = number(request, "message")
            message = next((m for m in (message, *interaction.followups) if m and m.id == id), None)
        if not message or message.deleted:
            raise Refused(404, 10008, "Unknown Message")
        return interaction, message

    async def get_message(self, request: web.Request) -> web.Response:
        return reply(self._message(request)[1].to_json())

    async def edit_message(self, request: web.Request) -> web.Response:
        body, files = await read_body(request)
        interaction, message = self._message(request)
        return reply(self._edit(interaction, message, body, files).to_json())

    async def delete_message(self, request: web.Request) -> web.Response:
        self.messages.delete(self._message(request)[1])
        return reply()

    async def create_followup(self, request: web.Request) -> web.Response:
        body, files = await read_body(request)
        interaction = self._interaction(request)
        original = interaction.message
        if original and original.loading and not original.deleted:
            # For backwards compatibility the first one fills what was deferred, as visible as that was.
            return reply(self._edit(interaction, original, body, files).to_json())
        if {*interaction.owners} == {USER_INSTALL} and len(interaction.followups) >= USER_INSTALL_FOLLOWUPS:
            raise Refused(400, 40094, "This interaction has reached the maximum number of follow-up messages.")
        flags = body.get("flags", 0) & (EPHEMERAL | COMPONENTS_V2)
        message = self._write(interaction, body, files, flags)
        interaction.followups.append(message)
        interaction.changed()
        return reply(message.to_json())

    def _write(self, interaction: Interaction, body: Any, files: Files, flags: int) -> Message:
        limit = interaction.attachment_size_limit
        return self.messages.write(
            interaction.channel, body, files, flags=flags, size_limit=limit, interaction=interaction
        )

    def _edit(self, interaction: Interaction, message: Message | None, body: Any, files: Files) -> Message:
        assert message is not None
        return self.messages.edit(message, body, files, size_limit=interaction.attachment_size_limit)
