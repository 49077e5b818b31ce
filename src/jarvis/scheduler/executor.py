"""One claimed run through its handler: what it is given, how long it may take, what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from jarvis.scheduler.model import Claimed, Outcome, Result, RunState
from jarvis.scheduler.ports import Clock, Context, Handler

_LOG = logging.getLogger("jarvis.handler")


class RunExecutor:
    """Carries runs through their handlers, one call at a time; safe to call from several threads."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        clock: Clock,
        timeout: timedelta,
        memory: Any = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._handlers = handlers
        self._clock = clock
        self._timeout = timeout
        self._memory = memory
        self._stopping = stopping

    def carry(self, claimed: Claimed, owner_mark: str = "") -> Outcome:
        """The whole way of one run. Never raises: whatever the handler does becomes an outcome."""
        context = self._context(claimed, owner_mark)
        try:
            result = _result(self._handler(claimed.task.handler)(context))
        except Exception as error:  # noqa: BLE001 - a handler may raise anything: that is what failed means
            _LOG.debug("handler raised", exc_info=True, extra={"task": claimed.task.name})
            result = Result(state=RunState.FAILED, reason=_said(error))
        return Outcome(claimed, _in_time(result, context, self._stopping), self._clock.now())

    def _handler(self, name: str) -> Handler:
        try:
            return self._handlers[name]
        except KeyError:
            known = ", ".join(sorted(self._handlers))
            raise LookupError(f"no handler is named {name!r}: this daemon has {known}") from None

    def _context(self, claimed: Claimed, owner_mark: str) -> Context:
        run, task = claimed.run, claimed.task
        remaining = self._countdown(task.policy.timeout or self._timeout)
        return Context(
            task=task.name,
            params=task.params,
            due_at=run.due_at,
            now=self._clock.now(),
            run_id=run.id,
            occurrence_id=f"{task.id}:{run.due_at.isoformat()}",
            attempt=run.attempt,
            remaining=remaining,
            cancelled=lambda: self._stopping() or remaining() <= 0,
            logger=_LOG,
            memory=self._memory,
            owner_mark=owner_mark,
        )

    def _countdown(self, timeout: timedelta) -> Callable[[], float]:
        """Seconds of waking time left: the monotonic clock stands still while the machine sleeps."""
        deadline = self._clock.monotonic() + timeout.total_seconds()
        return lambda: deadline - self._clock.monotonic()


def _result(answer: Result | dict[str, Any] | str | None) -> Result:
    """What a handler returned, as a Result that can be kept."""
    if isinstance(answer, Result):
        msgspec.json.encode(answer.data)  # a TypeError here fails the run, not the transaction that settles it
        return answer
    if answer is None:
        return Result()
    if isinstance(answer, str):
        return Result(reason=answer)
    msgspec.json.encode(answer)
    return Result(data=answer)


def _in_time(result: Result, context: Context, stopping: Callable[[], bool]) -> Result:
    """A failure after the deadline, or amid a hard stop, is told as what it is."""
    if result.state is not RunState.FAILED:
        return result
    if context.remaining() <= 0:
        return msgspec.structs.replace(result, state=RunState.TIMED_OUT)
    if stopping():
        return msgspec.structs.replace(result, state=RunState.CANCELLED)
    return result


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
