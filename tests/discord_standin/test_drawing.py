"""A drawing of a message has everything that the message has, in the width that is asked for."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.discord_standin.drawing import drawn
from tests.discord_standin.model import Attachment, Message
from tests.discord_standin.places import Channel, Json, User

RED = (200, 0, 0)
WORDS = "Some **bold** words and `code`, " * 5


@pytest.fixture
def message() -> Message:
    """A message with text, an embed with a red picture in it, a file and two buttons."""
    stored = io.BytesIO()
    Image.new("RGB", (300, 100), RED).save(stored, "png")
    bot = User(1, "nocturne", bot=True)
    sent = Message(2, Channel(3, "general"), bot, 0.0)
    sent.content = WORDS
    sent.attachments = [
        Attachment(4, "roll.png", stored.getvalue(), "http://there/roll.png"),
        Attachment(5, "piece.mid", b"MThd", "http://there/piece.mid"),
    ]
    sent.embeds = [{"title": "C minor", "image": {"url": "http://there/roll.png"}, "color": 0x4A5D8F}]
    sent.components = [{"type": 1, "components": [_button("Listen"), _button("Recipe")]}]
    return sent


def _button(label: str) -> Json:
    return {"type": 2, "style": 2, "label": label, "custom_id": label}


@pytest.mark.parametrize("width", [400, 1000])
def test_the_width_is_that_which_was_asked_for(message: Message, width: int):
    """On a phone as on a wide screen."""
    assert drawn(message, width=width).width == width


def test_text_is_broken_where_it_does_not_fit(message: Message):
    """On a phone the same text takes more lines."""
    message.embeds, message.attachments, message.components = [], [], []
    assert drawn(message, width=400).height > drawn(message, width=1000).height


@pytest.mark.parametrize("part", ["content", "embeds", "attachments", "components"])
def test_each_part_takes_room(message: Message, part: str):
    """A message without one of its parts is less tall."""
    whole = drawn(message).height
    setattr(message, part, type(getattr(message, part))())
    assert drawn(message).height < whole


def test_the_picture_of_an_embed_is_in_it(message: Message):
    """Its colour is found in the drawing."""
    assert RED in {colour for _, colour in drawn(message).getcolors(2**20)}
