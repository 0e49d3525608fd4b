"""What stands between a request and its handler: the bot's token, rate limits, faults, and a list of refusals."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiohttp import web

from .refusals import Refused
from .world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Requests and seconds, by the first words of the route; what is not listed has ROUTE_LIMIT. Discord tells nobody its
# numbers beforehand; these are what it was seen to answer.
ROUTE_LIMIT = (50, 1.0)
LIMITS = {
    "/webhooks/{application}/{token}": (5, 2.0),
    "/channels/{channel}/messages": (5, 5.0),
    "/users/@me/channels": (10, 10.0),
}
GLOBAL_LIMIT = (50, 1.0)
"""For requests with the bot's token, interactions apart."""
MAJOR_PARAMETERS = ("guild", "channel", "application", "token")


class Refusal(NamedTuple):
    """A request that was turned down; `code` is Discord's own, 0 for a route that does not exist or a missing token."""

    method: str
    path: str
    status: int
    code: int
    message: str


@dataclass
class Fault:
    """Something that goes wrong with the next `times` requests to a path that matches the pattern `path`.

    First `delay` seconds pass. Then `answer` is the status instead of the ordinary one (429 with `retry_after`), or the
    connection is `broken` off. `processed`: the request was carried out all the same, only its answer is lost.
    """

    method: str
    path: str
    answer: int | None = None
    broken: bool = False
    processed: bool = False
    delay: float = 0.0
    retry_after: float = 0.5
    times: int = 1

    def strikes(self, request: web.Request) -> bool:
        return self.times > 0 and request.method == self.method and re.search(self.path, request.path) is not None


def reply(data: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON with the exact content type that clients compare with; 204 without a body."""
    if data is None:
        return web.Response(status=204, headers=headers)
    body = json.dumps(data).encode()
    # A 429 without this header is taken for Cloudflare's ban of an address.
    return web.Response(
        body=body, status=status, headers={"Content-Type": "application/json", "Via": "1.1 stand-in", **(headers or {})}
    )


class Bucket:
    """At most `limit` requests in any `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self._taken: deque[float] = deque()

    def take(self) -> float:
        """Count a request. Returns the seconds to wait when it is one too many, else 0."""
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - self.seconds:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            return self.reset_after
        self._taken.append(now)
        return 0.0

    @property
    def remaining(self) -> int:
        return self.limit - len(self._taken)

    @property
    def reset_after(self) -> float:
        return max(0.0, self._taken[0] + self.seconds - time.monotonic()) if self._taken else 0.0

    def headers(self, name: str) -> dict[str, str]:
        return {
            "X-RateLimit-Bucket": name,
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": f"{time.time() + self.reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{self.reset_after:.3f}",
        }


class Traffic:
    """The middleware, and what it saw: `refusals` in their order, `limited` requests that came too fast."""

    def __init__(self, world: World, prefix: str) -> None:
        self.world, self._prefix = world, prefix
        self.limits = {**LIMITS}
        self.faults: list[Fault] = []
        self.refusals: list[Refusal] = []
        self.limited: list[Refusal] = []
        self._global = Bucket(*GLOBAL_LIMIT)
        self._buckets: dict[tuple[str, ...], Bucket] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)

    @property
    def counts(self) -> dict[str, int]:
        """How many requests each route had, such as `PATCH /webhooks/{application}/{token}/messages/@original`."""
        return dict(self._counts)

    @web.middleware
    async def pass_on(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(self._prefix):
            return await handler(request)
        fault = next((fault for fault in self.faults if fault.strikes(request)), None)
        if fault is None:
            return await self._serve(request, handler)
        fault.times -= 1
        await asyncio.sleep(fault.delay)
        if fault.processed or not (fault.answer or fault.broken):
            response = await self._serve(request, handler)
        if fault.broken:
            assert isinstance(request.transport, asyncio.Transport)
            request.transport.abort()
            return web.Response()
        if fault.answer == 429:
            return too_many(fault.retry_after, {"X-RateLimit-Scope": "shared"})
        if fault.answer:
            return reply({"message": f"{fault.answer}: a fault on purpose", "code": 0}, fault.answer)
        return response

    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.path.removeprefix(self._prefix)
        try:
            resource = request.match_info.route.resource
            if resource is None:
                raise Refused(404, 0, "404: Not Found")
            route = resource.canonical.removeprefix(self._prefix)
            self._counts[f"{request.method} {route}"] += 1
            self._authorize(request, route)
            limits, limited = self._limit(request, route)
            if limited is not None:
                self.limited.append(Refusal(request.method, path, 429, 0, "You are being rate limited."))
                return limited
            response = await handler(request)
        except Refused as refused:
            self.refusals.append(Refusal(request.method, path, refused.status, refused.code, str(refused)))
            self.world.changed()
            return reply(refused.to_json(), refused.status)
        response.headers.update(limits)
        return response

    def _authorize(self, request: web.Request, route: str) -> None:
        """Interactions carry their token in the path, and where the gateway is, is known to all."""
        if "{token}" in route or route == "/gateway":
            return
        if request.headers.get("Authorization") != f"Bot {self.world.token}":
            raise Refused(401, 0, "401: Unauthorized")

    def _limit(self, request: web.Request, route: str) -> tuple[dict[str, str], web.Response | None]:
        """The rate limit's headers, and the answer 429 when this request is one too many."""
        if route.startswith("/interactions/"):
            return {}, None
        if "{token}" not in route and (wait := self._global.take()):
            return {}, too_many(wait, {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}, everywhere=True)
        name = next((prefix for prefix in self.limits if route.startswith(prefix)), f"{request.method} {route}")
        key = (name, *(request.match_info.get(parameter, "") for parameter in MAJOR_PARAMETERS))
        bucket = self._buckets.setdefault(key, Bucket(*self.limits.get(name, ROUTE_LIMIT)))
        wait = bucket.take()
        headers = bucket.headers(format(hash(name) & 0xFFFFFFFFFFFF, "x"))
        return headers, too_many(wait, headers | {"X-RateLimit-Scope": "user"}) if wait else None


def too_many(wait: float, headers: dict[str, str], *, everywhere: bool = False) -> web.Response:
    body = {"message": "You are being rate limited.", "retry_after": round(wait, 3), "global": everywhere}
    return reply(body, 429, headers | {"Retry-After": str(int(wait) + 1)})
