"""The files that handlers are loaded from, and whether what was loaded has changed on disk since."""

from __future__ import annotations

import sys
from pathlib import Path

Stamp = tuple[int, int]  # time of the last change in nanoseconds, size in bytes


def stamp_of(path: str) -> Stamp | None:
    """How a file looks now; None if it cannot be seen."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def handler_files(folder: Path) -> list[Path]:
    """The files that are looked at, in order. None if there is no such folder."""
    try:
        return sorted(each for each in folder.glob("*.py") if not each.name.startswith(("_", ".")) and each.is_file())
    except OSError:
        return []


class Stamps:
    """The handler files, and every module that was loaded after this object was made.

    What the interpreter and Jarvis loaded before is not looked at: an upgrade of those comes with a restart.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = frozenset(sys.modules)
        self._seen: dict[str, Stamp | None] = {str(path): stamp_of(str(path)) for path in handler_files(folder)}
        self._files = frozenset(self._seen)
        self._modules = 0

    def note(self) -> None:
        """Take in the modules that have come since; each as it looks now."""
        if len(sys.modules) == self._modules:
            return
        self._modules = len(sys.modules)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name not in self._before and isinstance(file, str):
                self._seen.setdefault(file, stamp_of(file))

    def changed(self) -> bool:
        """Whether a file was changed, added or taken away since it was noted."""
        files = frozenset(str(path) for path in handler_files(self._folder))
        return files != self._files or any(stamp_of(path) != seen for path, seen in self._seen.items())
