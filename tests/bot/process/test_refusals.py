"""Discord's permanent refusals end the bot with one sentence, for which main returns 2, and any other one that comes
before the first event with one too."""

from pathlib import Path

import pytest

from bot.process.refusals import CLOSE_CODES, worded
from core.errors import BadSetting
from tests.discord_standin import Discord
from tests.support.bot_process import BotProcess
from tests.support.playing_bot import FakeQueue, playing

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("code", CLOSE_CODES)
async def test_a_connection_that_is_closed_for_good(
    code: int, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Each close code after which no other start helps is a sentence that says what to change."""
    async with Discord() as standin:
        standin.gateway.refuses = code
        with pytest.raises(BadSetting) as refused, worded():
            async with playing(standin, queue, url, monkeypatch):
                pass
    assert str(refused.value) == CLOSE_CODES[code]


@pytest.mark.parametrize(("status", "sentence"), [(400, "list of commands"), (401, "TOKEN"), (403, "list of commands")])
async def test_a_list_of_commands_that_is_refused(
    status: int, sentence: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """A refused list is a sentence too, before any identify is spent."""
    async with Discord() as standin:
        standin.fails("PUT", "/commands", answer=status)
        with pytest.raises(BadSetting, match=sentence), worded():
            async with playing(standin, queue, url, monkeypatch):
                pass
        assert standin.gateway.identified == 0


async def test_a_login_that_is_refused_for_now(tmp_path: Path):
    """One sentence, exit code 1 and no identify: so answers whoever stands before Discord and has had too much. The
    real program says so, as it is the whole of it that must not end in a traceback."""
    async with Discord() as standin:
        standin.fails("GET", "/users/@me", answer=403)
        bot = BotProcess(tmp_path, standin.environment | {"SPAWN_WORKER": "false"})
        bot.start()
        assert await bot.ended() == 1
        assert bot.log.splitlines()[-1].startswith("Discord cannot be reached: 403 Forbidden")
        assert "Traceback" not in bot.log
        assert standin.gateway.identified == 0
