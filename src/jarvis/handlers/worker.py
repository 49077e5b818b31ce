"""`python -m jarvis.handlers.worker`: the process in which handlers run that are not the house's own.

Started by the daemon, never by hand. Stdin and stdout are the pipe of frames to it; stderr is where everything goes
that is printed, by whomever, as descriptors 1 and 2. One run at a time, in the main thread. When the daemon's end of
the pipe closes, this process has no more use and ends with everything in its group.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any, NoReturn

import msgspec

from jarvis.handlers.frames import (
    Answer,
    Begun,
    Done,
    FrameError,
    Go,
    Load,
    Loading,
    Logged,
    Ready,
    Request,
    Stale,
    frame,
    requests,
)
from jarvis.handlers.limits import limited, offer_to_oom
from jarvis.handlers.loading import Loaded, load_handlers
from jarvis.handlers.stamps import Stamps
from jarvis.handlers.traces import Traces, children_left
from jarvis.scheduler.authorship import RunMemory
from jarvis.scheduler.executor import result_of, said
from jarvis.scheduler.model import Event, Result, RunState, Upstream
from jarvis.scheduler.ports import Context
from jarvis.scheduler.size import format_size
from jarvis.scheduler.suggest import did_you_mean

_MOST_RUNS = 1_000  # of one process: what leaks a little in every run is bounded
_MOST_RECORDS = 1_000  # of one run's logger
_LONGEST_RECORD = 4_000  # characters
_ASKED_LATELY = 1.0  # seconds
_OUT_OF_THE_WAY = 64  # descriptors from here on: those below are closed by code that tidies up
_SET_CHILD_SUBREAPER = 36  # prctl(2)


class Told(SystemExit):
    """Raised inside the handler when the run must stop: `finally` clauses are carried out."""


class Pipe:
    """Frames to the daemon and from it; its end is the end of this process."""

    def __init__(self) -> None:
        """Take stdin and stdout away from everybody else, and print to stderr in their place."""
        self._in, self._out = (fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY) for number in (0, 1))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
        self._received: SimpleQueue[Request] = SimpleQueue()
        threading.Thread(target=self._listen, name="jarvis-pipe", daemon=True).start()

    def receive(self) -> Request:
        """The next request, however long it takes."""
        return self._received.get()

    def send(self, message: Answer) -> None:
        """Say something. FrameError if it is too long; if nobody is there, this process ends."""
        rest = memoryview(frame(message))
        with suppress(BrokenPipeError):
            while rest:
                rest = rest[os.write(self._out, rest) :]

    def _listen(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the main thread
        frames = requests()
        try:
            while chunk := os.read(self._in, 65_536):
                for message in frames.feed(chunk):
                    self._received.put(message)
        finally:
            _end()


class Runner:
    """Carries out one run after another."""

    def __init__(self, pipe: Pipe, load: Load) -> None:
        self._pipe = pipe
        self._pid = os.getpid()
        self._runs = 0
        self._calling = False  # within the handler
        self._told = False
        self._asked_at = float("-inf")
        self._store = LazyStore()
        self._traces = Traces()
        self._stamps = Stamps(Path(load.folder))
        self._loaded = _loaded(pipe, load)
        self._stamps.note()
        self._threads = frozenset(threading.enumerate())

    def serve(self) -> NoReturn:
        """Say what there is, then answer requests until the daemon is gone."""
        names = {name: claim.source for name, claim in self._loaded.handlers.items()}
        self._pipe.send(Ready(names, self._loaded.problems))
        while True:
            request = self._pipe.receive()
            if not isinstance(request, Go):
                raise FrameError(f"{request!r:.60} is no run")
            # Only meanwhile: a signal that comes just before a wait is seen after it, which may be never.
            signal.signal(signal.SIGTERM, self._on_term)
            answer = Stale() if self._stamps.changed() else self._run(request)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._pipe.send(answer)
            if self._told:
                os._exit(0)

    def _run(self, go: Go) -> Done:
        """One run, from the call to what is left of it."""
        self._runs += 1
        self._traces.renew()
        done = self._called(go)
        if os.getpid() != self._pid:  # the handler forked, and its child came back here
            os._exit(0)
        _flush()
        threads = len(set(threading.enumerate()) - self._threads)
        children = children_left()
        spent = done.spent or self._spent(threads, children)
        return msgspec.structs.replace(done, threads=threads, children=children, spent=spent)

    def _called(self, go: Go) -> Done:
        claim = self._loaded.handlers.get(go.handler)
        if claim is None:
            return Done(state=RunState.FAILED, reason=unknown(go.handler, self._loaded))
        context = self._context(go)
        self._pipe.send(Begun())
        try:
            with limited(go.memory_limit):
                self._calling = True
                try:
                    answer = claim.function(context)
                finally:
                    self._calling = False
        except MemoryError:
            _show_traceback()
            return Done(state=RunState.FAILED, reason=f"used more than {format_size(go.memory_limit)}", spent="memory")
        except SystemExit as error:
            return Done(state=RunState.FAILED, reason=f"the handler called sys.exit({error.code!r:.60})")
        except BaseException as error:  # noqa: BLE001 - foreign code may raise anything, and that is what failed means
            _show_traceback()
            return Done(state=RunState.FAILED, reason=said(error))
        return _done(answer)

    def _context(self, go: Go) -> Context:
        deadline = time.monotonic() + go.remaining
        return Context(
            task=go.task,
            params=msgspec.json.decode(go.params),
            due_at=go.due_at,
            now=go.now,
            run_id=go.run_id,
            occurrence_id=go.occurrence_id,
            attempt=go.attempt,
            remaining=lambda: deadline - time.monotonic(),
            cancelled=lambda: self._must_stop(deadline),
            logger=_logger(self._pipe.send),
            memory=RunMemory(self._store.opened, go.task, go.run_id),
            event=msgspec.json.decode(go.event, type=Event | None),
            upstream=msgspec.json.decode(go.upstream, type=Upstream | None),
            owner_mark=go.owner_mark,
            memory_limit=go.memory_limit,
        )

    def _must_stop(self, deadline: float) -> bool:
        self._asked_at = time.monotonic()
        return self._told or self._asked_at >= deadline

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        """The run must stop. Whoever asks `cancelled()` again and again is let finish; others are interrupted."""
        if os.getpid() != self._pid:  # a child that the handler forked
            os._exit(128 + signal.SIGTERM)
        self._told = True
        if self._calling and time.monotonic() - self._asked_at > _ASKED_LATELY:
            raise Told(128 + signal.SIGTERM)

    def _spent(self, threads: int, children: bool) -> str:
        """Why no other run may start in this process; "" if one may."""
        self._stamps.note()
        why = [name for name, is_so in (("threads", threads), ("processes", children)) if is_so]
        why += self._traces.found()
        why += ["runs"] if self._runs >= _MOST_RUNS else []
        return ", ".join(why)


class LazyStore:
    """The assistant's store, opened when it is first asked for, over a connection of its own."""

    _opened: Any = None

    def opened(self) -> Any:
        """The store, the same for every run of this process."""
        if self._opened is None:
            # This process composes itself, as the daemon's does; see the import rules.
            from jarvis import app  # noqa: PLC0415
            from jarvis.config import load_config  # noqa: PLC0415

            config = load_config()
            if config.database_path is None:
                raise RuntimeError("context.memory: the daemon keeps its store in memory, where only it can see it")
            self._opened = app.store(config)
        return self._opened


