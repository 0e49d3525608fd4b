"""A PostgreSQL server of the tests' own, in a temporary folder and on a free port."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.ports import free_port

MISSING = "PostgreSQL is not installed; on Debian or Ubuntu: sudo apt-get install --no-install-recommends postgresql"
START_SECONDS = 60
_UNTIL_INPUT_ENDS = 'exec 3<&0; { read -r _ <&3; kill -INT $$; } & exec "$@" </dev/null 3<&-'
"""Ends the server together with pytest, even when that is killed: its end of the pipe closes then."""
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300")


def installed() -> Path | None:
    """The folder of the newest PostgreSQL's programs; Debian has them in no PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).parent if elsewhere else None


class Postgres:
    """It trusts everybody on this machine. As root it runs as an ordinary user, because it refuses to be root."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder, self._port = programs, folder, free_port()
        self._numbers = itertools.count(1)
        self._user = _ordinary_user()
        if self._user is not None:
            shutil.chown(folder, self._user)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        made = subprocess.run(
            [programs / "initdb", f"--pgdata={folder}/data", *options],
            user=self._user,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        options = [f"-c{option}" for option in (*_FAST, "listen_addresses=127.0.0.1", "unix_socket_directories=")]
        server = [f"{self._programs}/postgres", "-D", f"{self._folder}/data", f"-p{self._port}", *options]
        with (self._folder / "log").open("w") as log:
            self._server = subprocess.Popen(
                ["sh", "-c", _UNTIL_INPUT_ENDS, "sh", *server],
                user=self._user,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        patience = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.address("postgres")).close()
                return
            except psycopg.OperationalError:
                said = (self._folder / "log").read_text()
                assert self._server.poll() is None, said
                assert time.monotonic() < patience, said
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Of the process that starts another for each connection and for each of its duties."""
        return self._server.pid

    def stop(self) -> None:
        """Whoever is connected is cut off."""
        self._server.communicate()

    def crash(self) -> None:
        """End at once, as when it is killed: at the next start it finds out from its log what it had promised."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.communicate()

    def address(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    def fresh(self, *, durable: bool = False) -> str:
        """The address of a new, empty database. A `durable` one keeps what was committed also when the server
        crashes; the others are faster."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            if durable:
                connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
        return self.address(name)


@contextmanager
def running(programs: Path) -> Iterator[Postgres]:
    """A server that has nothing yet, and of which nothing stays."""
    with tempfile.TemporaryDirectory(prefix="nocturne-postgres-") as folder:
        server = Postgres(programs, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _ordinary_user() -> str | None:
    """Whom root hands the server to; None for everybody else, who is one already."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
