"""A stand-in for Discord that a real discord.py client talks to: REST and gateway on loopback, as documented.

    async with Discord() as discord:
        clara = discord.person("clara", discord.guild())
        ... start a bot with discord.environment ...
        await discord.registered("compose")
        piece = await clara.types("/compose", seed="72", length=500)
        message = await piece.finished()

places.py, model.py    people, servers and channels; messages and interactions
world.py               all of them, and a clock
people.py, forms.py    what somebody does with a client, and how they fill in a modal
codes.py               Discord's numbers
limits.py, command_limits.py, refusals.py    what Discord refuses, and how
server.py              the server on loopback: gateway.py the websocket, rest.py and interactions.py the routes,
                       messages.py what they write, traffic.py rate limits and faults
drawing.py             a picture of a message, as a client shows it
player.py              a bot for the tests of the stand-in
"""

from .model import Attachment, Choice, Interaction, Message
from .people import ClientRefuses, Person, Upload
from .places import Channel, Guild, User
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
