"""The gateway: a websocket over which Discord tells a bot what happens, and sessions that outlive a lost connection."""

from __future__ import annotations

import asyncio
import importlib
import json
import secrets
import time
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from .places import Json
from .world import World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11
NORMAL, GOING_AWAY = 1000, 1001
UNKNOWN_ERROR, UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED = range(4000, 4005)
ALREADY_AUTHENTICATED, INVALID_SEQUENCE, RATE_LIMITED = 4005, 4007, 4008
INVALID_SHARD, INVALID_VERSION, INVALID_INTENTS, DISALLOWED_INTENTS = 4010, 4012, 4013, 4014

GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES = 1 << 0, 1 << 9, 1 << 12
KNOWN_INTENTS = (1 << 26) - 1
PRIVILEGED_INTENTS = 1 << 1 | 1 << 8 | 1 << 15

PAYLOAD_BYTES = 4096
PAYLOADS_A_MINUTE = 120
NETWORK_SECONDS = 0.05
"""How long an acknowledged heartbeat is on its way. discord.py notes the time of a heartbeat when it is back from
sending it, and would take an answer from before that moment for one to the heartbeat before."""
SESSION_SECONDS = 180.0
"""How long a session waits for its client to resume."""


class Closed(Exception):
    """The server ends the connection with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Session:
    """What a client has identified for: `events` are all that happened since, numbered from 1."""

    def __init__(self, shard: tuple[int, int], intents: int) -> None:
        self.id = secrets.token_hex(16)
        self.shard, self.intents = shard, intents
        self.events: list[str] = []
        self.connection: Connection | None = None
        self.lost_at: float | None = None

    def dispatch(self, name: str, data: Any) -> None:
        payload = {"op": DISPATCH, "t": name, "s": len(self.events) + 1, "d": data}
        self.events.append(json.dumps(payload))
        if self.connection:
            self.connection.send(self.events[-1])

    def covers(self, guild_id: int | None) -> bool:
        """Whether this shard is told of the guild's events; direct messages belong to shard 0."""
        shard, count = self.shard
        return ((guild_id or 0) >> 22) % count == shard


