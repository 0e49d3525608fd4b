"""Downloads of listeners' files. Whatever the other side says or sends, no more than a limit is ever in memory."""

from __future__ import annotations

import aiohttp

from core.errors import BadRequest
from core.text import Text

NOT_DOWNLOADED = Text("the file could not be downloaded from Discord; please send it again")
DOWNLOAD_SECONDS = 30.0
"""Limit for a whole download. A file of 1 MiB takes less than one."""
CHUNK_BYTES = 64 * 1024

_UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


async def download(url: str, most: int, seconds: float = DOWNLOAD_SECONDS) -> bytes:
    """The bytes at an address, or `most` + 1 of them where there are more: enough to see that they are too many. No
    redirect is followed and nothing is decompressed, as both lead to more than was announced. Raises BadRequest."""
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as session,
            session.get(url, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            if answer.status != 200 or answer.headers.get("Content-Encoding", "identity") != "identity":
                raise BadRequest(NOT_DOWNLOADED)
            return await _read(answer.content, most + 1)
    except _UNREACHABLE as error:
        raise BadRequest(NOT_DOWNLOADED) from error


async def _read(stream: aiohttp.StreamReader, most: int) -> bytes:
    data = bytearray()
    while len(data) < most and (chunk := await stream.read(min(CHUNK_BYTES, most - len(data)))):
        data += chunk
    return bytes(data)
