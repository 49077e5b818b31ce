"""Handlers that are not the house's own, each run in a warm worker process: a hang or a crash ends that run alone.

The daemon never imports their code. A run takes a process from the pool, which no other run uses meanwhile, and gives
it back when it is as it was before; else the process is ended with everything it started. At the deadline, or when the
run is cancelled, SIGTERM goes to all of it and after KILL_GRACE SIGKILL, and there is no result before it is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from jarvis.handlers.cutoff import cut_said, cut_state, how, leftovers_said, must_stop
from jarvis.handlers.frames import Begun, Done, FrameError, Go, Logged, Stale
from jarvis.handlers.limits import HELD_BY_KERNEL, half_of_memory, resident
from jarvis.handlers.pool import NotStarted, WorkerPool, how_it_ended
from jarvis.handlers.processes import Ending
from jarvis.handlers.worker_process import WorkerProcess
from jarvis.scheduler.model import Result, RunState
from jarvis.scheduler.output import Output
from jarvis.scheduler.ports import Context, Handler
from jarvis.scheduler.size import format_size

KILL_GRACE = timedelta(seconds=5)

_LEFTOVER_GRACE = 1.0  # seconds for what a run left behind: nobody waits for it any more
_LISTEN = 0.5  # the longest time, in seconds, in which a cancelled run is not noticed
_MOST_PROCESSES = 4  # tried for one run: its files may be changed just now, not all the time
_NOT_BEGUN = "the handler was not started: no time was left"
_NO_PROCESS = (
    f"the handler was not started: {_MOST_PROCESSES} worker processes ended before they called it, "
    "or the handler files changed each time"
)
_LOG = logging.getLogger("jarvis.handler")


class ForeignHandler:
    """The handler of that name, whatever the files say of it when a run begins. Serves any number of threads."""

    def __init__(self, name: str, pool: WorkerPool, kill_grace: timedelta = KILL_GRACE) -> None:
        """`kill_grace` is the time between SIGTERM and SIGKILL."""
        self._name = name
        self._pool = pool
        self._kill_grace = kill_grace.total_seconds()

    def __call__(self, context: Context, /) -> Result:
        """Carry it out in a worker process, and leave nothing behind."""
        allowed = context.remaining()
        output = context.output
        for _ in range(_MOST_PROCESSES):
            if must_stop(context):
                break
            try:
                process = self._pool.lend(context.owner_mark, output, lambda: must_stop(context))
            except NotStarted as error:
                return _with_output(Result(state=RunState.FAILED, reason=str(error)), output)
            if process is None:
                break
            run = _Run(self._name, process, context)
            try:
                result = run.carry(self._kill_grace, allowed)
            except BaseException:
                run.abandon()
                raise
            if run.can_go_on:
                self._pool.give_back(process)
            else:
                process.close()
            if result is not None:
                return _with_output(result, output)
        if must_stop(context):
            return _with_output(Result(state=cut_state(context), reason=_NOT_BEGUN), output)
        return _with_output(Result(state=RunState.FAILED, reason=_NO_PROCESS), output)


class Handlers(Mapping[str, Handler]):
    """The house's handlers by name; any other name is a foreign one, and whether it exists is told when it runs.

    So a handler file that is added needs no restart. Iterating gives the house's names.
    """

    def __init__(self, house: Mapping[str, Handler], pool: WorkerPool) -> None:
        self._house = house
        self._pool = pool

    def __getitem__(self, name: str) -> Handler:
        return self._house[name] if name in self._house else ForeignHandler(name, self._pool)

    def __iter__(self) -> Iterator[str]:
        return iter(self._house)

    def __len__(self) -> int:
        return len(self._house)


class _Run:
    """One run in one process that is ready. `can_go_on` says whether that process may take another one."""

    def __init__(self, name: str, process: WorkerProcess, context: Context) -> None:
        self._name = name
        self._process = process
        self._context = context
        self._limit = context.memory_limit or half_of_memory()
        self._begun = False
        self._done: Done | None = None
        self._stale = False
        self._garbled = ""
        self.can_go_on = False

    def carry(self, kill_grace: float, allowed: float) -> Result | None:
        """Have it done, and say what came of it; None if it was not begun and needs another process."""
        try:
            self._process.post(self._request())
        except FrameError as error:
            self.can_go_on = True
            return Result(state=RunState.FAILED, reason=f"the params, or what started the run, are too large: {error}")
        over = self._listen()
        if self._done is not None:
            return self._finished(self._done)
        if self._process.ended:
            return self._crashed() if self._begun else None
        if self._stale:
            return None
        if self._garbled or over:
            return self._ended(self._garbled or f"used more than {format_size(self._limit)}")
        return self._cut_off(kill_grace, allowed)

    def abandon(self) -> None:
        """Something went wrong in here: no process is left."""
        self._process.end(0)
        self._process.close()

    def _request(self) -> Go:
        context = self._context
        return Go(
            handler=self._name,
            task=context.task,
            params=msgspec.json.encode(context.params),
            due_at=context.due_at,
            now=context.now,
            run_id=context.run_id,
            occurrence_id=context.occurrence_id,
            attempt=context.attempt,
            remaining=context.remaining(),
            event=msgspec.json.encode(context.event),
            upstream=msgspec.json.encode(context.upstream),
            owner_mark=context.owner_mark,
            memory_limit=self._limit,
        )

    def _listen(self) -> bool:
        """Until it is done, has ended, must stop or (True) uses too much memory."""
        context, process = self._context, self._process
        while not self._heard(min(max(context.remaining(), 0), _LISTEN)):
            if process.ended or self._stale or self._garbled:
                return False
            if must_stop(context):
                self._heard(0)  # we may have been held up ourselves: an end in time counts
                return False
            if not HELD_BY_KERNEL and resident(process.pid) > self._limit:
                return True
        return False

    def _heard(self, seconds: float) -> bool:
        """Take in what it says next; whether that was the end of it."""
        try:
            answer = self._process.next_answer(seconds)
        except FrameError as error:
            self._garbled = f"the worker process says what makes no sense: {error}"
            return False
        if isinstance(answer, Logged):
            _log(self._context, answer)
        self._begun = self._begun or isinstance(answer, Begun)
        self._stale = self._stale or isinstance(answer, Stale)
        self._done = answer if isinstance(answer, Done) else self._done
        return self._done is not None

    def _finished(self, done: Done) -> Result:
        """The handler returned or raised; what it left behind is ended."""
        self._process.drain()
        self._process.written.write(done.output)
        self.can_go_on = not done.spent and not self._process.ended
        result = Result(state=done.state, reason=done.reason, data=msgspec.json.decode(done.data), quiet=done.quiet)
        if done.threads:
            noun = "thread" if done.threads == 1 else "threads"
            result = _adding(result, f"ended {done.threads} {noun} it left behind")
        return self._without_leftovers(result, itself=1) if done.children else result

    def _crashed(self) -> Result:
        """The process ended before the handler returned; what it started is ended."""
        result = self._without_leftovers(Result(state=RunState.FAILED), itself=0)
        code = self._process.close()
        before = " before the handler returned" if code >= 0 else ""
        reason = "; ".join(each for each in (f"the worker process {how_it_ended(code)}{before}", result.reason) if each)
        return msgspec.structs.replace(result, reason=reason, data=how(code))

    def _without_leftovers(self, result: Result, itself: int) -> Result:
        """End what is left; `itself` is 1 while the process itself lives and is found as well."""
        ending = self._process.end(_LEFTOVER_GRACE)
        if left := self._process.left(ending):
            state = RunState.UNKNOWN if result.state is RunState.FAILED else result.state
            return _adding(msgspec.structs.replace(result, state=state), f"left behind and not ended: {left}")
        found = ending.found - itself
        return _adding(result, leftovers_said(found, ending)) if found > 0 else result

    def _ended(self, reason: str) -> Result:
        """It misbehaved: end it now, in one go."""
        return self._gone(self._process.end(0), RunState.FAILED, reason, reason)

    def _cut_off(self, kill_grace: float, allowed: float) -> Result:
        """The deadline passed or the run was cancelled: end everything, then say so."""
        state = cut_state(self._context)
        what = cut_said(state, allowed)
        ending = self._process.end(kill_grace)
        return self._gone(ending, state, f"{what}; ended by {ending.by.name}", what)

    def _gone(self, ending: Ending, state: RunState, reason: str, what: str) -> Result:
        if left := self._process.left(ending):
            return Result(state=RunState.UNKNOWN, reason=f"{what}, but cannot be confirmed to have ended: {left}")
        return Result(state=state, reason=reason)


def _adding(result: Result, reason: str) -> Result:
    """The same with one more thing said."""
    return msgspec.structs.replace(result, reason=f"{result.reason}; {reason}" if result.reason else reason)


def _with_output(result: Result, output: Output) -> Result:
    return msgspec.structs.replace(result, output=output.kept(), output_total=output.total)


def _log(context: Context, record: Logged) -> None:
    extra: dict[str, Any] = {"task": context.task}
    context.logger.log(record.level, "%s", record.text, extra=extra)


def log_problems(pool: WorkerPool) -> None:
    """Say in the log which handler files cannot be used; for a thread of its own, as loading them takes time."""
    try:
        for source, problem in pool.known().problems.items():
            _LOG.warning("handlers: %s: %s", source, problem)
    except NotStarted as error:
        _LOG.warning("handlers: %s", error)
