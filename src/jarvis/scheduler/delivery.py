"""Which results go to which channels, what they say, and what follows an attempt at sending one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import get_args

import msgspec

from jarvis.errors import UsageError
from jarvis.scheduler.backoff import wait
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.model import Deliver, DeliveryState, On, Result, Run, RunState, Sent, Task
from jarvis.scheduler.suggest import did_you_mean
from jarvis.scheduler.zone import load_zone

LIFETIME = timedelta(days=1)  # until a delivery that could not be sent is old news
RETRY_DELAY, RETRY_MAX_DELAY = timedelta(seconds=10), timedelta(hours=1)
ONS: tuple[str, ...] = get_args(On)

_BAD = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.UNKNOWN})
_SUBJECT = 200  # characters
_OUTPUT = 4_000  # bytes of the end of what a run wrote


class Letter(msgspec.Struct, frozen=True):
    """What is kept to be sent: the subject is one line."""

    subject: str
    body: str


class After(msgspec.Struct, frozen=True):
    """A delivery after an attempt: its state from then on, why, and when the next attempt may begin."""

    state: DeliveryState
    reason: str = ""
    available_at: datetime | None = None


def read_deliver(text: str) -> Deliver:
    """`CHANNEL` or `CHANNEL:ON`. UsageError where ON is no such word."""
    channel, colon, on = text.partition(":")
    if not channel:
        raise UsageError(f"got {text!r}, use CHANNEL or CHANNEL:ON")
    if colon and on not in ONS:
        raise UsageError(f"got {text!r}, after the colon use one of {', '.join(ONS)}.{did_you_mean(on, ONS)}")
    return Deliver(channel, on or "always")  # type: ignore[arg-type]  # one of ONS


def said(deliver: Deliver) -> str:
    """The text that `read_deliver` reads."""
    return deliver.channel if deliver.on == "always" else f"{deliver.channel}:{deliver.on}"


# -- when a run ends --------------------------------------------------------------------------------------
def wanted(deliver: Iterable[Deliver], state: RunState, *, turned: bool) -> tuple[str, ...]:
    """The channels that a result goes to, each once. `turned`: the run before it went the other way."""
    return tuple(dict.fromkeys(each.channel for each in deliver if _matches(each.on, state, turned)))


def everywhere(deliver: Iterable[Deliver]) -> tuple[str, ...]:
    """All the channels, each once, whichever results they get."""
    return tuple(dict.fromkeys(each.channel for each in deliver))


def _matches(on: On, state: RunState, turned: bool) -> bool:
    good, bad = state is RunState.SUCCEEDED, state in _BAD
    return {
        "always": True,
        "failure": bad,
        "success": good,
        "change": turned and (good or bad),
        "recovery": turned and good,
    }[on]


def result_letter(task: Task, run: Run, result: Result, reason: str, *, turned: bool) -> Letter:
    """What is said of a run that has ended."""
    again = " again" if turned and result.state is RunState.SUCCEEDED else ""
    why = f": {reason}" if reason else ""
    return Letter(
        one_line(f"{task.name} {result.state.replace('_', ' ')}{again}{why}"), _body(task, run, reason, result)
    )


def paused_letter(task: Task, run: Run, reason: str) -> Letter:
    """What is said of a task that was paused for its failures."""
    todo = f"It starts no more until you say so: jarvis task resume {task.name}\n"
    return Letter(one_line(f"{task.name} was {reason}"), f"{task.name} was {reason}.\n{todo}{_more(run)}")


def _body(task: Task, run: Run, reason: str, result: Result) -> str:
    due_at = run.due_at.astimezone(load_zone(task.schedule.tz)).isoformat(" ", "seconds")
    wrote = result.output[-_OUTPUT:].decode(errors="replace").strip()
    parts = (reason, wrote, f"due at {due_at}, attempt {run.attempt}\n{_more(run)}")
    return "\n\n".join(filter(None, parts))


def _more(run: Run) -> str:
    return f"jarvis runs show {run.id}\n"


def one_line(text: str) -> str:
    """One line that a header, a variable or a title may hold."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= _SUBJECT else f"{line[: _SUBJECT - 3]}..."


# -- after an attempt -------------------------------------------------------------------------------------
def after(sent: Sent) -> After:
    """What follows an attempt: nothing, or the next one, as long as its time is not over by then."""
    if sent.how == "sent":
        return After(DeliveryState.SENT)
    if sent.how != "failed":
        return After(DeliveryState.FAILED if sent.how == "refused" else DeliveryState.UNKNOWN, sent.reason)
    delivery = sent.delivery
    pause = wait(delivery.failures, RETRY_DELAY, RETRY_MAX_DELAY, f"{delivery.key}\0{delivery.attempt}")
    reason = f"attempt {delivery.attempt} failed: {sent.reason}"
    if sent.finished_at + pause >= delivery.expires_at:
        return After(DeliveryState.EXPIRED, f"not sent within {format_duration(LIFETIME)}: {reason}")
    return After(DeliveryState.PENDING, reason, sent.finished_at + pause)
