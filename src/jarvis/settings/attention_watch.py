"""The `[attention]` table under a running daemon: read anew when jarvis.toml or the system's zone changes.

While the file cannot be used, what it said before counts: a slip of the pen at night must wake nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from jarvis.errors import JarvisError
from jarvis.scheduler.attention import Settings

_LOG = logging.getLogger("jarvis.delivery")


class AttentionWatch:
    """Gives the settings as they are. Asked at each claim of deliveries, so it only looks at the file's state."""

    def __init__(self, path: Path, known: Settings, read: Callable[[], Settings], zone: Callable[[], str]) -> None:
        """`known` is what the file said when it was last read, which may be a while ago; `read` reads it, and raises
        a JarvisError for what cannot be used."""
        self._path = path
        self._read = read
        self._zone = zone
        self._settings = known
        self._seen: tuple[object, ...] = ()

    def __call__(self) -> Settings:
        """The settings at this moment."""
        now = self._mark()
        if now != self._seen:
            self._seen = now
            try:
                self._settings = self._read()
            except JarvisError as error:
                _LOG.warning("%s cannot be used, [attention] stays as it was: %s", self._path, error)
        return self._settings

    def _mark(self) -> tuple[object, ...]:
        try:
            status = self._path.stat()
        except OSError:
            return (self._zone(),)
        return self._zone(), status.st_mtime_ns, status.st_size, status.st_ino
