"""What the bot says."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp.payload import BytesIOPayload
from discord import app_commands

from bot.language import card, recipes, replies, sentences, words
from bot.language.card import Provenance
from bot.language.i18n import speak
from bot.language.replies import Attachment, Reply
from bot.store.piece_table import Stored
from core.errors import BadRequest
from core.piece import Heard
from core.queue.jobs import COMPOSED_SHARE, Job, JobState
from core.recipe import Recipe
from core.request import VIDEO, VOICE, ComposeRequest, Origin, Rendering
from core.seed import Seed
from core.text import Text
from tests.support.pieces import REQUEST, piece
from tests.support.stored_pieces import pending


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    """The next test begins in English."""
    yield
    speak("")


PLENTY = 10 * 2**20
OLD, NEW = "abcd2345", "efgh2345"


def test_only_errors_raised_on_purpose_speak_for_themselves():
    """A NocturneError is shown as a sentence, also when discord.py has wrapped it; anything else is an apology."""

    async def command(interaction) -> None: ...

    compose = app_commands.Command(name="compose", description="compose", callback=command)
    wrapped = app_commands.CommandInvokeError(compose, BadRequest("length 5 is outside 25 to 3000"))
    assert sentences.explain(wrapped) == "Length 5 is outside 25 to 3000."
    assert sentences.explain(ZeroDivisionError("secret")) == str(sentences.SORRY)
    assert sentences.explain(app_commands.CommandInvokeError(compose, KeyError("secret"))) == str(sentences.SORRY)
    assert sentences.explain(app_commands.CommandSignatureMismatch(compose)) == str(sentences.OUTDATED)


def test_a_sent_file_does_not_stay_in_memory():
    """A file goes with its last reference; discord.py's would wait for the garbage collector, 10 MB each."""
    [file] = Reply(attachments=(Attachment("piece.mp3", b"ID3"),)).files()
    sent = weakref.ref(file.fp)
    gc.disable()
    try:
        file.reset()
        file.close()
        del file
        assert sent() is None
    finally:
        gc.enable()


def test_a_file_is_sent_without_a_copy():
    """aiohttp, which learns its size, reads the bytes that the reply has."""
    data = b"ID3" * 1000
    [file] = Reply(attachments=(Attachment("piece.mp3", data),)).files()
    assert BytesIOPayload(file.fp).size == len(data)
    assert file.fp.getvalue() is data


def test_a_sentence_fits_a_message():
    """However long a mistake is, its sentence stays below Discord's 2,000 characters."""
    assert len(sentences.explain(BadRequest("seed " * 5000))) < 2000


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (Job("1", JobState.QUEUED, place=1), "You are next."),
        (Job("1", JobState.QUEUED, place=2), "Number 2 in the queue, 1 piece ahead of yours."),
        (Job("1", JobState.QUEUED, place=4), "Number 4 in the queue, 3 pieces ahead of yours."),
        (Job("1", JobState.QUEUED), "In the queue."),
        (Job("1", JobState.RUNNING, progress=0.0), "Composing\n`▱▱▱▱▱▱▱▱▱▱▱▱` 0%"),
        (Job("1", JobState.RUNNING, progress=0.25), "Composing\n`▰▰▰▱▱▱▱▱▱▱▱▱` 25%"),
        (Job("1", JobState.RUNNING, progress=COMPOSED_SHARE), "Recording\n`▰▰▰▰▰▰▱▱▱▱▱▱` 50%"),
    ],
)
def test_progress_says_where_it_is(job: Job, says: str):
    """The place in the queue, then the share that is done, under what was asked for."""
    assert replies.progress(job, pending()) == f"**C5** · 1 min 40 s · take 7\n{says}"


@pytest.mark.parametrize(("form", "name"), [(VOICE, "Voice message"), (VIDEO, "Video")])
def test_progress_of_a_clip_names_what_is_made(form: str, name: str):
    """Not what its piece was made from: that is composed already."""
    said = replies.progress(Job("1", JobState.QUEUED, place=1), pending(parent=OLD, rendering=Rendering(form=form)))
    assert said == f"**{name}** · take 7\nYou are next."


@pytest.mark.parametrize(
    ("rendering", "says"),
    [
        (Rendering(instrument="harp", tempo=50), "C5 · 3 min 20 s · harp, 50% tempo · take 7"),
        (Rendering(crop="30-42"), "C5 · 12 s · 30 to 42 s · take 7"),
        (Rendering(crop="90-"), "C5 · 10 s · from 90 s on · take 7"),
    ],
)
def test_a_piece_in_the_making_is_as_long_as_it_will_be_heard(rendering: Rendering, says: str):
    """And says how it is played, where that is not as composed."""
    assert replies.summary(pending(rendering=rendering)) == says


