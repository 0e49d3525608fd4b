"""A worker's metrics, and the page on which bot and worker serve theirs: `/metrics` for Prometheus, and `/healthz` and
`/readyz` for whatever watches over them."""

from __future__ import annotations

import logging
import math
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Any, Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from core.errors import BadSetting

BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, math.inf)
"""Upper bounds of the buckets of all histograms, in seconds: a piece takes seconds, and a job 10 minutes at most."""

_log = logging.getLogger(__name__)

disable_created_metrics()  # a second line for each, which nobody asks for


def registry() -> CollectorRegistry:
    """A registry with memory, processor time and files of the process. Bot and worker have one each, so that a bot's
    page has no lines of a worker."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    return made


WORKER = registry()
"""The registry of a worker."""
SLOTS = Gauge("nocturne_slots", "Pieces that this worker can compose at once.", registry=WORKER)
SLOTS_USED = Gauge("nocturne_slots_used", "Pieces that it composes now.", registry=WORKER)
JOBS = Counter("nocturne_jobs", "Jobs that this worker has ended, by how.", ["state"], registry=WORKER)
RETRIES = Counter("nocturne_retries", "Jobs begun again after their worker had ended.", ["of"], registry=WORKER)
WAIT = Histogram("nocturne_wait_seconds", "From asking until a job is begun.", buckets=BUCKETS, registry=WORKER)
COMPOSE = Histogram("nocturne_compose_seconds", "Composing a piece.", buckets=BUCKETS, registry=WORKER)
RENDER = Histogram(
    "nocturne_render_seconds",
    "Playing, encoding and drawing a piece, with the wait for a process that does.",
    buckets=BUCKETS,
    registry=WORKER,
)
for state in ("done", "failed", "cancelled"):
    JOBS.labels(state)  # a line from the start on, or its first increase would not be seen
RETRIES.labels("job")


class Page:
    """The page of a process. `with Page(...):` serves it in threads of its own; without a port nothing happens."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int | None, setting: str) -> None:
        """Raises BadSetting, which names METRICS_HOST and the `setting` that gave the port, when nothing can be served
        there."""
        self.missing: Callable[[], str] = lambda: "starting"
        """Says in a few words why the process is not ready, or nothing; called in any thread."""
        self.stuck: Callable[[], str] = lambda: ""
        """Says in a few words why the process is not healthy, or nothing; called in any thread."""
        self._registry = registry
        self._ready = Gauge("nocturne_ready", "1 as /readyz says, or 0.", registry=None)
        self._ready.set_function(lambda: not self.missing())
        self._server: _Server | None = None
        if port is not None:
            try:
                self._server = _Server(self, host, port)
            except OSError as error:
                raise BadSetting(
                    f"METRICS_HOST is '{host}' and {setting} is {port}, where nothing can be served ({error.strerror})"
                ) from None

    def __enter__(self) -> Self:
        if self._server:
            self._registry.register(self._ready)
            threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._registry.unregister(self._ready)

    @property
    def address(self) -> str:
        """The URL of the page; for tests, which let the system choose a port by asking for 0."""
        assert self._server is not None
        return "http://{}:{}".format(*self._server.server_address)

    def answer(self, path: str, accepted: str | None) -> tuple[int, str, bytes]:
        """Status, content type and content for a path, in the format that is `accepted`."""
        if path == "/metrics":
            encode, kind = choose_encoder(accepted or "")
            return 200, kind, encode(self._registry)
        checks = {"/healthz": self.stuck, "/readyz": self.missing}
        if path not in checks:
            return 404, "text/plain", b"there are /metrics, /healthz and /readyz\n"
        trouble = checks[path]()
        return 503 if trouble else 200, "text/plain", f"{trouble or 'ok'}\n".encode()


class _Server(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, page: Page, host: str, port: int) -> None:
        self.page = page
        [self.address_family, *_, where] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        super().__init__(where, _Handler)  # type: ignore[arg-type]

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a request for metrics was cut off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Server

    def do_GET(self) -> None:
        status, kind, content = self.server.page.answer(self.path.partition("?")[0], self.headers.get("Accept"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass  # a line every few seconds, for ever
