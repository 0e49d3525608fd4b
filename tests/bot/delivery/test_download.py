"""Whatever stands behind the address of a listener's file, no more than a limit of it comes into memory."""

import gzip
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from bot.delivery.download import download
from core.errors import BadRequest
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio

MOST = 1000


class Cdn:
    """A server that answers as it likes, and counts what it sent."""

    def __init__(self) -> None:
        self.port = free_port()
        self.sent = 0
        self.asked: list[str] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/")
        self.asked.append(path)
        if path == "redirect":
            raise web.HTTPFound(self.url("file"))
        if path == "gzip":
            return web.Response(body=gzip.compress(bytes(10**7)), headers={"Content-Encoding": "gzip"})
        if path == "endless":
            return await self._send_without_end(request)
        return web.Response(status=404 if path == "gone" else 200, body=b"MThd")

    async def _send_without_end(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(2**16))
            self.sent += 2**16


@pytest_asyncio.fixture
async def cdn() -> AsyncIterator[Cdn]:
    cdn = Cdn()
    app = web.Application()
    app.router.add_get("/{path}", cdn.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", cdn.port).start()
    yield cdn
    await runner.cleanup()


async def test_a_file_is_downloaded(cdn: Cdn):
    """As it is."""
    assert await download(cdn.url("file"), MOST) == b"MThd"


async def test_a_file_without_an_end_is_cut_off(cdn: Cdn):
    """One byte more than the limit says that it is too large, whatever its size was said to be."""
    assert len(await download(cdn.url("endless"), MOST)) == MOST + 1
    assert cdn.sent < 100 * 2**20


@pytest.mark.parametrize("path", ["redirect", "gzip", "gone"])
async def test_what_leads_elsewhere_is_refused(cdn: Cdn, path: str):
    """Redirects are not followed, bombs are not unpacked, and what is gone is said."""
    with pytest.raises(BadRequest, match="could not be downloaded"):
        await download(cdn.url(path), MOST)
    assert cdn.asked == [path]


async def test_a_file_that_drips_is_given_up(cdn: Cdn):
    """After the time of a whole download."""
    with pytest.raises(BadRequest, match="could not be downloaded"):
        await download(cdn.url("endless"), 2**40, seconds=0.1)
