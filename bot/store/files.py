"""Files of the stored pieces, in a local folder or wherever else fsspec reaches. A mark says that the place is
Nocturne's, and nothing but the files of pieces is ever removed from it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from core.errors import BadSetting, StoreError
from core.options import AUDIO_FORMATS
from core.process.private import make_private

ID = "[a-z2-7]{8}"
"""The pattern of a piece's id, which is also the name of its folder."""
MIDI, COMPOSED, PICTURE, HEARD = "piece.mid", "composed.mid", "piece.png", "heard.json"
"""Names of a piece's files, beside those of `sound` and `attention`."""
MARK = "nocturne-pieces.txt"
"""Name of the file that marks a place as Nocturne's. It has text for whoever finds it."""

_MARK_TEXT = b"Nocturne stores pieces here, a folder each, and removes them when their time is over.\n"
_OURS = re.compile(rf"(piece|composed)\.mid|piece\.(png|{'|'.join(AUDIO_FORMATS)})|attention-[0-9]+\.png|heard\.json")
_HARMLESS = (MARK, "lost+found")
"""Names beside the pieces; the latter is made by the file system of a disk."""
_WRONG_PLACE = (PermissionError, FileNotFoundError, NotADirectoryError, FileExistsError)


def sound(audio_format: str) -> str:
    return f"piece.{audio_format}"


def attention(number: int) -> str:
    return f"attention-{number}.png"