class Connection:
    """One websocket. Sending never waits: a task writes what is in the outbox, an int there being a close code."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport, compress: str | None) -> None:
        self.socket, self.transport = socket, transport
        self.session: Session | None = None
        self._compress = compressor(compress)
        self._outbox: asyncio.Queue[str | int] = asyncio.Queue()
        self._received: deque[float] = deque(maxlen=PAYLOADS_A_MINUTE)

    def send(self, payload: str | Json) -> None:
        self._outbox.put_nowait(payload if isinstance(payload, str) else json.dumps({"s": None, "t": None} | payload))

    def close(self, code: int) -> None:
        self._outbox.put_nowait(code)

    async def write(self) -> None:
        try:
            while isinstance(payload := await self._outbox.get(), str):
                if self._compress:
                    await self.socket.send_bytes(self._compress(payload.encode()))
                else:
                    await self.socket.send_str(payload)
            await self.socket.close(code=payload)
        except ConnectionError:
            self.transport.abort()  # the client is gone; its session keeps what it missed

    async def receive(self, within: float) -> Json | None:
        """The next payload; None when the client has closed. Raises Closed for what Discord does not take."""
        try:
            message = await self.socket.receive(timeout=max(within, 0.001))
        except TimeoutError:
            raise Closed(UNKNOWN_ERROR) from None  # no heartbeat in time
        if message.type is not WSMsgType.TEXT:
            return None
        if len(message.data.encode()) > PAYLOAD_BYTES:
            raise Closed(DECODE_ERROR)
        now = time.monotonic()
        if len(self._received) == PAYLOADS_A_MINUTE and now - self._received[0] < 60:
            raise Closed(RATE_LIMITED)
        self._received.append(now)
        try:
            payload = json.loads(message.data)
        except ValueError:
            raise Closed(DECODE_ERROR) from None
        if not isinstance(payload, dict) or not isinstance(payload.get("op"), int):
            raise Closed(DECODE_ERROR)
        return payload


def compressor(name: str | None) -> Callable[[bytes], bytes] | None:
    """One stream over a whole connection, flushed after each payload, as the query string `compress` asks."""
    if name == "zlib-stream":
        zlib_stream = zlib.compressobj()
        return lambda data: zlib_stream.compress(data) + zlib_stream.flush(zlib.Z_SYNC_FLUSH)
    if name == "zstd-stream":
        zstandard = importlib.import_module("zstandard")  # only a client that has it asks for it

        zstd_stream = zstandard.ZstdCompressor().compressobj()
        return lambda data: zstd_stream.compress(data) + zstd_stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return None


class Gateway:
    """Who is connected, and what they are told. `privileged` are the intents switched on in the developer portal."""

    def __init__(self, world: World, *, heartbeat: float = 41.25, shards: int = 1, privileged: int = 0) -> None:
        self.world, self.heartbeat, self.shards, self.privileged = world, heartbeat, shards, privileged
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.identified = self.resumed = 0
        """How often a client started a session, and went on with one."""
        self.refuses: int | None = None
        """The close code that each client gets in place of a session."""
        self.patience = 1.5 * heartbeat
        """Seconds without a heartbeat after which a client is closed."""

    @property
    def url(self) -> str:
        return self.world.origin.replace("http", "ws", 1) + "/gateway"

    @property
    def live(self) -> list[Session]:
        """The sessions that have a client now."""
        return [session for session in self.sessions.values() if session.connection]

    def dispatch(self, name: str, data: Any, guild_id: int | None = None, intent: int = 0) -> None:
        """Tell every session of the guild's shard (of shard 0 for direct messages) that has the intent."""
        self._forget_the_lost()
        for session in self.sessions.values():
            if session.covers(guild_id) and session.intents & intent == intent:
                session.dispatch(name, data)

    # What a test does to the connections

    def reconnect(self) -> None:
        """Ask every client to come back and resume (opcode 7)."""
        for connection in self.connections:
            connection.send({"op": RECONNECT, "d": None})

    def invalidate(self, *, resumable: bool = False) -> None:
        """Tell every client that its session is invalid (opcode 9)."""
        if not resumable:
            self.sessions.clear()
        for connection in self.connections:
            connection.send({"op": INVALID_SESSION, "d": resumable})

    def drop(self) -> None:
        """Cut every connection in the middle, without a close frame."""
        for connection in self.connections:
            connection.transport.abort()

    def close(self) -> None:
        """Say goodbye to every client."""
        for connection in self.connections:
            connection.close(GOING_AWAY)

    # What a client sends

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """One connection from HELLO to its end."""
        socket = web.WebSocketResponse(compress=False, timeout=1.0)
        await socket.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        connection = Connection(socket, request.transport, request.query.get("compress"))
        self.connections.add(connection)
        writer = asyncio.create_task(connection.write())
        try:
            if request.query.get("v") != "10" or request.query.get("encoding") != "json":
                raise Closed(INVALID_VERSION)
            connection.send({"op": HELLO, "d": {"heartbeat_interval": round(1000 * self.heartbeat)}})
            await self._converse(connection)
        except Closed as closed:
            connection.close(closed.code)
            await writer
        finally:
            writer.cancel()
            self.connections.discard(connection)
            self._leave(connection)
        return socket

    async def _converse(self, connection: Connection) -> None:
        deadline = time.monotonic() + self.patience
        while payload := await connection.receive(deadline - time.monotonic()):
            op, data = payload["op"], payload.get("d")
            if op == HEARTBEAT:
                deadline = time.monotonic() + self.patience
                asyncio.get_running_loop().call_later(NETWORK_SECONDS, connection.send, {"op": HEARTBEAT_ACK})
            elif op in (IDENTIFY, RESUME):
                if connection.session:
                    raise Closed(ALREADY_AUTHENTICATED)
                if not isinstance(data, dict):
                    raise Closed(DECODE_ERROR)
                if data.get("token") != self.world.token:
                    raise Closed(AUTHENTICATION_FAILED)
                (self._identify if op == IDENTIFY else self._resume)(connection, data)
            elif op not in (PRESENCE, VOICE_STATE, REQUEST_MEMBERS):
                raise Closed(UNKNOWN_OPCODE)
            elif not connection.session:
                raise Closed(NOT_AUTHENTICATED)

    def _identify(self, connection: Connection, data: Json) -> None:
        if self.refuses is not None:
            raise Closed(self.refuses)
        intents = data.get("intents")
        if not isinstance(intents, int) or not 0 <= intents <= KNOWN_INTENTS:
            raise Closed(INVALID_INTENTS)
        if intents & PRIVILEGED_INTENTS & ~self.privileged:
            raise Closed(DISALLOWED_INTENTS)
        shard, count = data.get("shard", (0, 1))
        if not 0 <= shard < count:
            raise Closed(INVALID_SHARD)
        if not isinstance(data.get("properties"), dict):
            raise Closed(DECODE_ERROR)
        session = Session((shard, count), intents)
        self.sessions[session.id] = session
        self.identified += 1
        self._join(connection, session)
        guilds = [guild for guild in self.world.guilds.values() if guild.installed and session.covers(guild.id)]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": self.world.bot.to_json(),
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": [shard, count],
                "application": {"id": str(self.world.application_id), "flags": 0},
            },
        )
        for guild in guilds if intents & GUILDS else []:
            session.dispatch("GUILD_CREATE", guild.create_json())
        self.world.changed()

    def _resume(self, connection: Connection, data: Json) -> None:
        self._forget_the_lost()
        session = self.sessions.get(data.get("session_id", ""))
        if not session:
            connection.send({"op": INVALID_SESSION, "d": False})
            return
        seen = data.get("seq")
        if not isinstance(seen, int) or not 0 <= seen <= len(session.events):
            raise Closed(INVALID_SEQUENCE)
        if session.connection:
            session.connection.close(UNKNOWN_ERROR)  # the client has left it, and it did not notice
        for event in session.events[seen:]:
            connection.send(event)
        self.resumed += 1
        self._join(connection, session)
        session.dispatch("RESUMED", {})
        self.world.changed()

    def _join(self, connection: Connection, session: Session) -> None:
        connection.session, session.connection, session.lost_at = session, connection, None

    def _leave(self, connection: Connection) -> None:
        session = connection.session
        if not session or session.connection is not connection:
            return
        session.connection, session.lost_at = None, self.world.clock.now()
        if connection.socket.close_code in (NORMAL, GOING_AWAY):  # the client is done with it
            self.sessions.pop(session.id, None)
        self.world.changed()

    def _forget_the_lost(self) -> None:
        oldest = self.world.clock.now() - SESSION_SECONDS
        for session in [s for s in self.sessions.values() if s.lost_at is not None and s.lost_at < oldest]:
            del self.sessions[session.id]
