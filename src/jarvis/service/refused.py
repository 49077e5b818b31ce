"""What a daemon that cannot start as configured becomes under `--refuse-slowly`: `python -m jarvis.service.refused S`.

It ends after S seconds with 78, or with 0 as soon as it is told to stop. A process image of its own, so that nothing
of the daemon is held meanwhile: the pipe by which others see that it lives, the store, its memory.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NoReturn

STOPS = (signal.SIGTERM, signal.SIGINT)


class _Stopped(Exception):
    pass


def become(seconds: float) -> NoReturn:
    """Replace this process by one that waits. A stop that comes in between is kept for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    os.execv(sys.executable, [sys.executable, "-P", "-m", __name__, str(seconds)])  # noqa: S606 (no shell is meant)


def wait(seconds: float) -> bool:
    """Wait so long; whether a stop came."""
    try:
        for number in STOPS:
            signal.signal(number, _stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        time.sleep(seconds)
    except _Stopped:
        return True
    return False


def _stop(_number: int, _frame: object) -> None:
    raise _Stopped


if __name__ == "__main__":
    sys.exit(0 if wait(float(sys.argv[1])) else 78)