def test_a_part_of_a_continuation_has_no_length_before_it_is_made():
    """It counts from the beginning of what is continued; that of the new part alone is known."""
    request = replace(REQUEST, seed=Seed(), primer=b"MThd")
    renderings = [Rendering(crop="3-12", only_new=only_new) for only_new in (False, True)]
    said = [replies.summary(pending(request=request, parent="", rendering=each)) for each in renderings]
    assert said == [
        "Continuing your file · 3 to 12 s · take 7",
        "Continuing your file · 9 s · only the new part, 3 to 12 s · take 7",
    ]


@pytest.mark.parametrize(
    ("origin", "said"),
    [(Origin(OLD), f"Continuing piece {OLD}"), (Origin(OLD, 8.0), f"Varying piece {OLD}")],
)
def test_a_variation_is_called_so_while_it_is_made(origin: Origin, said: str):
    """It keeps an opening, and a continuation keeps all."""
    request = replace(REQUEST, seed=Seed(), primer=b"MThd", origin=origin)
    assert replies.summary(pending(request=request, parent=OLD)).startswith(f"{said} · ")


@pytest.mark.parametrize(
    ("wait", "says"),
    [
        (3.0, "It begins in a few seconds."),
        (18.0, "It begins in about 20 s."),
        (77.0, "It begins in about 75 s."),
        (161.0, "It begins in about 2.5 min."),
    ],
)
def test_a_wait_is_told_as_people_say_it(wait: float, says: str):
    """In no more detail than is known."""
    assert replies.progress(Job("1", JobState.QUEUED, place=1), pending(), wait).endswith(f"\nYou are next. {says}")


def test_a_card_says_at_one_glance_what_it_is():
    """The card has what is heard in a line, what it began with, the number of notes, who asked, the id; and the
    picture. Its files are named after what is heard."""
    about = Provenance("abcd2345", user_id=1, name="clara", avatar="https://cdn/clara.png")
    reply = card.finished(piece(), PLENTY, about=about)
    embed = reply.embed
    assert embed
    assert embed.title == "C minor · 1:40 · take 7"
    assert embed.description == "A piece starting on C5 · 312 notes"
    assert not embed.fields
    assert (embed.author.name, embed.author.icon_url) == ("clara", "https://cdn/clara.png")
    assert embed.footer.text == "Piece abcd2345"
    assert embed.image.url == "attachment://nocturne-c-minor-take7.png"
    assert [name for name, *_ in reply.attachments] == [
        f"nocturne-c-minor-take7.{suffix}" for suffix in ("mp3", "mid", "png")
    ]


@pytest.mark.parametrize(
    ("heard", "line"),
    [
        (Heard(94.4, 36, 84, 3.0, key="E♭ major"), "E♭ major · 1:34 · Chopin · harp, 80% tempo · take 7"),
        (Heard(94.4, 36, 84, 3.0, key=""), "No clear key · 1:34 · Chopin · harp, 80% tempo · take 7"),
        (Heard(94.4, 36, 84, 3.0), "1:34 · Chopin · harp, 80% tempo · take 7"),
        (None, "1:40 · Chopin · harp, 80% tempo · take 7"),
        (Heard(94.4, 36, 84, 3.0, "C minor", 20.0), "C minor · 1:34 (1:14 new) · Chopin · harp, 80% tempo · take 7"),
    ],
)
def test_a_line_tells_what_is_heard(heard: Heard | None, line: str):
    """No key is invented where none is clear, or an older version told none; the time is that of the sound, and of a
    continuation its new part's too."""
    made = piece(ComposeRequest(Seed(), take=7, style="Chopin"))
    rendering = Rendering("harp", tempo=80)
    assert card.line(replace(made, heard=heard, recipe=replace(made.recipe, rendering=rendering))) == line


@pytest.mark.parametrize(
    ("key", "locale", "said"),
    [
        ("B♭ major", "en-US", "B♭1 to E♭6"),
        ("B♭ major", "de", "B1 bis Es6"),
        ("B♭ major", "zh-CN", "B♭1 至 E♭6"),
        ("B minor", "en-US", "A♯1 to D♯6"),
        ("B minor", "de", "Ais1 bis Dis6"),
        ("", "en-US", "A♯1 to D♯6"),
    ],
)
def test_notes_are_spelled_as_the_key_has_them(key: str, locale: str, said: str):
    """In the description of a file, in the reader's language."""
    made = replace(piece(), heard=Heard(60.0, 34, 87, 3.0, key=key))
    speak(locale)
    _, notes, _ = card.finished(made, PLENTY).attachments
    assert said in notes.description


