"""A port for a server of a test."""

import socket


def free_port() -> int:
    """One that nobody listens on at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
