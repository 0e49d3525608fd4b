"""Words in pictures, in each language as far as they can be drawn."""

from dataclasses import asdict

import matplotlib
import pytest
from matplotlib.font_manager import FontProperties, findfont, get_font

from bot.language.i18n import language
from core.captions import Captions
from core.request import ComposeRequest, Rendering
from core.seed import Seed

EDITED = Rendering("music box", tempo=80, transpose=-3, only_new=True, crop="1.5-")


@pytest.mark.parametrize(
    ("seed", "rendering", "title"),
    [
        ("72", Rendering(), "C5 · take 7"),
        ("random", Rendering(audio="wav"), "random · take 7"),
        ("60,64,67 72", Rendering(tempo=80), "C4+E4+G4 C5 · take 7 · 80 %"),
        ("72", Rendering("music box", transpose=-3), "C5 · take 7 · music box · −3"),
        ("72", Rendering(crop="30-60"), "C5 · take 7 · 30–60 s"),
        ("72", Rendering(crop="30-"), "C5 · take 7 · 30 s –"),
    ],
)
def test_the_title_is_the_recipe(seed: str, rendering: Rendering, title: str):
    """The heading of the picture names the notes, the take and the edits."""
    assert Captions.of(ComposeRequest(Seed.parse(seed), take=7), rendering).title == title


def test_a_beginning_has_a_name():
    """Where there is one."""
    assert Captions.of(ComposeRequest(Seed.parse("72"), take=7)).beginning == "seed"
    assert Captions.of(ComposeRequest(Seed(), take=7, primer=b"MThd")).beginning == "opening"
    assert Captions.of(ComposeRequest(Seed(), take=7)).beginning == ""


def test_captions_are_in_the_listener_s_language():
    """In German words and with its decimal point; in Chinese, which no font of the worker's has, numbers and signs
    alone."""
    request = ComposeRequest(Seed(), take=7, primer=b"MThd")
    german = Captions.of(request, EDITED, language("de"))
    assert german.title == "fortgesetzt · Take 7 · Spieluhr · 80 % · −3 · neuer Teil · 1,5 s –"
    assert (german.beginning, german.attention) == ("Anfang", "Aufmerksamkeit")
    assert Captions.of(request, EDITED, language("zh-CN")) == Captions("#7 · 80 % · −3 · 1.5 s –")


@pytest.mark.parametrize("locale", ["en-US", "de", "zh-CN"])
@pytest.mark.parametrize("request_", [ComposeRequest(Seed.parse("Bb4 C#5"), take=7), ComposeRequest(Seed(), take=7)])
def test_every_letter_can_be_drawn(locale: str, request_: ComposeRequest):
    """By the font that matplotlib brings along: no picture has a box in place of a letter."""
    font = get_font(findfont(FontProperties(family=matplotlib.rcParamsDefault["font.sans-serif"][0])))
    words = "".join(str(value) for value in asdict(Captions.of(request_, EDITED, language(locale))).values())
    assert [letter for letter in words if not font.get_char_index(ord(letter))] == []


def test_captions_survive_the_queue():
    """And what a newer version adds is passed over."""
    captions = Captions.of(ComposeRequest(Seed.parse("72"), take=7), EDITED, language("de"), number=3)
    assert Captions.from_json(captions.to_json() | {"colour": "red"}) == captions
    with pytest.raises(TypeError):
        Captions.from_json({"title": 7})
