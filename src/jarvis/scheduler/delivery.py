"""Which results go to which channels, what they say, and what follows an attempt at sending one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, get_args
from zlib import crc32

import msgspec

from jarvis.errors import UsageError
from jarvis.scheduler.backoff import wait
from jarvis.scheduler.care import USUAL_CARE, Care
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.judgement import BAD, Wish
from jarvis.scheduler.model import Deliver, DeliveryState, On, Result, Run, RunState, Same, Sent, Task
from jarvis.scheduler.suggest import did_you_mean
from jarvis.scheduler.zone import load_zone

LIFETIME = USUAL_CARE.expires  # of what goes by a channel that says nothing else
RETRY_DELAY, RETRY_MAX_DELAY = timedelta(seconds=10), timedelta(hours=1)
ONS: tuple[str, ...] = get_args(On)
SAMES: tuple[str, ...] = get_args(Same)

_HOW: dict[str, dict[str, object]] = {
    "urgent": {"urgent": True},
    "digest": {"digest": True},
    **{f"same-{same}": {"same": same} for same in SAMES},
}
_SUBJECT = 200  # characters
_OUTPUT = 4_000  # bytes of the end of what a run wrote
TEMPLATE_OUTPUT = 64 * 1024  # the same, for a template


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
    """`CHANNEL`, or `CHANNEL:` and words: one of ONS, `urgent` or `digest`, `same-` and one of SAMES.

    UsageError for any other.
    """
    channel, colon, rest = text.partition(":")
    if not channel:
        raise UsageError(f"got {text!r}, use CHANNEL or CHANNEL:ON")
    given: dict[str, object] = {}
    for word in rest.split(",") if colon else ():
        said_ = {"on": word} if word in ONS else _HOW.get(word)
        if said_ is None:
            known = (*ONS, *_HOW)
            raise UsageError(f"got {text!r}, after the colon use one of {', '.join(known)}.{did_you_mean(word, known)}")
        if given.keys() & said_.keys():
            raise UsageError(f"got {text!r}: {word} and a word before it exclude each other")
        given |= said_
    return checked_deliver(Deliver(channel, **given))  # type: ignore[arg-type]  # words of these two tables


def checked_deliver(deliver: Deliver) -> Deliver:
    """The same. UsageError where its parts exclude each other."""
    if deliver.urgent and deliver.digest:
        raise UsageError(f"channel {deliver.channel!r}: urgent and digest exclude each other")
    return deliver


def said(deliver: Deliver) -> str:
    """The text that `read_deliver` reads, as far as such a text can say it: not the template."""
    on = () if deliver.on == "always" else (deliver.on,)
    same = () if deliver.same is None else (f"same-{deliver.same}",)
    words = (*on, *(word for word in ("urgent", "digest") if getattr(deliver, word)), *same)
    return f"{deliver.channel}:{','.join(words)}" if words else deliver.channel


def told(deliver: Deliver) -> str:
    """The same for a person, who can tell one template from another."""
    if not deliver.template:
        return said(deliver)
    lines = deliver.template.count("\n") + 1
    return f"{said(deliver)} (template {crc32(deliver.template.encode()):08x}, {lines} line{'s' * (lines > 1)})"


# -- when a run ends --------------------------------------------------------------------------------------
def wanted(deliver: Iterable[Deliver], state: RunState, *, turned: bool) -> tuple[Wish, ...]:
    """How each channel that a result goes to wants to be told. `turned`: the run before it went the other way."""
    return _wishes([each for each in deliver if _matches(each, state, turned)])


def templates(deliver: Iterable[Deliver], state: RunState, *, turned: bool) -> dict[str, str]:
    """The text of the task's own for each channel that a result goes to, where there is one: that of an entry which
    names such results, before one that is told of them because its failures are over."""
    told = [each for each in deliver if _matches(each, state, turned)]
    told.sort(key=lambda each: not _names(each.on, state, turned))
    first = {each.channel: each.template for each in reversed(told)}
    return {channel: template for channel, template in first.items() if template}


def everywhere(deliver: Iterable[Deliver]) -> tuple[Wish, ...]:
    """All the channels, each once, whichever results they get. What goes to them all can wait for no digest."""
    return tuple(Wish(each.channel, each.urgent) for each in _wishes(deliver))


def _wishes(deliver: Iterable[Deliver]) -> tuple[Wish, ...]:
    """Each channel once. Of several entries for one the most telling counts: at once, not in a digest, each time."""
    by_channel: dict[str, list[Deliver]] = {}
    for each in deliver:
        by_channel.setdefault(each.channel, []).append(each)
    return tuple(_wish(channel, entries) for channel, entries in by_channel.items())


def _wish(channel: str, entries: list[Deliver]) -> Wish:
    sames = {each.repeats for each in entries}
    urgent = any(each.urgent for each in entries)
    low = not urgent and all(each.digest for each in entries)
    return Wish(channel, urgent, low, sames.pop() if len(sames) == 1 else "told")


def _matches(deliver: Deliver, state: RunState, turned: bool) -> bool:
    # Who is not told of each failure must be told when they are over: silence would say nothing.
    over = deliver.on == "failure" and deliver.repeats == "grouped" and _names("recovery", state, turned)
    return over or _names(deliver.on, state, turned)


def _names(on: On, state: RunState, turned: bool) -> bool:
    good, bad = state is RunState.SUCCEEDED, state in BAD
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


def template_facts(
    task: Task, run: Run, result: Result, reason: str, *, finished_at: datetime, previous: Any
) -> dict[str, Any]:
    """What a template may speak of; plain values, as they will be stored. Instants are texts with the task's offset."""
    zone = load_zone(task.schedule.tz)

    def instant(moment: datetime | None) -> str | None:
        return None if moment is None else moment.astimezone(zone).isoformat()

    output = result.output[-TEMPLATE_OUTPUT:].decode(errors="replace")
    return {
        "task": {
            "name": task.name,
            "handler": task.handler,
            "schedule": task.schedule.describe(),
            "tz": task.schedule.tz,
        },
        "run": {
            "id": run.id,
            "state": result.state.value,
            "reason": reason,
            "due_at": instant(run.due_at),
            "started_at": instant(run.started_at),
            "finished_at": instant(finished_at),
            "attempt": run.attempt,
            "origin": run.origin,
        },
        "output": output,
        "output_cut": result.output_total > len(result.output[-TEMPLATE_OUTPUT:]),
        "data": result.data,
        "previous": previous,
    }


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
def after(sent: Sent, care: Care = USUAL_CARE) -> After:
    """What follows an attempt: nothing, or the next one, as long as its time is not over by then."""
    if sent.how == "sent":
        return After(DeliveryState.SENT)
    if sent.how != "failed":
        return After(DeliveryState.FAILED if sent.how == "refused" else DeliveryState.UNKNOWN, sent.reason)
    delivery = sent.delivery
    reason = f"attempt {delivery.attempt} failed: {sent.reason}"
    if care.retries is not None and delivery.failures >= care.retries:
        return After(DeliveryState.FAILED, f"given up (retries={care.retries}): {reason}")
    pause = wait(delivery.failures, RETRY_DELAY, RETRY_MAX_DELAY, f"{delivery.key}\0{delivery.attempt}")
    if sent.retry_after is not None:  # a receiver may ask for more patience, not for no end of it
        pause = max(pause, min(sent.retry_after, RETRY_MAX_DELAY))
    if sent.finished_at + pause >= delivery.expires_at:
        return After(DeliveryState.EXPIRED, f"{too_late(care)}: {reason}")
    return After(DeliveryState.PENDING, reason, sent.finished_at + pause)


def too_late(care: Care) -> str:
    """Why a delivery has expired."""
    return f"not sent within {format_duration(care.expires)}"


def goes_on(state: DeliveryState, care: Care) -> bool:
    """Whether the fallback is told, once a delivery stands there."""
    given_up = state in (DeliveryState.FAILED, DeliveryState.EXPIRED)
    return bool(care.fallback) and (given_up or (state is DeliveryState.UNKNOWN and care.fallback_on_unknown))
