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
        f"PATCH https://discord.com/api/v10/webhooks/{APPLICATION}/{TOKEN}/messages/@original returned 200",
        f"PATCH https://discord.com/api/v10/webhooks/{APPLICATION}/{TOKEN.replace('=', '%3D')}/messages/@original",
        f"POST https://discord.com/api/v10/interactions/{APPLICATION}/{TOKEN}/callback",
        f"WebSocket Event: {{'d': {{'token': '{TOKEN}', 'version': 1}}}}",
        f'{{"d":{{"token":"{TOKEN}","version":1}}}}',
        f"Authorization: Bot {TOKEN}",
        f"postgresql://me:{TOKEN}@host/db",
    ],
)
def test_secrets_are_left_out(text: str):
    """Addresses, payloads and headers lose what is secret in them, and nothing else."""
    redacted = redact(text, TOKEN) if text.startswith("Authorization") else redact(text)
    assert "aW50" not in redacted
    assert len(redacted) > 20


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
