"""What `status` and `task list` read: the store at a glance.

The same facts as MemoryStore's tables give (a test compares them), without loading what it takes to decode a
whole task: these two verbs are what people and scripts ask for all day.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from jarvis.memory.instants import from_micros, maybe_instant, to_micros
from jarvis.memory.life import lives
from jarvis.memory.migrate import migrations
from jarvis.memory.sqlite import Database
from jarvis.scheduler.duration import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from jarvis.config import Config
    from jarvis.memory.sqlite import Row

_TASKS = """
SELECT t.name, t.schedule, t.handler, t.enabled, t.next_run_at, r.started_at, r.state,
       json_valid(t.params) AND json_valid(t.policy) AND json_valid(t.deliver), t.source
FROM tasks t
LEFT JOIN runs r ON r.id = (
    SELECT id FROM runs WHERE task_id = t.id AND started_at IS NOT NULL ORDER BY due_at DESC LIMIT 1
)
WHERE t.removed_at IS NULL
ORDER BY t.name
"""
_COUNTS = "SELECT COALESCE(SUM(enabled), 0), COUNT(*) FROM tasks WHERE removed_at IS NULL"
_NEXT = """
SELECT name, next_run_at FROM tasks
WHERE enabled = 1 AND removed_at IS NULL AND next_run_at IS NOT NULL
ORDER BY next_run_at LIMIT 1
"""
_RUNS = """
SELECT state, COUNT(*) FROM runs
WHERE recorded_at >= ? AND state NOT IN ('pending', 'running')
GROUP BY state ORDER BY state
"""
_OPEN_RUNS = "SELECT state, COUNT(*) FROM runs WHERE state IN ('pending', 'running') GROUP BY state"
_UNSENT = """
SELECT state, COUNT(*) FROM deliveries
WHERE state NOT IN ('sent', 'cancelled', 'digested', 'grouped', 'silenced')
  AND (state IN ('pending', 'held', 'sending') OR created_at >= ?)
