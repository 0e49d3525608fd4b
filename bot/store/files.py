"""Files of the stored pieces, in a local folder or wherever else fsspec reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import fsspec
from fsspec.implementations.local import LocalFileSystem


class Files:
    """Files by the id of their piece. Methods block, so they are called in a thread, and may raise OSError."""

    def __init__(self, address: str) -> None:
        """`address` is that of a folder, as fsspec reads it."""
        self._system, root = fsspec.url_to_fs(address)
        self._root = root.rstrip("/")
        if isinstance(self._system, LocalFileSystem):
            self._system.auto_mkdir = True  # other systems have a folder as soon as something is in it

    def write(self, piece_id: str, contents: Mapping[str, bytes]) -> None:
        with _reaching():
            for name, content in contents.items():
                self._system.pipe_file(f"{self._root}/{piece_id}/{name}", content)

    def read(self, piece_id: str, names: Sequence[str]) -> list[bytes]:
        """Raises FileNotFoundError when one is missing."""
        with _reaching():
            return [self._system.cat_file(f"{self._root}/{piece_id}/{name}") for name in names]

    def remove(self, piece_id: str) -> None:
        """Remove a piece's files; nothing happens when they are gone."""
        with _reaching(), suppress(FileNotFoundError):
            self._system.rm(f"{self._root}/{piece_id}", recursive=True)

    def names(self) -> list[str]:
        """Ids of the pieces that have files."""
        with _reaching():
            self._system.invalidate_cache()  # other bots write there too
            if not self._system.exists(self._root):
                return []
            return [path.rstrip("/").rpartition("/")[2] for path in self._system.ls(self._root, detail=False)]

    def written(self, piece_id: str) -> float:
        """When the youngest file of a piece was written, in seconds since 1970."""
        with _reaching():
            folder = f"{self._root}/{piece_id}"
            paths = self._system.find(folder) or [folder]  # not every system has folders that are empty
            return max(self._system.modified(path).timestamp() for path in paths)


@contextmanager
def _reaching() -> Iterator[None]:
    """Turn whatever a file system raises into an OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"the files of pieces cannot be reached: {type(error).__name__}") from error
