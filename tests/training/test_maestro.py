"""training/maestro.py: a download that may break off, tested against a server on this machine."""

import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.errors import BadData
from training.data import read_folder
from training.maestro import FOLDER, maestro

CSV = (
    "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
    "Bach,Fugue,test,2006,a.mid,,1\n"
)


class Server(ThreadingHTTPServer):
    """Serves `archive`. Breaks the connection after `cut` bytes, once; answers ranges unless told not to."""

    def __init__(self, archive: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.archive, self.cut, self.ranges = archive, 0, True
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/maestro.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.asked.append(self.headers["Range"])
        first = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")) if self.server.ranges else 0
        data = self.server.archive[first:]
        if not data:
            return self.send_error(416)
        self.send_response(206 if self.server.ranges else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.server.cut:
            data, self.server.cut = data[: self.server.cut], 0
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{FOLDER}/maestro-v3.0.0.csv", CSV)
        archive.writestr(f"{FOLDER}/a.mid", bytes(range(256)) * 2000)
    server = Server(file.getvalue())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(server, folder, **options):
    sha256 = hashlib.sha256(server.archive).hexdigest()
    return maestro(folder, **{"url": server.url, "sha256": sha256, "waits": [0.01]} | options)


def test_it_is_downloaded_once(server, tmp_path):
    """The second call asks nobody; the folder is one that training reads, and no archive is left beside it."""
    folder = fetch(server, tmp_path)
    assert fetch(server, tmp_path) == folder == tmp_path / FOLDER
    assert len(server.asked) == 1
    assert [recording.title for recording in read_folder(folder)] == ["Fugue"]
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]


def test_a_broken_connection_goes_on_where_it_was(server, tmp_path):
    """The second attempt asks for the rest alone."""
    server.cut = 2**17
    fetch(server, tmp_path)
    assert server.asked == ["bytes=0-", f"bytes={2**17}-"]


def test_the_next_call_goes_on_too(server, tmp_path):
    """A call that gave up keeps what came, and says so."""
    server.cut = 2**17
    with pytest.raises(BadData, match="goes on where it was"):
        fetch(server, tmp_path, waits=[])
    assert fetch(server, tmp_path).is_dir()
    assert server.asked == ["bytes=0-", f"bytes={2**17}-"]


def test_a_server_without_ranges_begins_again(server, tmp_path):
    """What came before is not put in front of the whole."""
    server.cut, server.ranges = 2**17, False
    assert fetch(server, tmp_path).is_dir()


def test_all_was_there_but_not_unpacked(server, tmp_path):
    """A kill between download and unpacking: the server has nothing more, and that is no error."""
    (tmp_path / f"{FOLDER}.zip.part").write_bytes(server.archive)
    assert fetch(server, tmp_path).is_dir()


def test_something_else_is_not_kept(server, tmp_path):
    """A wrong checksum is one sentence, and the next call begins from nothing."""
    with pytest.raises(BadData, match="its checksum is wrong"):
        fetch(server, tmp_path, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_a_sentence(tmp_path):
    """Nobody listens there."""
    with pytest.raises(BadData, match="cannot be downloaded at the moment"):
        maestro(tmp_path, url="http://127.0.0.1:9/maestro.zip", waits=[])
