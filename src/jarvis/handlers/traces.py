"""What a run left changed in its process. A process with a trace takes no further run.

Looked at: folder, environment, umask, signal handlers, timers, locale, resource limits, where stdout and stderr go;
and, as they grow, descriptors and memory. Not looked at, because a warm process is there to keep it: the variables
of modules.
"""

from __future__ import annotations

import locale
import os
import resource
import signal
import sys
from pathlib import Path

from jarvis.handlers.limits import resident

_MOST_DESCRIPTORS = 100  # more than at the start
_MOST_MEMORY = 256 << 20  # bytes more than at the start
_LIMITS = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
_SIGNALS = sorted(signal.valid_signals())


class Traces:
    """The process as it was when this object was made, to be compared with."""

    def __init__(self) -> None:
        self._descriptors = _descriptors()
        self._memory = _memory()
        self._before = _state()

    def renew(self) -> None:
        """Compare with now from here on; growth is still counted from the start."""
        self._before = _state()

    def found(self) -> list[str]:
        """What is not as it was, in words."""
        now = _state()
        changed = [name for name, value in self._before.items() if now[name] != value]
        changed += ["open descriptors"] if _descriptors() > self._descriptors + _MOST_DESCRIPTORS else []
        return changed + (["memory"] if _memory() > self._memory + _MOST_MEMORY else [])


def children_left() -> bool:
    """Whether this process has children that live. Those that have ended are waited for on the way."""
    try:
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
    except ChildProcessError:
        return False


def _state() -> dict[str, object]:
    return {
        "the current folder": _folder(),
        "the environment": dict(os.environ),
        "the umask": _umask(),
        "signal handlers": [signal.getsignal(number) for number in _SIGNALS],
        "timers": [signal.getitimer(timer)[0] > 0 for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF)],
        "the locale": locale.setlocale(locale.LC_ALL),
        "resource limits": {name: resource.getrlimit(number) for name, number in _LIMITS.items()},
        "stdout or stderr": [_goes_to(1), _goes_to(2), sys.stdout, sys.stderr],
    }


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _goes_to(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - asked after every run, and four times as fast


def _memory() -> int:
    """What is in use now; where asking for that is slow, the most there ever was."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return resident(os.getpid())
