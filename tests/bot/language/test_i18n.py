"""What the bot says in other languages than English: every word of the code has a translation that fits its place."""

import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import discord
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from discord import app_commands

from bot.commands.about import describe
from bot.commands.register import COMMANDS
from bot.commands.submission import read_submission
from bot.language import i18n, recipes
from bot.language.i18n import date, rounded_number, say, say_some, speak
from bot.language.sentences import explain, in_a_row
from bot.language.words import manner
from bot.model_cards import SHIPPED_DATA, ModelCard
from core.errors import BadRequest
from core.models import MODELS
from core.recipe import Recipe
from core.request import ComposeRequest
from core.seed import Seed
from core.text import NOTHING, Text
from tests.discord_standin import Discord
from tests.support.playing_bot import FakeQueue, playing

ROOT = Path(i18n.__file__).parents[2]
LOCALES = ("de", "zh-CN")
KEYWORDS = dict.fromkeys(
    ("say", "Text", "described", "named", "BadRequest", "QueueError", "RenderError", "StoreError", "UnknownNotes")
)


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    """The next test begins in English."""
    yield
    speak("")


def words_of_the_code() -> set[str | tuple[str, str]]:
    """As `make texts` finds them."""
    found: set[str | tuple[str, str]] = set()
    for package in ("bot", "core"):
        extracted = extract_from_dir(ROOT / package, keywords=KEYWORDS | {"say_some": (1, 2)})  # type: ignore[dict-item]
        found |= {message for _, _, message, _, _ in extracted if message}  # type: ignore[misc]
    return found


def catalogue(locale: str) -> Catalog:
    with (i18n.LOCALES / f"{locale}.po").open("rb") as file:
        return read_po(file, locale=locale.replace("-", "_"))


def places(template: str) -> list[str]:
    """`{take}` and `{seconds:g}`, in any order."""
    return sorted(f"{name}:{kind}" for _, name, kind, _ in string.Formatter().parse(template) if name is not None)


def translated(message: Message) -> Iterator[tuple[str, str]]:
    if isinstance(message.id, tuple):
        yield from ((message.id[1], said) for said in message.string)
    else:
        yield message.id, str(message.string)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_word_is_translated(locale: str):
    """None is missing (`make texts` makes a place for it), none is left over, and the values stand in each."""
    messages = [message for message in catalogue(locale) if message.id]
    assert {message.id for message in messages} == words_of_the_code()
    for message in messages:
        for english, said in translated(message):
            assert said, f"{english!r} has no translation into {locale}"
            assert not message.fuzzy, f"{english!r} is translated into {locale} by guess"
            if isinstance(message.id, str):
                assert places(said) == places(english), (english, said)
            if locale != "zh-CN":
                assert english[0].isspace() == said[0].isspace()


@pytest.mark.parametrize("locale", LOCALES)
def test_a_sentence_names_commands_as_its_reader_s_discord_does(locale: str):
    """`/history` is `/verlauf` in German."""
    names = {command.name for command in COMMANDS if isinstance(command, app_commands.Command)}
    sentences = [pair for message in catalogue(locale) if message.id for pair in translated(message)]
    for english, said in sentences:
        for name in names & {*re.findall(r"(?<!\w)/(\w+)", english)}:
            assert f"/{i18n.catalogue(locale).gettext(name)}" in said, (english, said)


@pytest.mark.parametrize(
    ("locale", "typed"), [("de", "Tschaikowsky"), ("zh-CN", "柴可夫斯基"), ("zh-CN", "Tchaikovsky")]
)
def test_a_style_may_be_typed_as_its_reader_spells_it(locale: str, typed: str):
    """A card says it in the same spelling; the recipe, which anybody may type, in that of the checkpoint."""
    speak(locale)
    request = read_submission(f"72 style:{typed} take:7").request
    recipe = Recipe(request, "0123456789ab")
    assert request.style == "Tchaikovsky"
    assert manner(recipe) == [i18n.catalogue(locale).gettext("Tchaikovsky")]
    assert "style:Tchaikovsky" in recipe.options


@pytest.mark.parametrize("locale", LOCALES)
def test_models_have_the_same_name_everywhere(locale: str):
    """No word of the catalogue is spelled as a model is: its translation would take the place of the model's name."""
    assert [i18n.catalogue(locale).gettext(model) for model in MODELS] == [*MODELS]


def test_a_reader_learns_in_their_language_from_what_a_checkpoint_learnt():
    """Of those that are shipped: their configs say it in words of the code."""
    configs = [json.loads(file.read_text()) for file in (ROOT / "core" / "checkpoints").glob("*/config.json")]
    assert {config["data"] for config in configs} == {str(data) for data in SHIPPED_DATA}
    speak("de")
    [field, *_] = describe([ModelCard("article", data=str(SHIPPED_DATA[1]))], "", 0.0).fields
    assert str(field.value).startswith("Gelernt aus: 100 Dateien des Trainingsteils von MAESTRO v3")


