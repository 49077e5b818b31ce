"""jarvis.toml under a running daemon: applied at the start, when it changes, and when the daemon is told to reload.

A change is left alone until the file is quiet, so that one being written is not taken for the whole. What cannot
be applied is said once, and the tasks stay as they are until the file changes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jarvis.errors import ConfigError, FileError, JarvisError, StoreError
from jarvis.scheduler.difference import Changes
from jarvis.scheduler.ports import Clock

_LOG = logging.getLogger("jarvis.tasks")
QUIET = 1.0  # seconds
SHOWN = 20  # problems or tasks said one by one


class _Mark(NamedTuple):
    """What tells one state of a file from another."""

    modified: int  # nanoseconds since 1970
    size: int
    inode: int


class TaskWatch:
    """Looks at one file and has it applied. Everything but `ask` is called by one thread at a time.

    `apply` reads and applies it; `held` is how many tasks in the store come from it.
    """

    def __init__(self, path: Path, apply: Callable[[], Changes], held: Callable[[], int], clock: Clock) -> None:
        self._path = path
        self._apply = apply
        self._held = held
        self._clock = clock
        self._known: _Mark | None = None  # the state that was dealt with
        self._seen: tuple[_Mark | None, float] | None = None  # another state, and since when (monotonic)
        self._asked = False
        self._failing = ""

    def start(self) -> None:
        """Apply the file before anything runs. ConfigError with all that is wrong with it."""
        self._known = _mark(self._path)
        if self._known is None:
            self._say_gone()
            return
        try:
            _say_applied(self._path, self._apply())
        except FileError as error:
            raise ConfigError(error.problems) from error

    def ask(self) -> None:
        """Apply the file at the next look, changed or not. Can be called from any thread."""
        self._asked = True

    def anything(self) -> bool:
        """Whether a look would find something to do, or something it cannot tell yet. Never raises."""
        try:
            return self._asked or _mark(self._path) != self._known
        except OSError:
            return True

    def look(self) -> None:
        """Apply the file if it changed. Never raises: whatever is wrong, the daemon goes on with the tasks it has."""
        asked, self._asked = self._asked, False
        try:
            now = _mark(self._path)
            if asked or (now != self._known and self._is_quiet(now)):
                self._deal_with(now, asked)
        except Exception as error:  # noqa: BLE001 - a file must not stop the tasks that are there
            self._say_failing([f"{self._path}: {type(error).__name__}: {error}"], error)

    def _is_quiet(self, mark: _Mark | None) -> bool:
        """Whether nobody has written for a while: by the file's own time, else by having seen it so."""
        if mark is not None and self._clock.now().timestamp() - mark.modified / 1e9 >= QUIET:
            return True
        mono = self._clock.monotonic()
        if self._seen is None or self._seen[0] != mark:
            self._seen = (mark, mono)
        return mono - self._seen[1] >= QUIET

    def _deal_with(self, mark: _Mark | None, asked: bool) -> None:
        self._failing = "" if asked else self._failing
        if mark is None:
            self._known = None
            self._say_gone()
            return
        try:
            changes = self._apply()
        except JarvisError as error:
            if isinstance(error, StoreError):
                self._say_failing([str(error)])  # and try again at the next look
            elif _mark(self._path) == mark:  # otherwise it was written meanwhile: look again
                self._known = mark
                self._say_failing(error.problems if isinstance(error, ConfigError | FileError) else [str(error)])
            return
        self._known = mark if _mark(self._path) == mark else self._known
        _say_applied(self._path, changes, repaired=bool(self._failing))
        self._failing = ""

    def _say_failing(self, problems: list[str], error: Exception | None = None) -> None:
        said = "\n".join(problems)
        if said == self._failing:
            return
        self._failing = said
        for problem in problems[:SHOWN]:
            _LOG.error("%s", problem, exc_info=error)
        more = f"; {len(problems) - SHOWN} more problems: `jarvis apply` shows all" if len(problems) > SHOWN else ""
        _LOG.error("not applied, the tasks stay as they are%s", more)

    def _say_gone(self) -> None:
        if count := self._held():
            _LOG.warning(
                "%s is gone or empty; its tasks stay (%d): put it back, or take them away with `jarvis task remove`",
                self._path,
                count,
            )


def _mark(path: Path) -> _Mark | None:
    """The state of the file; None if it does not exist, or is as empty as a full disk leaves it."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not status.st_size:
        return None
    return _Mark(status.st_mtime_ns, status.st_size, status.st_ino)


def _say_applied(path: Path, changes: Changes, repaired: bool = False) -> None:
    if not (changes.count or repaired):
        return
    _LOG.info(
        "applied %s: %d added, %d changed, %d removed, %d unchanged",
        path,
        len(changes.add),
        len(changes.change) + len(changes.replace),
        len(changes.remove),
        changes.unchanged,
    )
    said = [f"added {spec.name}: {spec.schedule.describe()}" for spec in changes.add]
    # Which keys, not their values: an environment may hold a password.
    said += [f"changed {each.spec.name}: {', '.join(k.key for k in each.differences)}" for each in changes.change]
    said += [f"stored anew {each.spec.name}" for each in changes.replace]
    said += [f"removed {each.name}" for each in changes.remove]
    for line in said[:SHOWN]:
        _LOG.info("%s", line)
