"""A port for a server of a test."""

import random
import socket

PORTS = range(10_000, 32_000)
"""None of those that connections get at their other end, one of which might take it before the server does."""


def free_port() -> int:
    """One that nobody listens on at the moment. Drawn, as several processes run tests at the same time."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
