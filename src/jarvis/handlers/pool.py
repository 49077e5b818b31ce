"""The warm worker processes of one daemon: made when needed, lent to one run at a time, ended when idle.

There are never more than there are runs at once, which the daemon bounds (JARVIS_MAX_WORKERS). A process that ends,
or does not come to an end, while it loads a handler file is told from one that fails in a run: that file is left out
from then on, until it changes, and the other handlers go on.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import msgspec

from jarvis.handlers.cutoff import signal_name
from jarvis.handlers.frames import FrameError, Ready
from jarvis.handlers.stamps import Stamp, stamp_of
from jarvis.handlers.worker_process import Setup, WorkerProcess
from jarvis.scheduler.output import Output

LOAD_LIMIT = 30.0
"""Seconds that one handler file may take to load."""
IDLE_LIMIT = 300.0
"""Seconds after which a process that nobody needed is ended."""
_LISTEN = 0.1  # the longest time, in seconds, in which a deadline is not noticed


class NotStarted(Exception):
    """No worker process could be made ready: str(error) says why."""


class _Blame(msgspec.Struct, frozen=True):
    stamp: Stamp | None
    problem: str


class WorkerPool:
    """Safe to use from several threads."""

    def __init__(self, setup: Setup, *, load_limit: float = LOAD_LIMIT, idle_limit: float = IDLE_LIMIT) -> None:
        self._setup = setup
        self._load_limit = load_limit
        self._idle_limit = idle_limit
        self._guard = threading.Lock()
        self._idle: list[tuple[float, WorkerProcess]] = []  # the longest idle first
        self._blamed: dict[str, _Blame] = {}
        self._timer: threading.Timer | None = None
        self._closed = False

    def lend(self, owner_mark: str, output: Output, must_stop: Callable[[], bool]) -> WorkerProcess | None:
        """One that is ready, to be given back or closed; None if the run must stop first. NotStarted if none can be."""
        while True:
            process = self._take(owner_mark)
            process.written = output
            try:
                if self._made_ready(process, must_stop):
                    return process
            except BaseException:
                process.close()
                raise
            if not process.ended and not self._is_stuck(process):
                self.give_back(process)  # still loading: the next run finds it further on
                return None
            self._blame(process)
            if must_stop():
                return None

    def give_back(self, process: WorkerProcess) -> None:
        """Take it back for another run."""
        process.written = Output(0)
        with self._guard:
            if not self._closed:
                self._idle.append((time.monotonic(), process))
                self._set_timer()
                return
        process.close()

    def known(self) -> Ready:
        """What handlers there are, and what is wrong with which source; from a process made for it. NotStarted."""
        process = self.lend("", Output(0), lambda: False)
        assert process is not None  # noqa: S101 - it is not told to stop
        process.close()
        assert process.ready is not None  # noqa: S101 - it is lent when it is ready
        return process.ready

    def close(self) -> None:
        """End those that are idle; those that are lent are closed when they come back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
            timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
            timer.join()
        for _, process in idle:
            process.close()

    def _take(self, owner_mark: str) -> WorkerProcess:
        """The one that was used last, which is the warmest; else a new one."""
        with self._guard:
            for number in reversed(range(len(self._idle))):
                if self._idle[number][1].owner_mark == owner_mark:
                    return self._idle.pop(number)[1]
        try:
            return WorkerProcess(self._setup, owner_mark, self._to_skip())
        except OSError as error:
            raise NotStarted(f"no worker process could be started: {error.strerror or error}") from error

    def _made_ready(self, process: WorkerProcess, must_stop: Callable[[], bool]) -> bool:
        """Whether it has loaded everything; False if it ended, is stuck, or the run must stop."""
        while process.ready is None and not (process.ended or self._is_stuck(process) or must_stop()):
            try:
                process.next_answer(_LISTEN)
            except FrameError as error:
                raise NotStarted(f"the worker process says what makes no sense: {error}") from error
        return process.ready is not None and not process.ended

    def _is_stuck(self, process: WorkerProcess) -> bool:
        return process.ready is None and time.monotonic() - process.loading_since > self._load_limit

    def _blame(self, process: WorkerProcess) -> None:
        """Close a process that did not get ready, and leave out what it was loading. One that was idle is let go."""
        was_ready, ended = process.ready is not None, process.ended
        code = _closed(process)
        how = how_it_ended(code) if ended else f"did not end within {self._load_limit:g} s"
        if was_ready:
            return
        if not process.loading:
            raise NotStarted(f"no worker process could be started: it {how} before any handler file was loaded")
        with self._guard:
            problem = f"while this was being loaded, the worker process {how}"
            self._blamed[process.loading] = _Blame(stamp_of(process.loading), problem)

    def _to_skip(self) -> dict[str, str]:
        """What did harm and has not changed since."""
        with self._guard:
            return {source: blame.problem for source, blame in self._blamed.items() if blame.stamp == stamp_of(source)}

    def _set_timer(self) -> None:
        """Have a look when the one that was used first has been idle for long. Under the guard."""
        if self._timer is None and self._idle:
            seconds = self._idle[0][0] + self._idle_limit - time.monotonic()
            self._timer = threading.Timer(max(seconds, 0), self._end_idle)
            self._timer.name, self._timer.daemon = "jarvis-idle", True
            self._timer.start()

    def _end_idle(self) -> None:
        with self._guard:
            since = time.monotonic() - self._idle_limit
            old = [process for at, process in self._idle if at <= since]
            self._idle = [(at, process) for at, process in self._idle if at > since]
            self._timer = None
            self._set_timer()
        for process in old:
            process.close()


def how_it_ended(code: int) -> str:
    """How a process ended that we did not end, as the end of a sentence about it."""
    if code == -signal.SIGKILL:
        return "was ended by SIGKILL, which was not Jarvis: the machine ran out of memory, or somebody did it"
    return f"exited with code {code}" if code >= 0 else f"was ended by {signal_name(-code)}"


def _closed(process: WorkerProcess) -> int:
    """Everything it started while loading is ended as well."""
    process.end(0)
    return process.close()
