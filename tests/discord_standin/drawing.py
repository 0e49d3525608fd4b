"""A drawing of a message, much as Discord's clients show it on dark: for pictures in the documents, and to look at
what a listener reads on a wide screen or at a phone's 400 px.

Every part of a message becomes an image of its own, and `stacked` puts them below each other."""

from __future__ import annotations

import base64
import functools
import io
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from .codes import BUTTON, SELECTS, TEXT_DISPLAY, TEXT_INPUT
from .model import Attachment, Message
from .places import Json

BACKGROUND, BOX, FIELD, LINE = "#323339", "#2b2d31", "#1e1f22", "#3f4147"
TEXT, STRONG, FAINT, LINK, MENTION = "#dbdee1", "#ffffff", "#949ba4", "#00a8fc", "#3d4270"
BUTTON_COLOURS = {1: "#5865f2", 2: "#4e5058", 3: "#248046", 4: "#da373c", 5: "#4e5058"}
"""By the number of a button's style."""
SIZE, SMALL, TITLE, GAP = 17, 14, 22, 10
"""Pixels: of letters, and between parts."""
ACTION_ROW, SECTION, SEPARATOR, CONTAINER = 1, 9, 14, 17
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_MARKDOWN = re.compile(
    r"\*\*(?P<bold>.+?)\*\*|`+(?P<code>[^`]+?)`+|\[(?P<link>[^]]+)\]\(\S+?\)|(?P<address>https?://\S+)"
    r"|<(?P<mention>[@#/][^>]+)>|<t:\d+(?::\w)?>"
)


class Span(NamedTuple):
    """Text in one look."""

    text: str
    colour: str = TEXT
    face: str = "DejaVuSans"
    back: str | None = None


def drawn(message: Message, *, command: str = "", width: int = 1000) -> Image.Image:
    """A picture of a message, so many pixels wide, below a line that says who used which command."""
    margin = 28 if width >= 600 else 12
    left = 62 if width >= 600 else 0
    inner = width - 2 * margin - left
    asked = message.interaction
    told = [_line([Span(asked.user.name, STRONG), Span(f" used {command}", FAINT)], inner)] if asked and command else []
    name = _line([Span("Nocturne ", STRONG, "DejaVuSans-Bold"), Span(" APP ", STRONG, back="#5865f2")], inner)
    hint = [_line([Span("Only you can see this", FAINT)], inner, SMALL)] if message.ephemeral else []
    picture = stacked([*told, name, *_body(message, inner), *hint])
    canvas = Image.new("RGB", (width, picture.height + 2 * margin), BACKGROUND)
    canvas.paste(picture, (margin + left, margin))
    if left:
        top = margin + (told[0].height + GAP if told else 0)
        _round(ImageDraw.Draw(canvas), (margin, top, margin + 48, top + 48), "#4a5d8f", 24)
        ImageDraw.Draw(canvas).text((margin + 16, top + 8), "♪", STRONG, _font("DejaVuSans", 28))
    return canvas


def stacked(parts: Iterable[Image.Image], gap: int = GAP, back: str = BACKGROUND) -> Image.Image:
    """Images below each other."""
    images = list(parts) or [Image.new("RGB", (1, 1), back)]
    height = sum(image.height for image in images) + gap * (len(images) - 1)
    canvas = Image.new("RGB", (max(image.width for image in images), height), back)
    top = 0
    for image in images:
        canvas.paste(image, (0, top))
        top += image.height + gap
    return canvas


def _body(message: Message, width: int) -> Iterator[Image.Image]:
    if message.content:
        yield _paragraphs(_with_names(message.content, message), width)
    for embed in message.embeds:
        yield _embed(embed, message, width)
    shown = {embed.get("image", {}).get("url") for embed in message.embeds}
    for file in message.attachments:
        if file.url not in shown:
            yield _file(file, width)
    for component in message.components:
        yield _component(component, width, BACKGROUND)


def _embed(embed: Json, message: Message, width: int) -> Image.Image:
    colour = f"#{embed.get('color', 0):06x}"
    return _boxed(list(_embed_parts(embed, message, width - 48)), width, colour)