class Files:
    """Files by the id of their piece. Methods block, so they are called in a thread, and may raise OSError."""

    def __init__(self, address: str) -> None:
        """`address` is that of a folder, as fsspec reads it."""
        self._system, root = fsspec.url_to_fs(address)
        self._root = root.rstrip("/")
        self._mark = f"{self._root}/{MARK}"
        self.folder = Path(self._root) if isinstance(self._system, LocalFileSystem) else None
        """The place where it is a local folder."""
        if self.folder:
            self._system.auto_mkdir = True  # other systems have a folder as soon as something is in it

    def claim(self) -> None:
        """Mark the place as Nocturne's, if it is empty or has only pieces, as older versions left it. Raises BadSetting
        for a place of anybody else's, or one that cannot be written to, and StoreError where it cannot be reached."""
        try:
            with _reaching():
                self._refuse_foreign_place()
                self._system.pipe_file(self._mark, _MARK_TEXT)
                self._make_private()
        except OSError as error:
            self._explain(error)

    def _refuse_foreign_place(self) -> None:
        if not self._system.exists(self._mark) and (foreign := next(self._foreign(), None)):
            raise BadSetting(
                "FILES_URL is a place with '{name}' in it, which is not Nocturne's, accepted is an empty place;"
                " if it is for Nocturne all the same, put a file {mark} there",
                name=foreign,
                mark=MARK,
            )

    def _foreign(self) -> Iterator[str]:
        """Names of what is in the place and belongs to no piece."""
        if not self._system.isdir(self._root):
            return
        yield from sorted(self._listed().keys() - {*self._folders(), *_HARMLESS})
        for path in self._system.find(self._root):
            name = path.removeprefix(self._root).strip("/")
            folder, _, file = name.partition("/")
            if re.fullmatch(ID, folder) and not _OURS.fullmatch(file):
                yield name

    def _make_private(self) -> None:
        """Mend the rights of what older versions made. A folder with anything else in it may be for others too."""
        if self.folder is None:
            return
        shared = not self._listed().keys() <= {*self._folders(), *_HARMLESS}
        make_private([Path(self._mark)])
        for folder in (self.folder / name for name in self._folders()):
            contents = [*folder.glob("*")]
            ours = [path for path in contents if _OURS.fullmatch(path.name) and path.is_file()]
            is_foreign = len(ours) < len(contents)
            make_private(ours if is_foreign else [folder, *ours])
            shared |= is_foreign
        if not shared:
            make_private([self.folder])

    def _explain(self, error: OSError) -> None:
        if error.errno == errno.ENOSPC:
            return  # the bot can do without for a while, and says so where a piece is asked for
        if isinstance(error, _WRONG_PLACE) or error.errno == errno.EROFS:
            reason = error.strerror or type(error).__name__
            raise BadSetting(
                "FILES_URL cannot be written to ({reason}), accepted is a place for the files of pieces", reason=reason
            ) from error
        raise StoreError("the files of pieces cannot be reached: {reason}", reason=str(error)) from error

    def write(self, piece_id: str, contents: Mapping[str, bytes]) -> None:
        with _reaching():
            for name, content in contents.items():
                self._system.pipe_file(f"{self._root}/{piece_id}/{name}", content)

    def read(self, piece_id: str, names: Sequence[str]) -> list[bytes]:
        """Raises FileNotFoundError when one is missing."""
        with _reaching():
            return [self._system.cat_file(f"{self._root}/{piece_id}/{name}") for name in names]

    def size(self, piece_id: str) -> int:
        """Bytes of all files of a piece; 0 when they are gone."""
        with _reaching(), suppress(FileNotFoundError):
            return int(self._system.du(f"{self._root}/{piece_id}"))
        return 0

    def remove(self, piece_id: str) -> None:
        """Remove a piece's files; nothing happens when they are gone. A folder with anything else in it stays."""
        folder = f"{self._root}/{piece_id}"
        with _reaching(), suppress(FileNotFoundError):
            if self.is_foreign(piece_id):
                self._system.rm([path for path, is_ours in self._contents(piece_id).items() if is_ours])
            else:
                self._system.rm(folder, recursive=True)

    def is_foreign(self, piece_id: str) -> bool:
        """Whether there is anything in the folder of a piece that belongs to no piece."""
        with _reaching(), suppress(FileNotFoundError):
            return not all(self._contents(piece_id).values())
        return False

    def _contents(self, piece_id: str) -> dict[str, bool]:
        """Paths of all that is in the folder of a piece, and whether each is a file of a piece."""
        folder = f"{self._root}/{piece_id}"
        found = self._system.find(folder, withdirs=True, detail=True)
        return {
            path: entry["type"] == "file" and bool(_OURS.fullmatch(path.removeprefix(f"{folder}/")))
            for path, entry in found.items()
            if path.rstrip("/").startswith(f"{folder}/")
        }

    def names(self) -> list[str]:
        """Names of the folders that are named as those of pieces."""
        with _reaching():
            self._system.invalidate_cache()  # other bots write there too
            if not self._system.exists(self._root):
                return []
            return self._folders()

    def _folders(self) -> list[str]:
        return [name for name, kind in self._listed().items() if kind == "directory" and re.fullmatch(ID, name)]

    def _listed(self) -> dict[str, str]:
        """Names in the place, and of each whether it is a directory, a file or something else, such as a link."""
        entries = self._system.ls(self._root, detail=True)
        return {entry["name"].rstrip("/").rpartition("/")[2]: entry["type"] for entry in entries}

    def written(self, piece_id: str) -> float:
        """When the youngest file of a piece was written, in seconds since 1970 by the clock of the place."""
        with _reaching():
            folder = f"{self._root}/{piece_id}"
            paths = self._system.find(folder) or [folder]  # not every system has folders that are empty
            return max(self._system.modified(path).timestamp() for path in paths)

    def now(self) -> float:
        """Seconds since 1970 by the clock of the place, which is perhaps another machine's."""
        with _reaching():
            self._system.pipe_file(self._mark, _MARK_TEXT)
            self._system.invalidate_cache()
            return self._system.modified(self._mark).timestamp()


@contextmanager
def _reaching() -> Iterator[None]:
    """Turn whatever a file system raises into an OSError."""
    try:
        yield
    except (OSError, BadSetting):
        raise
    except Exception as error:
        raise OSError(f"the files of pieces cannot be reached: {type(error).__name__}") from error
