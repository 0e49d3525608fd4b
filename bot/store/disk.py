"""Free space on the disks of this machine where pieces and the embedded database are."""

from __future__ import annotations

import math
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from core.errors import QueueFull
from core.text import Text

NEARLY_FULL = Text("there is hardly any room left for pieces, so I can't make another one now; please try again later")


class Disk:
    """The disks that hold these folders; the fullest one counts. A folder need not exist yet."""

    def __init__(self, folders: Collection[Path] = (), least_free: int = 0) -> None:
        """`least_free` is in bytes. Without folders everything is on other machines, whose disks are not known."""
        self._folders = folders
        self._least_free = least_free

    @property
    def free(self) -> float:
        """Bytes; infinite where nothing is known."""
        return min((_free(folder) for folder in self._folders), default=math.inf)

    @property
    def short(self) -> bool:
        """Whether so little is free that nothing more may be stored."""
        return self.free < self._least_free

    def check(self) -> None:
        """Raises QueueFull where that is so."""
        if self.short:
            raise QueueFull(NEARLY_FULL)


def _free(folder: Path) -> float:
    for nearest in (folder, *folder.parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            return shutil.disk_usage(nearest).free
    return math.inf
