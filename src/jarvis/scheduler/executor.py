"""One claimed run through its handler: what it is given, how long it may take, what came of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from jarvis.scheduler.authorship import RunMemory
from jarvis.scheduler.model import Claimed, Event, Outcome, Result, Run, RunState
from jarvis.scheduler.output import Live, Output
from jarvis.scheduler.ports import Clock, Context, Handler

_LOG = logging.getLogger("jarvis.handler")
_MOMENT = timedelta(seconds=1)
_WELL = Result()


class RunExecutor:
    """Carries runs through their handlers, one call at a time; safe to call from several threads."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        clock: Clock,
        timeout: timedelta,
        memory: Any = None,
        live: Callable[[Run], Live | None] = lambda _run: None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """`timeout` is for tasks that name none; `live` gives what shows a run's output while it runs.

        `pause` lets the seconds pass until a run that was claimed ahead is due.
        """
        self._handlers = handlers
        self._clock = clock
        self._timeout = timeout
        self._memory = memory
        self._live = live
        self._pause = pause or threading.Event().wait
        self._shown: dict[tuple[int, int], Live] = {}  # run id and fence -> of those not yet forgotten
        self._stop_all = False
        self._stop: dict[int, str] = {}  # run id -> why it should stop

    def cancel(self, run_id: int, reason: str) -> None:
        """Ask one run to stop (`Context.cancelled`)."""
        self._stop[run_id] = reason

    def cancel_all(self) -> None:
        """Ask every run to stop, those that start later too."""
        self._stop_all = True

    def carry(self, claimed: Claimed, owner_mark: str = "") -> Outcome:
        """The whole way of one run. Never raises: whatever the handler does becomes an outcome."""
        context = self._context(claimed, owner_mark, self._await_start(claimed.run))
        try:
            result = result_of(self._handler(claimed.task.handler)(context))
        except Exception as error:  # noqa: BLE001 - a handler may raise anything: that is what failed means
            _LOG.debug("handler raised", exc_info=True, extra={"task": claimed.task.name})
            result = Result(state=RunState.FAILED, reason=said(error))
        result = _with_output(result, context.output)
        return Outcome(claimed, self._in_time(result, context), self._clock.now(), context.now)

    def forget(self, claimed: Claimed) -> None:
        """The outcome is settled: what showed the output while it ran goes."""
        live = self._shown.pop((claimed.run.id, claimed.run.fence), None)
        if live is not None:
            live.discard()

    def _await_start(self, run: Run) -> datetime:
        """Wait until a run claimed ahead is due: when that is. A clock set back holds it for no more than a moment."""
        now = self._clock.now()
        while run.started_at is not None and now < run.started_at < now + _MOMENT:
            self._pause((run.started_at - now).total_seconds())
            now = self._clock.now()
        return now

    def _handler(self, name: str) -> Handler:
        try:
            return self._handlers[name]
        except KeyError:
            known = ", ".join(sorted(self._handlers))
            raise LookupError(f"no handler is named {name!r}: this daemon has {known}") from None

    def _show(self, run: Run) -> Live | None:
        """Where others see the output of a run, from its first byte on."""
        if (live := self._live(run)) is not None:
            self._shown[run.id, run.fence] = live
        return live

    def _context(self, claimed: Claimed, owner_mark: str, now: datetime) -> Context:
        run, task = claimed.run, claimed.task
        remaining = self._countdown(task.policy.timeout or self._timeout)
        return Context(
            task=task.name,
            params=task.params,
            due_at=run.due_at,
            now=now,
            run_id=run.id,
            occurrence_id=f"{task.id}:{_stamp(run.due_at)}",
            attempt=run.attempt,
            remaining=remaining,
            cancelled=lambda: self._stop_all or run.id in self._stop or remaining() <= 0,
            memory=None if self._memory is None else RunMemory(lambda: self._memory, task.name, run.id),
            event=_read(claimed.event),
            upstream=claimed.upstream,
            owner_mark=owner_mark,
            output=Output(show=lambda: self._show(run)),
            memory_limit=task.policy.memory_limit,
        )

    def _in_time(self, result: Result, context: Context) -> Result:
        """A failure of a run that was asked to stop, or after its deadline, is told as what it is."""
        why = self._stop.pop(context.run_id, "")
        if result.state not in (RunState.FAILED, RunState.CANCELLED):
            return result
        if why or self._stop_all:
            return msgspec.structs.replace(result, state=RunState.CANCELLED, reason=why or result.reason)
        if context.remaining() <= 0:
            return msgspec.structs.replace(result, state=RunState.TIMED_OUT)
        return result

    def _countdown(self, timeout: timedelta) -> Callable[[], float]:
        """Seconds of waking time left: the monotonic clock stands still while the machine sleeps."""
        deadline = self._clock.monotonic() + timeout.total_seconds()
        return lambda: deadline - self._clock.monotonic()


# Many runs are due at one instant, and writing it out takes longer than all else that a context is made of.
@lru_cache(maxsize=64)
def _stamp(due_at: datetime) -> str:
    return due_at.isoformat()


def _read(event: Event | None) -> Event | None:
    """An event with what its payload says; here, in the run's own time, as it may be long."""
    return None if event is None else msgspec.structs.replace(event, payload=msgspec.json.decode(event.payload))


def result_of(answer: Result | dict[str, Any] | str | None) -> Result:
    """What a handler returned, as a Result that can be kept. TypeError or ValueError if it cannot."""
    if isinstance(answer, Result):
        msgspec.json.encode(answer.data)  # a TypeError here fails the run, not the transaction that settles it
        return answer
    if answer is None:
        return _WELL
    if isinstance(answer, str):
        return Result(reason=answer)
    msgspec.json.encode(answer)
    return Result(data=answer)


def _with_output(result: Result, output: Output) -> Result:
    """What the handler wrote, unless it gave an output itself; and if it could not be followed, why."""
    if output.total and not result.output_total:
        result = msgspec.structs.replace(result, output=output.kept(), output_total=output.total)
    if not output.trouble:
        return result
    said = f"its output could not be followed to the end while it ran ({output.trouble})"
    return msgspec.structs.replace(result, reason="; ".join(filter(None, (result.reason, said))))


def said(error: BaseException) -> str:
    """An exception as the reason of a run, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
