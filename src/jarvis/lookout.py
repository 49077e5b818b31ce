"""What Linux tells a resting daemon, so that it need not look: the clock was set, or a file is not what it was.

The clock by a timer of timerfd_create(2), which is cancelled whenever the clock is set, and so when the machine wakes;
files by inotify(7). What another machine does to a file on a network drive is not told.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from jarvis.scheduler.lookout import Lookout

_UNTIL_CANCELLED = 1 | 2  # TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET
_MODIFY, _ATTRIB = 0x2, 0x4  # what is in a file; its links, owner and mode
_NAMES = 0x40 | 0x80 | 0x100 | 0x200  # IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
_ITSELF = 0x400 | 0x800  # IN_DELETE_SELF | IN_MOVE_SELF
_OTHER = _ATTRIB | _ITSELF | 0x2000 | 0x4000 | 0x8000  # and IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED
_EVENT = struct.Struct("iIII")  # the watch, what happened, a cookie, the length of the name that follows


class KernelLookout(Lookout):
    """Watches the system's clock, files, and which files are in folders. OSError where the kernel refuses."""

    def __init__(self, there: Sequence[Path], files: Sequence[Path] = (), folders: Sequence[Path] = ()) -> None:
        """`there` are files that cannot be watched unless they exist; `files` may come and go."""
        self._there, self._files, self._folders = there, files, folders
        self._names = {os.fsencode(path.name) for path in (*there, *files)}
        self._c = ctypes.CDLL(None, use_errno=True)
        self._poll = select.epoll()
        self.fd = self._poll.fileno()
        self._notify = -1
        self._clock = _clock_timer(self._c)
        self._poll.register(self._clock, select.EPOLLIN)
        self._whole = self._watch()

    def sees_all(self) -> bool:
        """Whether everything is watched; what could not be is tried anew."""
        self._whole = self._whole or self._watch()
        return self._whole

    def drain(self) -> None:
        """Forget what was told. Where another file may be at a path now, that one is watched."""
        with suppress(OSError):  # that it was cancelled is what the timer has to say
            os.read(self._clock, 8)
        if [0 for mask, name in self._events() if mask & _OTHER or name in self._names]:
            self._whole = self._watch()

    def close(self) -> None:
        """Watch no more."""
        self._poll.close()
        os.close(self._clock)
        if self._notify >= 0:
            os.close(self._notify)

    def _watch(self) -> bool:
        """Watch what is there now, in place of what was; whether that is all."""
        if self._notify >= 0:
            os.close(self._notify)
        self._notify = self._c.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._notify < 0:
            return False
        self._poll.register(self._notify, select.EPOLLIN)
        files = (*self._there, *self._files)
        seen = [self._add(folder, _NAMES | _ITSELF) for folder in {*self._folders, *(path.parent for path in files)}]
        seen += [self._add(path, _MODIFY | _ATTRIB | _ITSELF) or path in self._files for path in files]
        return all(seen)

    def _add(self, path: Path, mask: int) -> bool:
        return bool(self._c.inotify_add_watch(self._notify, os.fsencode(path), mask) >= 0)

    def _events(self) -> Iterator[tuple[int, bytes]]:
        with suppress(OSError):  # no more of them; or there is no descriptor
            while data := os.read(self._notify, 4096):
                at = 0
                while at < len(data):
                    _, mask, _, length = _EVENT.unpack_from(data, at)
                    at += _EVENT.size + length
                    yield mask, data[at - length : at].rstrip(b"\0")


def _clock_timer(c: ctypes.CDLL) -> int:
    """A timer that never goes off, but is cancelled, which makes it readable, when the clock is set."""
    timer = int(c.timerfd_create(0, os.O_NONBLOCK | os.O_CLOEXEC))  # 0: CLOCK_REALTIME
    never = (ctypes.c_long * 4)(0, 0, sys.maxsize, 0)  # an itimerspec: no interval, and the last second there is
    if timer < 0 or c.timerfd_settime(timer, _UNTIL_CANCELLED, ctypes.byref(never), None) < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    return timer