@pytest.mark.parametrize(
    ("seed", "transpose", "said"),
    [("70 73", 0, "B♭4 D♭5"), ("70", 1, "A♯4"), ("Eb4", 1, "E♭4"), ("A# C#m", 0, "B♭ D♭m")],
)
def test_a_seed_is_spelled_as_the_key_of_its_piece_has_it(seed: str, transpose: int, said: str):
    """Before it was transposed: what is heard in C minor, a semitone higher than composed, was B minor. A flat that was
    typed stays one."""
    request = ComposeRequest(Seed.parse(seed), take=7)
    recipe = Recipe(request, "0123456789ab", Rendering(transpose=transpose))
    assert card.kind(replace(piece(request), recipe=recipe)) == f"A piece starting on {said}"
    stored = Stored(NEW, 1, False, 0.0, "", recipe, 60.0, 312, "mp3", heard=Heard(60.0, 36, 84, 3.0, key="C minor"))
    assert recipes.gist(stored).startswith(f"{said} · C minor")


def test_a_seed_is_spelled_as_the_key_that_was_asked_for():
    """While nobody has heard the piece."""
    request = ComposeRequest(Seed.parse("70"), take=7, key="Eb")
    assert replies.summary(pending(request=request)).startswith("B♭4 · ")


@pytest.mark.parametrize(
    ("origin", "about", "said"),
    [
        (Origin(), Provenance(NEW), "Your piece, continued"),
        (Origin(OLD), Provenance(NEW, OLD, 1, 1), f"Your piece `{OLD}`, continued"),
        (Origin(OLD), Provenance(NEW, OLD, 2, 1), f"Piece `{OLD}` by <@2>, continued"),
        (Origin(OLD), Provenance(NEW, OLD, None, 1), f"Piece `{OLD}`, continued"),
        (Origin(OLD, 8.0), Provenance(NEW, OLD, 1, 1), f"A variation of your piece `{OLD}`"),
        (Origin(OLD, 8.0), Provenance(NEW, OLD, 2, 1), f"A variation of piece `{OLD}` by <@2>"),
    ],
)
def test_a_continuation_says_whose_piece_it_was(origin: Origin, about: Provenance, said: str):
    """A listener's file, their own piece or another's, or one that is gone."""
    request = ComposeRequest(Seed(), take=7, primer=b"MThd", origin=origin)
    assert card.kind(piece(request), about) == said


def test_the_recipe_can_be_typed_again():
    """The command under a piece leaves out what is usual, and says all the rest."""
    assert recipes.command(REQUEST) == "/compose seed:72 take:7"
    unusual = ComposeRequest(Seed.parse("C4,E4 G4"), take=1, length=50, temperature=0.9, style="Chopin", top_p=0.9)
    assert recipes.command(unusual) == (
        "/compose seed:60,64 67 length:50 style:Chopin temperature:0.9 top_p:0.9 take:1"
    )
    of_the_article = ComposeRequest(Seed(), take=1, model="article")
    assert recipes.command(of_the_article) == "/compose seed:random take:1 model:article"


def test_a_piece_that_ended_early_says_so():
    """One sentence under the title; of other pieces nothing."""
    stuck = replace(piece(), heard=Heard(60.0, 36, 84, 3.0, ended_early=True))
    sentence = "It ends before the length you asked for"
    assert sentence in (card.finished(stuck, PLENTY).embed.description or "")
    assert sentence not in (card.finished(piece(), PLENTY).embed.description or "")


def test_the_recipe_says_how_much_is_copied():
    """In a line of its own, where it was measured."""
    heard = Heard(60.0, 36, 84, 3.0, shared_at_most=22)
    line = "Longest passage shared with what it learnt from: at most 22 notes"
    stored = Stored(NEW, 1, False, 0.0, "", piece().recipe, 60.0, 312, "mp3")
    assert line in recipes.recipe(stored, heard).splitlines()
    assert "Longest passage" not in recipes.recipe(stored, Heard(60.0, 36, 84, 3.0))


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (Heard(12.4, 36, 84, 3.0, key="E♭ major"), "E♭ major · 0:12 · harp, 80% tempo, 30 to 40 s · take 7"),
        (None, "0:12 · harp, 80% tempo, 30 to 40 s · take 7"),
    ],
)
def test_a_piece_in_a_list_is_told_as_on_its_card(heard: Heard | None, said: str):
    """By its key and by how long it sounds once it is slowed down and cropped; of an older one, how long it is."""
    recipe = replace(piece().recipe, rendering=Rendering("harp", tempo=80, crop="30-40"))
    stored = Stored(NEW, 1, False, 0.0, "", recipe, 12.5, 312, "mp3", heard=heard)
    assert recipes.headline(stored) == f"{NEW} · C5 · {said}"


def test_the_longest_line_is_one_that_discord_takes():
    """As a suggestion, of 100 characters."""
    request = ComposeRequest(Seed.parse("Cm Fm Gm"), take=4_294_967_295, style="Sergei Rachmaninoff")
    rendering = Rendering("electric grand", 80, -24, only_new=True, crop="100-200")
    stored = Stored(NEW, 1, False, 0.0, "", Recipe(request, "0123456789ab", rendering), 12.5, 312, "mp3")
    line = recipes.headline(stored)
    assert len(line) <= 100
    assert line.endswith(" … · take 4294967295")


@pytest.mark.parametrize(
    ("origin", "parent", "command", "said"),
    [
        (Origin(OLD, 8.0), OLD, f"/continue piece:{OLD} from:8 take:7", f"It continues piece `{OLD}`."),
        (Origin("", 12.5), "", "/continue from:12.5 take:7", "It continues a file: send the same one again."),
        (Origin(), OLD, "", f"An older version of me made this from piece `{OLD}`"),
    ],
)
def test_a_recipe_says_what_to_type(origin: Origin, parent: str, command: str, said: str):
    """The id of the piece that is continued, or which file; no command where an older version did not note that."""
    request = ComposeRequest(Seed(), take=7, primer=b"MThd", origin=origin)
    stored = Stored(NEW, 1, False, 0.0, parent, piece(request).recipe, 100.0, 312, "mp3")
    recipe = recipes.recipe(stored)
    assert recipe.startswith(f"```\n{command}\n```\n{said}" if command else said)
    assert recipe.endswith(f"Piece `{NEW}`, made by checkpoint `0123456789ab`.")


def test_a_mood_says_what_it_stands_for():
    """Beside what was asked for itself, which counts more."""
    asked = ComposeRequest(Seed(), take=1, key="Eb", pace="very slow", mood="sad")
    facts = dict(recipes.facts(piece(asked).recipe))
    assert facts["Key"] == "E♭ major"
    assert facts["Pace"] == "very slow"
    assert facts["Mood"] == "sad (E♭ major, very slow, and soft)"
    assert recipes.command(asked) == "/compose seed:random key:Eb_major pace:very_slow mood:sad take:1"


def test_a_recording_that_is_too_large_is_left_out_with_a_sentence():
    """The last resort: notes and picture, and why."""
    reply = card.finished(piece(audio=bytes(2**20 + 1)), 2**20)
    assert [name[-4:] for name, *_ in reply.attachments] == [".mid", ".png"]
    assert reply.embed
    assert "larger than the 1 MiB" in str(reply.embed.description)


def test_the_longest_seed_fits_an_embed():
    """25 chords of 10 notes stay within Discord's limits on embeds."""
    longest = Seed(tuple(tuple(range(90 + n % 5, 100 + n % 5)) for n in range(25)))
    embed = card.finished(piece(ComposeRequest(longest, take=1)), PLENTY).embed
    assert embed
    assert len(embed) <= 6000
    assert len(str(embed.title)) <= 256


@pytest.mark.parametrize(
    ("job", "reply"),
    [
        (Job("1", JobState.CANCELLED), Reply("Cancelled: **C5** · 1 min 40 s · take 7")),
        (Job("1", JobState.FAILED, error=Text("no word for C9")), Reply("No word for C9.", aside=True)),
        (Job("1", JobState.FAILED), Reply(str(sentences.SORRY), aside=True)),
    ],
)
def test_a_job_without_a_piece_says_why(job: Job, reply: Reply):
    """Cancelled and failed jobs end with one sentence and no files; why one failed is for its listener alone."""
    assert replies.outcome(job, pending()) == reply


def test_a_reply_can_be_sent_twice():
    """Each attempt has files of its own: the first one reads its own to the end."""
    reply = Reply(attachments=(replies.Attachment("a.mid", b"MThd"),))
    assert [file.fp.read() for _ in range(2) for file in reply.files()] == [b"MThd", b"MThd"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(10.2, 10), (17.6, 20), (58, 60), (66, 60), (70, 75), (126, 120), (301, 300), (340, 360)]
)
def test_times_are_rounded(seconds: float, said: int):
    """To what people say."""
    assert words.rounded(seconds) == said
