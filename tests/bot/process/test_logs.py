"""No token gets into a log."""

import asyncio
import logging
import sys

import pytest

from bot.process.logs import RedactingFormatter, redact
from core.process.logs import JobFormatter, about_job

TOKEN = "aW50ZXJhY3Rpb246MTU3NDE4NDAyMTUzMTgyMDAzMg=="
APPLICATION = 1574183548208028672


@pytest.mark.parametrize(
    "text",
    [
        f"PATCH https://discord.com/api/v10/webhooks/{APPLICATION}/SECRET/messages/@original returned 200",
        f"POST https://discord.com/api/v10/interactions/{APPLICATION}/SECRET/callback",
        "WebSocket Event: {'d': {'token': 'SECRET', 'version': 1}}",
        '{"d":{"token":"SECRET","version":1}}',
        "postgresql://me:SECRET@host/db",
    ],
)
@pytest.mark.parametrize("secret", [TOKEN, TOKEN.replace("=", "%3D")])
def test_secrets_are_left_out(text: str, secret: str):
    """Addresses and payloads lose what is secret in them, and nothing else."""
    placeholder = "[password]" if text.startswith("postgresql") else "[token]"
    assert redact(text.replace("SECRET", secret)) == text.replace("SECRET", placeholder)


def test_a_known_secret_is_left_out_anywhere():
    """The bot's own token, which stands in a header, is told by what it is and not by what stands around it."""
    assert redact(f"Authorization: Bot {TOKEN}", TOKEN) == "Authorization: Bot [token]"


def test_a_traceback_is_redacted_too():
    """An exception's text is written by the logging module, and goes the same way."""
    try:
        raise OSError(f"cannot reach /webhooks/{APPLICATION}/{TOKEN}/messages/@original")
    except OSError as error:
        record = logging.LogRecord("bot", logging.ERROR, __file__, 1, "failed", (), (OSError, error, None))
    written = RedactingFormatter().format(record)
    assert f"/webhooks/{APPLICATION}/[token]/messages/@original" in written
    assert TOKEN not in written


@pytest.mark.asyncio
async def test_a_line_names_its_job(capsys: pytest.CaptureFixture[str]):
    """Whoever logs, in the job's task or in a thread of it; a line that names it already is left as it is."""
    log = logging.getLogger("somebody")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JobFormatter())
    log.addHandler(handler)
    with about_job("4711"):
        await asyncio.create_task(asyncio.to_thread(log.warning, "the database is slow"))
        log.warning("job %s is late", 4711)
    log.warning("nothing to do")
    log.removeHandler(handler)
    said = [line.partition("somebody: ")[2] for line in capsys.readouterr().out.splitlines()]
    assert said == ["job 4711: the database is slow", "job 4711 is late", "nothing to do"]