class _Records(logging.Handler):
    """Passes log records on to the daemon's log: a bounded number of bounded lines."""

    def __init__(self, send: Callable[[Answer], None]) -> None:
        super().__init__()
        self._send = send
        self._left = _MOST_RECORDS

    def emit(self, record: logging.LogRecord) -> None:
        """One record, while there is room."""
        self._left -= 1
        if self._left >= 0:
            self._send(Logged(record.levelno, self.format(record)[:_LONGEST_RECORD]))
        elif self._left == -1:
            self._send(Logged(logging.WARNING, f"more than {_MOST_RECORDS} records of one run: the rest is left out"))


def unknown(name: str, loaded: Loaded) -> str:
    """That there is no such handler, and why that may be."""
    known = sorted(loaded.handlers)
    there = f"there are {', '.join(known)}" if known else "no handler files define any"
    broken = "".join(f"; {source}: {problem}" for source, problem in loaded.problems.items())
    return f"no handler is named {name!r}: {there}.{did_you_mean(name, known)}{broken}"


def _loaded(pipe: Pipe, load: Load) -> Loaded:
    return load_handlers(Path(load.folder), load.house, load.skip, lambda source: pipe.send(Loading(source)))


def _done(answer: object) -> Done:
    """What was returned, as it is sent."""
    try:
        result: Result = result_of(answer)  # type: ignore[arg-type] # foreign: it may be anything
        done = Done(
            state=result.state,
            reason=str(result.reason),
            data=msgspec.json.encode(result.data),
            output=bytes(result.output),
            quiet=bool(result.quiet),
        )
        frame(done)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        return Done(state=RunState.FAILED, reason=f"what the handler returned cannot be kept: {said(error)}")
    return done


def _logger(send: Callable[[Answer], None]) -> logging.Logger:
    """The logger of one run."""
    logger = logging.Logger("jarvis.handler")
    logger.addHandler(_Records(send))
    return logger


def _show_traceback() -> None:
    """Into the run's output, without the lines that are ours."""
    kind, error, trace = sys.exc_info()
    traceback.print_exception(kind, error, trace and trace.tb_next, limit=20)


def _flush() -> None:
    """What Python and C still hold back of the output."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    _c_library().fflush(None)


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _adopt_orphans() -> None:
    """Have children whose parent ended come to us, so that `children_left` knows of them. Linux only."""
    if sys.platform == "linux":
        _c_library().prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end() -> NoReturn:
    """At once, with everything in the group: nobody is there any more to hear what became of it."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> NoReturn:
    """Load what is to be loaded, then serve."""
    offer_to_oom()
    _adopt_orphans()
    pipe = Pipe()
    faulthandler.enable()  # a crash in C shows in the run's output where Python was
    load = pipe.receive()
    if not isinstance(load, Load):
        raise FrameError(f"{load!r:.60} came before the order to load")
    Runner(pipe, load).serve()


if __name__ == "__main__":
    main()