GROUP BY state ORDER BY state
"""
_INCIDENTS = """
SELECT id, rule, kind, state, text, started_at FROM incidents WHERE state <> 'resolved' ORDER BY rule, kind
"""
_OWNERS = """
SELECT pid, process_started_at, token, host, version, started_at, heartbeat_at, lease_until
FROM instances WHERE stopped_at IS NULL ORDER BY id
"""

_REASON = ".reason.json"
_PLAIN = frozenset("0123456789*,/- ")
UNREADABLE = "what is stored of it cannot be read: remove the task and add it again"


def opened(config: Config) -> Database:
    """The configured store's database. One that is not there, or not of this version's schema, is made so first."""
    path = config.database_path
    if path is not None and path.is_file():
        database = Database(str(path))
        if database.value("PRAGMA user_version") == max(migrations()):
            return database
        database.close()
    from jarvis import app

    return app.store(config).database


# -- tasks ------------------------------------------------------------------------------------------------
def tasks(database: Database) -> list[dict[str, Any]]:
    """Every task by name, with how its last run that started went; instants in UTC."""
    return [_task(row) for row in database.rows(_TASKS)]


def _task(row: Row) -> dict[str, Any]:
    name, schedule, handler, enabled, due, started, state, readable, source = row
    said = _describe(schedule) if readable else None
    if said is None:
        handler = enabled = due = started = state = None
    return {
        "name": name,
        "schedule": said,
        "handler": handler,
        "enabled": enabled if enabled is None else bool(enabled),
        "next_run_at": maybe_instant(due) if enabled else None,
        "last_run_at": maybe_instant(started),
        "last_state": state,
        "problem": UNREADABLE if said is None else None,
        "source": source,
    }


@lru_cache(maxsize=4096)
def _describe(stored: str) -> str | None:
    """A stored schedule in words, as its own `describe()` has them; None if it is none."""
    from json import loads

    try:
        schedule = loads(stored)
        describe, keys = _KINDS[schedule["type"]]
        if keys.issuperset(schedule):
            return describe(schedule)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        pass
    return _decoded(stored)  # of a kind that is not described here, or damaged


def _decoded(stored: str) -> str | None:
    from msgspec.json import decode

    from jarvis.scheduler.schedule import Schedule

    try:
        schedule: Schedule = decode(stored, type=Schedule)
        return schedule.describe()
    except (ValueError, OverflowError):  # msgspec's errors are ValueErrors
        return None


def _cron(schedule: dict[str, str]) -> str:
    expr = schedule["expr"]
    if not _PLAIN.issuperset(expr):  # five numbers were judged when they were stored; words are judged again
        from jarvis.scheduler.cron_fields import parse_expression

        parse_expression(expr)
    return f"cron {expr} ({schedule.get('tz', 'UTC')})"


def _interval(schedule: dict[str, str]) -> str:
    # Stored as ISO 8601, of which days and seconds are in use, down to the microsecond: P1DT0.5S
    days, _, rest = schedule["every"].removeprefix("P").partition("T")
    seconds, _, fraction = rest.removesuffix("S").partition(".")
    every = timedelta(int(days.removesuffix("D") or 0), int(seconds or 0), int(fraction.ljust(6, "0")))
    return f"every {format_duration(every)}"


def _once(schedule: dict[str, str]) -> str:
    from jarvis.scheduler.zone import load_zone

    at = datetime.fromisoformat(schedule["at"])
    return f"once at {at.astimezone(load_zone(schedule.get('tz', 'UTC'))).isoformat()}"


_EVENT_KEYS = ("type", "source", "event_type", "tz")
_KINDS: dict[str, tuple[Callable[[dict[str, str]], str], frozenset[str]]] = {
    "cron": (_cron, frozenset(("type", "expr", "tz"))),
    "interval": (_interval, frozenset(("type", "every", "anchor", "tz"))),
    "once": (_once, frozenset(("type", "at", "tz"))),
    "event": (lambda schedule: f"on {schedule['source']}/{schedule['event_type']}", frozenset(_EVENT_KEYS)),
    "after": (lambda schedule: f"after {schedule['task']} has succeeded", frozenset(("type", "task", "tz"))),
}


# -- status -----------------------------------------------------------------------------------------------
def task_counts(database: Database) -> dict[str, int]:
    """How many tasks are enabled, and how many paused."""
    enabled, total = database.rows(_COUNTS)[0]
    return {"enabled": enabled, "paused": total - enabled}


def next_due(database: Database) -> tuple[str, datetime] | None:
    """The task that is due first, and when."""
    row = database.row(_NEXT)
    return (row[0], from_micros(row[1])) if row else None


def settled_runs(database: Database, since: datetime) -> dict[str, int]:
    """How many runs recorded since then have ended, by state."""
    return dict(database.rows(_RUNS, (to_micros(since),)))


def open_runs(database: Database) -> dict[str, int]:
    """How many runs wait or run."""
    return {"pending": 0, "running": 0} | dict(database.rows(_OPEN_RUNS))


def unsent(database: Database, since: datetime) -> dict[str, int]:
    """How many deliveries wait, and how many made since then did not arrive for sure, by state."""
    return dict(database.rows(_UNSENT, (to_micros(since),)))


def incidents(database: Database) -> list[dict[str, Any]]:
    """What rules found and is not over; instants in UTC."""
    keys = ("id", "rule", "kind", "state", "text", "started_at")
    found = [dict(zip(keys, row, strict=True)) for row in database.rows(_INCIDENTS)]
    return [each | {"started_at": from_micros(each["started_at"])} for each in found]


def daemons(database: Database, now: datetime) -> list[dict[str, Any]]:
    """The owners that live now; instants in UTC."""
    folder = Path(f"{database.path}-daemons")
    found = []
    for pid, process_started, token, host, version, started, beaten, leased in database.rows(_OWNERS):
        if lives(folder / token, host, pid, process_started, to_micros(now) < leased):
            since, seen = from_micros(started), from_micros(beaten)
            found.append({"pid": pid, "since": since, "seen": seen, "host": host, "version": version})
    return found


def inbox(folder: Path) -> dict[str, Any]:
    """How many files wait, how many failed, and whether a daemon is told when one is dropped."""
    from importlib.util import find_spec

    failed = _files(folder / "failed")
    reasons = {name for name in failed if name.endswith(_REASON) and name.removesuffix(_REASON) in failed}
    return {
        "waiting": len(_files(folder)),
        "failed": len(failed - reasons),
        "watched": find_spec("watchdog") is not None,
    }


def _files(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {
                each.name
                for each in entries
                if each.name.endswith(".json") and not each.name.startswith(".") and each.is_file(follow_symlinks=False)
            }
    except OSError:
        return set()