def test_each_listener_reads_their_own_language():
    """Also numbers of things, sentences in sentences, and errors; any other language is English."""
    refused = BadRequest("the seed is empty. {accepted}", accepted=Text("a whole number"))
    speak(discord.Locale.german)
    assert say("Delete") == "Löschen"
    assert explain(refused) == "Der Anfang ist leer. eine ganze Zahl."
    said = [say_some("{count} semitone higher", "{count} semitones higher", count) for count in (1, 2)]
    assert said == ["1 Halbton höher", "2 Halbtöne höher"]
    speak(discord.Locale.chinese)
    assert say("take {take}", take=7) == "版本 7"
    assert explain(refused) == "种子是空的。一个整数。"
    speak("xx/../de")
    assert say("Delete") == "Delete"
    assert say(NOTHING) == ""
    assert str(refused) == "the seed is empty. a whole number"


def test_a_text_travels_as_json():
    """With texts among its values; older versions wrote the bare sentence."""
    text = Text(
        "{option} must be {accepted}; I can't read '{typed}'",
        {"option": "take", "typed": 1.5, "accepted": Text("{n}", {"n": ("Bach", Text("any"))})},
    )
    assert Text.from_json(text.to_json()) == text
    assert str(Text.from_json("braces {stay}")) == "braces {stay}"


@pytest.mark.asyncio
async def test_commands_are_registered_in_all_languages(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Descriptions within Discord's limits, and names that it takes; recipes are the same everywhere."""
    async with Discord() as standin, playing(standin, queue, url, monkeypatch):
        commands = await standin.registered("compose", "about")
    assert commands["about"]["name_localizations"] == {"de": "über", "zh-CN": "关于"}
    assert commands["Continue this MIDI"]["name_localizations"]["de"] == "Diese MIDI-Datei fortsetzen"
    for name in ("compose", "continue"):
        assert not commands[name].get("name_localizations")
    for command in commands.values():
        for part in [command, *command.get("options", [])]:
            assert not part.get("name_localizations") or part is command
            for said in (part.get("description_localizations") or {}).values():
                assert 1 <= len(said) <= 100
            if part["type"] != discord.AppCommandType.message.value:
                assert {*part["description_localizations"]} == {*LOCALES}, part["name"]
        for said in (command.get("name_localizations") or {}).values():
            slash = command["type"] == discord.AppCommandType.chat_input.value
            assert len(said) <= 32
            if slash:
                assert re.fullmatch(r"[-_\w]+", said)
                assert said == said.lower()


@pytest.mark.asyncio
async def test_an_answer_stays_in_the_listener_s_language(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """From the place in the queue to the buttons of the piece, also when the bot was restarted in between; what
    others press is answered in theirs."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild, locale="de"), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            asked = await clara.types("/compose", seed="72", length=100, take=7)
            assert (await asked.answered()).content == "**C5** · 20 s · Take 7\nDu bist als Nächstes dran."
        async with playing(standin, queue, url, monkeypatch):
            said = await (await robert.clicks(await asked.answered(), "Abbrechen")).answered()
            assert said.content == "Only the person who asked for this piece can cancel it."
            queue.finish(asked.id)
            message = await asked.finished()
            [embed] = message.embeds
            assert (embed["title"], embed["description"]) == (
                "c-Moll · 0:20 · Take 7",
                "Ein Stück, das mit C5 beginnt · 312 Noten",
            )
            assert [button["label"] for button in message.buttons][:3] == ["Anhören", "Video", "Neuer Take"]
            refused = await (await clara.types("/compose", seed="ding")).answered()
            assert refused.content.startswith("Ich verstehe den Anfang „ding“ nicht. Versuche `random`")
            question = await (await clara.types("/forget")).answered()
            assert [button["label"] for button in question.buttons] == ["Alles entfernen", "Behalten"]


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en-US", "2,400.5 s: any, Bach, and harp; 5.6 million; take 12345"),
        ("de", "2.400,5 s: beliebig, Bach und Harfe; 5,6 Millionen; take 12345"),
        ("zh-CN", "2,400.5 s: 不限、巴赫和竖琴; 556万; take 12345"),
    ],
)
def test_numbers_and_lists_are_written_as_the_language_does(locale: str, said: str):
    """Numbers without a format are names, such as a take, and stay as they are typed."""
    speak(locale)
    template, listed = "{seconds:,.1f} s: {things}; {size}; take {take}", ("any", "Bach", Text("harp"))
    assert say(template, seconds=2400.5, things=listed, size=rounded_number(5_561_234), take=12345) == said


@pytest.mark.parametrize(("locale", "said"), [("en-US", "Nobody waits. Wait."), ("zh-CN", "Nobody waits.Wait.")])
def test_sentences_in_a_row_have_a_space_between_them_where_the_language_has_one(locale: str, said: str):
    """And none for a sentence that is empty."""
    speak(locale)
    assert in_a_row("Nobody waits.", "", "Wait.") == said
    assert in_a_row("", "") == ""


@pytest.mark.parametrize(
    ("locale", "day", "temperature"), [("en-US", "Nov 27, 2026", "0.9"), ("de", "27.11.2026", "0,9")]
)
def test_a_day_and_the_values_of_options_are_too(locale: str, day: str, temperature: str):
    """In a history, and in what a recipe tells."""
    speak(locale)
    assert date(1_795_737_600.0) == day
    recipe = Recipe(ComposeRequest(Seed.parse("72"), take=7, temperature=0.9, top_p=0.5), "0123456789ab")
    written = dict(recipes.facts(recipe))
    assert written[say("Temperature")] == temperature
    assert written[say("Top p")] == temperature.replace("9", "5")
