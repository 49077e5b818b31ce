"""The inbox under a running daemon: a file that is dropped is taken in within a second, and not only at the next poll.

What changed is looked at, and a run of the task that polls is asked for, which finds all there is: so nothing depends
on being told of every change. Being told is the work of watchdog (the extra `watch`), whose threads sleep in the
kernel until something happens; without it, or where it goes blind, the folder is looked at with the daemon's other
looks, every 5 s. A watch goes blind without a word when its folder is taken away and made again: that is looked for.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from jarvis.errors import JarvisError
from jarvis.handlers.inbox_files import Mark, is_ours, listing, mark_of

_LOG = logging.getLogger("jarvis.inbox")
EXTRA = "pip install 'jarvis-daemon[watch]'"
PAUSE = 0.75  # seconds between two looks, and so between two starts, however many files come
MOST = 1_000  # files whose state is remembered
CLOSE_WITHIN = 5.0  # seconds

Folder = tuple[int, int, int]  # device, inode, time of change


class Watching(Protocol):
    """A watch of one folder that tells of changes, until it is closed or has gone blind."""

    def alive(self) -> bool: ...
    def close(self) -> None: ...


class InboxWatch:
    """Looks at one folder and asks for a poll where there is something new. Never raises.

    `start` asks for it. `watch` opens a Watching that calls what it is given.
    """

    def __init__(
        self,
        inbox: Path,
        start: Callable[[], object],
        watch: Callable[[Path, Callable[[], None]], Watching] | None = None,
    ) -> None:
        self._inbox = inbox
        self._start = start
        self._watch = watch or watched
        self._known: Folder | None = None  # the folder as it was dealt with
        self._asked: dict[str, Mark] = {}  # files a poll was asked for, and as what they looked
        self._watching: Watching | None = None
        self._watched: tuple[int, int] | None = None  # device and inode of the folder the watch is on
        self._said = ""
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def anything(self) -> bool:
        """Whether a look might find something. One stat; called on the event loop."""
        return bool(self._asked) or _folder(self._inbox) != self._known or self._is_blind()

    def look(self) -> None:
        """Have the folder looked at, beside the caller, if there is anything to see."""
        if not self.anything():
            return
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._work, name="jarvis-inbox", daemon=True)
            self._thread.start()
        self._changed.set()

    def close(self) -> None:
        """Look no more. A start that is being asked for is waited for."""
        self._closed.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join(CLOSE_WITHIN)

    def _work(self) -> None:
        """Sleep until something changes; then look, and pause."""
        try:
            while not self._closed.is_set():
                self._changed.wait()
                self._changed.clear()
                if not self._closed.is_set():
                    self._deal_with()
                    self._closed.wait(PAUSE)
        finally:
            self._stop_watching()

    def _deal_with(self) -> None:
        try:
            self._keep_watching()
            self._known = _folder(self._inbox)  # before the files are listed: what comes later is seen as a change
            self._ask(self._found())
        except (JarvisError, OSError) as error:  # a store that is busy, a disk that fails: the next look tries again
            self._known = None
            _LOG.debug("the inbox could not be looked at: %s", error)
        except Exception:  # noqa: BLE001 - whatever it is, the polls go on, and so must the looks
            self._known = None
            _LOG.exception("the inbox could not be looked at")

    def _found(self) -> dict[str, Mark]:
        """The first files, and what each looks like."""
        if self._known is None:
            return {}
        found = {}
        for name in listing(self._inbox, MOST).names:
            try:
                found[name] = mark_of((self._inbox / name).lstat())
            except FileNotFoundError:
                continue
        return found

    def _ask(self, found: dict[str, Mark]) -> None:
        """Ask for a poll if a file is there that was not, or looked otherwise, when one was asked for last."""
        if found.items() - self._asked.items():
            self._start()
        self._asked = found

    def _is_blind(self) -> bool:
        watching = self._watching  # which the other thread may take away
        return watching is not None and not watching.alive()

    def _keep_watching(self) -> None:
        """Watch the folder that is there now, which may not be the one that was."""
        folder = _folder(self._inbox)
        now = None if folder is None else folder[:2]
        if now == self._watched and not self._is_blind():
            return
        self._stop_watching()
        if now is None:
            return
        self._watched = now
        try:
            self._watching = self._watch(self._inbox, self._changed.set)
        except ImportError:
            self._say(f"the inbox is looked at every few seconds; with {EXTRA} it is watched")
        except OSError as error:  # too many watches, for instance
            self._say(f"the inbox is looked at every few seconds, as it cannot be watched: {error}")
        else:
            self._say(f"the inbox {self._inbox} is watched")

    def _stop_watching(self) -> None:
        watching, self._watching, self._watched = self._watching, None, None
        if watching is not None:
            watching.close()

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            _LOG.info("%s", text)


class _Watchdog:
    """An observer of watchdog's: two threads and one for each folder, all asleep in the kernel."""

    def __init__(self, observer: Any) -> None:
        self._observer = observer

    def alive(self) -> bool:
        """Whether its threads live: that of a folder ends with the folder."""
        return bool(self._observer.is_alive() and all(each.is_alive() for each in tuple(self._observer.emitters)))

    def close(self) -> None:
        """End its threads."""
        self._observer.stop()
        self._observer.join(CLOSE_WITHIN)


def watched(folder: Path, changed: Callable[[], None]) -> Watching:
    """Watch a folder from now on. ImportError without the library, OSError if the system refuses."""
    from watchdog import events  # noqa: PLC0415 - an extra
    from watchdog.observers import Observer  # noqa: PLC0415 - the same

    class Handler(events.FileSystemEventHandler):
        def on_any_event(self, event: events.FileSystemEvent) -> None:
            if any(is_ours(Path(os.fsdecode(path)).name) for path in (event.src_path, event.dest_path)):
                changed()

    observer = Observer()
    # Not what was opened or read: a poll must not wake itself.
    kinds = [events.FileCreatedEvent, events.FileModifiedEvent, events.FileMovedEvent, events.FileClosedEvent]
    observer.schedule(Handler(), str(folder), recursive=False, event_filter=list(kinds))
    observer.start()
    return _Watchdog(observer)


def _folder(path: Path) -> Folder | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns
