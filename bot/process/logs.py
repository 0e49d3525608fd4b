"""Logs without secrets: every line, those of discord.py and aiohttp and tracebacks too, goes through `redact`."""

from __future__ import annotations

import logging
import re

from core.process import logs

_SECRETS = (
    (re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/\s'\"?)>]+"), r"\1[token]"),  # an interaction's address
    (re.compile(r"((['\"])token\2\s*:\s*(['\"])).+?(?=\3)"), r"\1[token]"),  # its payload, as JSON or as a dict
    (re.compile(r"(://[^:/\s]+:)[^@/\s]+(?=@)"), r"\1[password]"),  # a database's address
)


def redact(text: str, *secrets: str) -> str:
    """`text` without the tokens of interactions, passwords in addresses and the `secrets` themselves."""
    for secret in secrets:
        text = text.replace(secret, "[token]")
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logs.JobFormatter):
    """Redacts the formatted line; a filter would see neither the traceback nor the arguments put in."""

    def __init__(self, *secrets: str) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), *self._secrets)


def write_logs(level: str, *secrets: str) -> None:
    """Send everything from `level` on to standard error."""
    logs.write_logs(level, RedactingFormatter(*secrets))
