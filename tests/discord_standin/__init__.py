"""A stand-in for Discord that a real discord.py client talks to: REST and gateway on loopback, as documented.

    async with Discord() as discord:
        clara = discord.person("clara", discord.guild())
        ... start a bot with discord.environment ...
        await discord.registered("compose")
        piece = await clara.types("/compose", seed="72", length=500)
        message = await piece.finished()

model.py says what there is, world.py has all of it, people.py the humans, forms.py how they fill in a modal; limits.py
is what Discord refuses, gateway.py the websocket, traffic.py rate limits and faults, rest.py and interactions.py the
routes, messages.py what they write; server.py puts it together. drawing.py shows a message as a client does.
"""

from .model import Attachment, Channel, Choice, Guild, Interaction, Message, User
from .people import ClientRefuses, Person, Upload
from .server import Discord
from .traffic import Fault, Refusal

__all__ = [
    "Attachment",
    "Channel",
    "Choice",
    "ClientRefuses",
    "Discord",
    "Fault",
    "Guild",
    "Interaction",
    "Message",
    "Person",
    "Refusal",
    "Upload",
    "User",
]
