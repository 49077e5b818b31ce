"""`jarvis why`: what happened to a task at a moment, or will, in one sentence, and from which facts."""

from __future__ import annotations

from contextlib import suppress
from datetime import time

from jarvis.cli.args import add_json, an_instant
from jarvis.cli.command import Command
from jarvis.cli.glance import open_runs
from jarvis.cli.output import emit, escaped, iso
from jarvis.cli.records import of_run
from jarvis.cli.task import add_name
from jarvis.errors import NotFound, UsageError
from jarvis.memory.instants import from_micros, maybe_instant
from jarvis.scheduler.engine import WAKE_SETTLE
from jarvis.scheduler.explain import Facts, blocking_run, explain, moments, window
from jarvis.scheduler.instant import LATEST, just_after
from jarvis.scheduler.schedule import After, OnEvent
from jarvis.scheduler.zone import load_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import datetime, tzinfo
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.memory import MemoryStore
    from jarvis.scheduler.clockwatch import Absence
    from jarvis.scheduler.explain import Why
    from jarvis.scheduler.model import Run, Task

# A removed task keeps its row and its runs, and its name may have been taken again since.
_CREATED = "SELECT id, created_at, removed_at FROM tasks WHERE id = ?"


def _flags(parser: ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("--at", metavar="T", help="the moment, past or future, in place of the present")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    store, now = session.store, session.now
    task, removed_at = _task(store, args.name, None)
    at = None if args.at is None else _moment(args.at, now, load_zone(task.schedule.tz))
    if at is not None:
        task, removed_at = _task(store, args.name, at)
    found = explain(gather(store, task, now, at=at, removed_at=removed_at, places=session.config.max_workers))
    return _print(args, found, load_zone(task.schedule.tz))


def _print(args: Namespace, found: Why, zone: tzinfo) -> int:
    if args.json:
        return emit(_as_json(found, zone))
    print(escaped(found.sentence))
    for fact in found.facts:
        print(f"  {escaped(fact)}")
    return 0


def _as_json(found: Why, zone: tzinfo) -> dict[str, Any]:
    return {
        "task": found.task,
        "at": iso(found.at, zone),
        "verdict": found.verdict,
        "sentence": found.sentence,
        "due_at": iso(found.due_at, zone),
        "run": None if found.run is None else of_run(found.run, zone),
        "before": iso(found.before, zone),
        "after": iso(found.after, zone),
        "facts": list(found.facts),
    }


def _moment(text: str, now: datetime, zone: tzinfo) -> datetime:
    """An instant. A bare time of day is refused with the one it would be today."""
    try:
        bare = time.fromisoformat(text)
    except ValueError:
        return an_instant("--at", text, zone)
    spelled = now.astimezone(zone).replace(hour=bare.hour, minute=bare.minute, second=bare.second, microsecond=0)
    raise UsageError(f"--at: {text!r} has no date and no offset. Did you mean {spelled.isoformat()}?")


# -- the facts --------------------------------------------------------------------------------------------
def _task(store: MemoryStore, name: str, at: datetime | None) -> tuple[Task, datetime | None]:
    """The task that had that name at that moment, and when it was removed. NotFound if there never was one."""
    ids = sorted(store.tasks.ids_of(name), reverse=True)
    known = [row for task_id in ids for row in store.database.rows(_CREATED, (task_id,))]
    if not known:
        return store.tasks.get(name), None  # which tells the nearest name
    there = (row for row in known if at is None or from_micros(row[1]) <= at or _ran(store, row[0], at))
    found = next(there, known[-1])
    return store.tasks.by_id(found[0]), maybe_instant(found[2])


def _ran(store: MemoryStore, task_id: int, at: datetime) -> bool:
    """Whether there is an occurrence of exactly then: the first may be due before its task was added."""
    return any(row.due_at == at for row in store.runs.around(task_id, at))


def gather(
    store: MemoryStore, task: Task, now: datetime, *, at: datetime | None, removed_at: datetime | None, places: int
) -> Facts:
    """Everything the store knows that an answer may stand on; a few look-ups, however long the ledger is."""
    rows = _rows(store, task, at)
    return Facts(
        task=task,
        now=now,
        at=at,
        removed_at=removed_at,
        rows=tuple(rows),
        deliveries=tuple(each for row in rows for each in store.deliveries.of_run(row.id)) if task.deliver else (),
        absences=tuple(_absences(store, rows, at, now)),
        living=tuple(store.instances.living(now)),
        owners=tuple(store.instances.get(row.owner) for row in rows if row.owner is not None),
        busy=open_runs(store.database)["running"],
        places=places,
        settle=WAKE_SETTLE,
        started_by={row.id: said for row in rows if (said := _started_by(store, row))},
        passed_by=_passed_by(store, task),
    )


def _started_by(store: MemoryStore, row: Run) -> str:
    """What started a run, where that was neither time nor a person."""
    if row.origin in ("schedule", "manual") or not (causes := store.causes.of_run(row.id)):
        return ""
    more = f", the last of {len(causes)} events" if len(causes) > 1 else ""
    return f"{causes[-1].said}{more}"


def _passed_by(store: MemoryStore, task: Task) -> str:
    """What happened last that could have started a task, and did not."""
    schedule = task.schedule
    if not isinstance(schedule, OnEvent | After):
        return ""
    newest = store.causes.newest_of(task)
    if newest is not None and newest.run_id is None:
        return f"{newest.said} came to nothing: {newest.reason or 'its filter said no'}"
    if isinstance(schedule, OnEvent):
        return ""
    last = next((run for run in store.runs.newest(task=schedule.task, limit=1) if run.state.final), None)
    known = last is None or (newest is not None and newest.upstream_id == last.id)
    return "" if last is None or known else f"run {last.id} of {last.task} ended as {last.state}, which starts nothing"


def _rows(store: MemoryStore, task: Task, at: datetime | None) -> list[Run]:
    if at is None:
        found = store.runs.around(task.id, LATEST)
    else:
        found = store.runs.around(task.id, *window(at))
        for moment in moments(task, at):
            found += store.runs.around(task.id, moment)
    for run_id in filter(None, map(blocking_run, tuple(found))):
        with suppress(NotFound):  # pruned
            found.append(store.runs.get(run_id))
    unique = {row.id: row for row in found}
    return sorted(unique.values(), key=lambda row: row.due_at)


def _absences(store: MemoryStore, rows: Sequence[Run], at: datetime | None, now: datetime) -> list[Absence]:
    """Those over the moment and over the rows that cover it, and the last waking."""
    start, end = window(at) if at is not None else (rows[-1].due_at if rows else now, LATEST)
    moments = [start, *(row.due_at for row in rows if row.due_at < end and (row.until or row.due_at) >= start)]
    found = [each for t in moments for each in store.absences.between(t, just_after(t))]
    found += [each for each in store.absences.between(now - WAKE_SETTLE, now) if each.kind == "slept"]
    return sorted(set(found), key=lambda each: each.since)


WHY = Command(
    _run,
    flags=_flags,
    about=(
        "Say in one sentence what became of a task at a moment, or what will, and from which facts.\n"
        "Without --at: what its last occurrence came to, and what comes next. T is ISO 8601 with an offset. It\n"
        "names the occurrence due at that instant; else, as 09:00 stands for its minute and 09:00:30 for its\n"
        "second, the one occurrence that lies in it."
    ),
    examples="""
jarvis why hello
jarvis why hello --at 2026-03-02T09:00:00-07:00
jarvis why hello --at 2026-03-02T09:00-07:00 --json""",
)