def _embed_parts(embed: Json, message: Message, width: int) -> Iterator[Image.Image]:
    if author := embed.get("author"):
        yield _line([Span(author["name"], STRONG, "DejaVuSans-Bold")], width, SMALL, BOX)
    if title := embed.get("title"):
        yield _line([Span(title, STRONG, "DejaVuSans-Bold")], width, TITLE, BOX)
    if description := embed.get("description"):
        yield _paragraphs(_with_names(description, message), width, BOX)
    columns = 3 if width >= 600 else 1
    fields = embed.get("fields", [])
    for first in range(0, len(fields), columns):
        row = [_field(field, width // columns - GAP) for field in fields[first : first + columns]]
        yield _beside(row, width // columns)
    for file in message.attachments:
        if file.url == embed.get("image", {}).get("url"):
            yield _scaled(file, width)
    if footer := embed.get("footer"):
        yield _paragraphs(footer["text"], width, BOX, SMALL, FAINT)


def _with_names(text: str, message: Message) -> str:
    """The text with the names of those whom it mentions by their ids."""
    for person in message.channel.members:
        text = text.replace(f"<@{person.id}>", f"<@{person.name.title()}>")
    return text


def _field(field: Json, width: int) -> Image.Image:
    name = _line([Span(field["name"], STRONG, "DejaVuSans-Bold")], width, SIZE, BOX)
    return stacked([name, _paragraphs(field["value"], width, BOX)], 4, BOX)


def _file(file: Attachment, width: int) -> Image.Image:
    """A picture, a voice message with its waveform, or a file by its name and size."""
    if (file.content_type or "").startswith("image/"):
        return _scaled(file, width)
    if file.waveform is not None:
        return _voice(file, min(width, 420))
    sign = "♩" if file.filename.endswith(".mid") else "♫"
    size = len(file.bytes)
    told = f"{size / 1e6:.2f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} KB"
    inner = min(width, 640) - 48
    name = _line([Span(f"{sign} ", STRONG), Span(_cut(file.filename, inner - 30), LINK)], inner, SIZE, BOX)
    return _boxed([name, _line([Span(told, FAINT)], inner, SMALL, BOX)], min(width, 640))


def _voice(file: Attachment, width: int) -> Image.Image:
    canvas = Image.new("RGB", (width, 56), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    _round(draw, (0, 0, width, 56), BOX, 28)
    draw.text((18, 14), "▶", STRONG, _font("DejaVuSans", 22))
    heights = base64.b64decode(file.waveform or "")
    bars = (width - 140) // 5
    for bar in range(bars):
        height = 2 + heights[bar * len(heights) // bars] * 32 // 255 if heights else 2
        draw.rectangle((54 + bar * 5, 28 - height // 2, 56 + bar * 5, 28 + height // 2), FAINT)
    seconds = round(file.duration_secs or 0)
    draw.text((width - 66, 18), f"{seconds // 60}:{seconds % 60:02}", TEXT, _font("DejaVuSans", SIZE))
    return canvas


def _component(component: Json, width: int, back: str) -> Image.Image:
    """A component and those in it: rows of buttons, menus, text, sections and containers."""
    kind = component["type"]
    if kind == TEXT_DISPLAY:
        return _paragraphs(component["content"], width, back)
    if kind == BUTTON:
        return _button(component, back)
    if kind in (*SELECTS, TEXT_INPUT):
        return _menu(component, min(width, 560), back)
    if kind == SEPARATOR:
        return Image.new("RGB", (width, 1), LINE)
    if kind == CONTAINER:
        inner = [_component(part, width - 48, BOX) for part in component["components"]]
        return _boxed(inner, width, f"#{component['accent_color']:06x}" if component.get("accent_color") else LINE)
    parts = [*component.get("components", []), *[component[at] for at in ("component", "accessory") if at in component]]
    images = [_component(part, width, back) for part in parts]
    return _wrapped(images, width, back) if kind in (ACTION_ROW, SECTION) else stacked(images, back=back)


def _button(button: Json, back: str) -> Image.Image:
    label = " ".join(filter(None, ((button.get("emoji") or {}).get("name"), button.get("label"))))
    font = _font("DejaVuSans", SIZE)
    size = (round(font.getlength(label)) + 36, 40)
    canvas = Image.new("RGB", size, back)
    draw = ImageDraw.Draw(canvas)
    _round(draw, (0, 0, *size), BUTTON_COLOURS[button["style"]], 6)
    draw.text((18, 9), label, FAINT if button.get("disabled") else STRONG, font)
    return canvas


def _menu(menu: Json, width: int, back: str) -> Image.Image:
    chosen = [option["label"] for option in menu.get("options", []) if option.get("default")]
    shown = ", ".join(chosen) or menu.get("value") or menu.get("placeholder") or ""
    canvas = Image.new("RGB", (width, 44), back)
    draw = ImageDraw.Draw(canvas)
    _round(draw, (0, 0, width, 44), FIELD, 6)
    draw.text((15, 11), _cut(shown, width - 60), TEXT if chosen else FAINT, _font("DejaVuSans", SIZE))
    draw.line([(width - 32, 19), (width - 26, 25), (width - 20, 19)], FAINT, 2)
    return canvas


def _boxed(parts: list[Image.Image], width: int, edge: str = LINE) -> Image.Image:
    """Parts in a box with a coloured left edge."""
    inside = stacked(parts, back=BOX)
    canvas = Image.new("RGB", (width, inside.height + 32), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    _round(draw, (0, 0, width, canvas.height), BOX, 5)
    draw.rectangle((0, 0, 4, canvas.height), edge)
    canvas.paste(inside, (24, 16))
    return canvas


def _beside(images: list[Image.Image], width: int) -> Image.Image:
    canvas = Image.new("RGB", (width * len(images), max(image.height for image in images)), BOX)
    for place, image in enumerate(images):
        canvas.paste(image, (place * width, 0))
    return canvas


def _wrapped(images: list[Image.Image], width: int, back: str) -> Image.Image:
    """Images beside each other, in as many rows as they need."""
    rows: list[list[Image.Image]] = [[]]
    for image in images:
        taken = sum(other.width + 8 for other in rows[-1])
        if rows[-1] and taken + image.width > width:
            rows.append([])
        rows[-1].append(image)
    return stacked((_row(row, width, back) for row in rows), 8, back)


def _row(images: list[Image.Image], width: int, back: str) -> Image.Image:
    canvas = Image.new("RGB", (width, max((image.height for image in images), default=1)), back)
    left = 0
    for image in images:
        canvas.paste(image, (left, 0))
        left += image.width + 8
    return canvas


def _scaled(file: Attachment, width: int) -> Image.Image:
    picture = Image.open(io.BytesIO(file.bytes)).convert("RGB")
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)


def _paragraphs(text: str, width: int, back: str = BACKGROUND, size: int = SIZE, colour: str = TEXT) -> Image.Image:
    """Markdown as Discord reads it: bold, code, links, mentions, headings and small lines."""
    lines: list[Image.Image] = []
    for block, part in enumerate(text.split("```")):
        if block % 2:
            code = [
                _line([Span(line, TEXT, "DejaVuSansMono")], width - 48, SMALL, BOX) for line in part.strip().split("\n")
            ]
            lines.append(_boxed(code, width))
            continue
        for line in part.strip("\n").split("\n") if part.strip("\n") else []:
            heading, small = re.match(r"#{1,3} ", line), line.startswith("-# ")
            spans = _spans(re.sub(r"^(#{1,3}|-#) ", "", line), FAINT if small else colour)
            if heading:
                spans = [span._replace(colour=STRONG, face="DejaVuSans-Bold") for span in spans]
            lines.append(_line(spans, width, TITLE if heading else SMALL if small else size, back))
    return stacked(lines, 4, back)


def _spans(line: str, colour: str) -> list[Span]:
    spans, at = [], 0
    for found in _MARKDOWN.finditer(line):
        spans.append(Span(line[at : found.start()], colour))
        at = found.end()
        looks: dict[str, Callable[[str], Span]] = {
            "bold": lambda text: Span(text, STRONG, "DejaVuSans-Bold"),
            "code": lambda text: Span(text, colour, "DejaVuSansMono", FIELD),
            "link": lambda text: Span(text, LINK),
            "address": lambda text: Span(text, LINK),
            "mention": lambda text: Span(re.sub(r"(?<=\w):\d+$", "", text), "#c9cdfb", back=MENTION),
        }
        named = {name: text for name, text in found.groupdict().items() if text}
        spans += [looks[name](text) for name, text in named.items()] or [Span("a moment ago", colour)]
    return [span for span in [*spans, Span(line[at:], colour)] if span.text]


def _line(spans: list[Span], width: int, size: int = SIZE, back: str = BACKGROUND) -> Image.Image:
    """Spans in as many lines as they need, broken between words."""
    height = round(size * 1.45)
    canvas = Image.new("RGB", (width, height * 40), back)
    draw = ImageDraw.Draw(canvas)
    left, top = 0.0, 0
    for span in spans:
        font = _font(span.face, size)
        for word in re.findall(r"\s+|\S+", span.text):
            long = font.getlength(word)
            if left and left + long > width:
                left, top = 0.0, top + height
                if word.isspace():
                    continue
            if span.back:
                draw.rectangle((left, top + 1, left + long, top + height - 2), span.back)
            draw.text((left, top + size * 0.12), word, span.colour, font)
            left += long
    return canvas.crop((0, 0, width, top + height))


def _cut(text: str, width: int) -> str:
    font = _font("DejaVuSans", SIZE)
    while font.getlength(text) > width:
        text = text[:-2] + "…"
    return text


def _round(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: str, radius: int) -> None:
    left, top, right, bottom = box
    draw.rounded_rectangle((left, top, right - 1, bottom - 1), radius, colour)


@functools.cache
def _font(face: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONTS / f"{face}.ttf", size)
