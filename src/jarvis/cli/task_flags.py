"""The flags that state a task, for `task add` and `task edit`: one for each key of its table."""

from __future__ import annotations

from jarvis.cli.args import json_or_text, task_name
from jarvis.cli.coming import coming, waits_for
from jarvis.cli.output import emit, escaped, instant, iso, note
from jarvis.cli.records import next_run_at, of_task
from jarvis.cli.status import NO_DAEMON
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.scheduler.model import Task

INSTANTS_SHOWN = 3

_WHEN = {
    "cron": ("E", "a cron expression of 5 fields, or 6 with seconds first"),
    "every": ("D", "a duration (90s, 5m, 2h, 1d), or words (weekday at 9)"),
    "at": ("T", "one instant: ISO 8601 with an offset, or words (tomorrow 5pm)"),
    "when": ("PHRASE", "any of these in words: every weekday at 9, in 20 minutes"),
    "rrule": ("RULE", "a recurrence of RFC 5545: FREQ=MONTHLY;BYDAY=-1FR"),
    "on": ("SOURCE/TYPE", "an event, by glob patterns: 'github/push*'"),
    "after": ("TASK", "the end of another task's run"),
}
_WHAT_COUNTS = {
    "debounce": ("D", "with --on: a burst of events is one run, this long after the last of them"),
    "rate": ("N/D", "with --on: at most N starts within D (5/1m); what exceeds that is skipped"),
    "filter": ("EXPR", "with --on: only if this holds of source, type and payload: 'payload.ref == \"main\"'"),
    "if": ("HOW", "with --after: if that run succeeded (default), failed, always"),
}
_BOUNDS = {
    "tz": ("Z", "time zone (JARVIS_TIMEZONE, and then it follows that)"),
    "starts_at": ("T", "no run before this instant, or day"),
    "ends_at": ("T", "no run after this instant, or day"),
    "max_runs": ("N", "so many runs in all"),
    "jitter": ("D", "start each run up to this much later, always the same for the same one"),
    "exclude": ("DAY", "not on: sat, 2026-12-25, 2026-12-24..2027-01-02, or an .ics file; repeatable"),
    "anchor": ("T", "an instant to count an interval from (its start, or now)"),
    "dtstart": ("T", "where an rrule begins (its start, or now)"),
    "dst_gap": ("HOW", "cron times that the clock skips: run_after (default), skip"),
    "dst_repeat": ("HOW", "cron times that it shows twice: first (default), second, both"),
}
_HOW = {
    "grace": ("D", "how late is still on time (60s)"),
    "catch_up": ("HOW", "of what was missed do: skip, last (default), all"),
    "catch_up_max": ("N", "the most that `all` does (100)"),
    "late_ok": ("D", "start no run that is later than this (it always may)"),
    "overlap": ("HOW", "while the last run goes on: skip (default), queue (with --on, --after), allow, cancel_running"),
    "timeout": ("D", "a run's deadline (SCHEDULER_HANDLER_TIMEOUT_SECONDS)"),
    "on_interrupt": ("HOW", "if a crash cuts it off: rerun (default), fail"),
    "priority": ("N", "of several that are due, the highest first (0)"),
    "memory_limit": ("SIZE", "what each process of a run may use, such as 512MB"),
    "retries": ("N", "attempts after the first that failed (0)"),
    "retry_on": ("CODE", "exit codes worth another attempt, or timed_out: 75,timed_out (any failure)"),
    "retry_delay": ("D", "before the first of them (10s); it doubles with each"),
    "retry_max_delay": ("D", "the longest that it becomes (1h)"),
    "pause_after": ("N", "after so many failed runs in a row the task is paused (10); 0: never"),
}
_WHERE = {
    "deliver": (
        "CHANNEL[:ON]",
        "where results go; ON is always, failure, success, change, recovery; after it or in its place, with commas: "
        "urgent (quiet hours do not hold it), digest (it can wait), same-told, same-grouped, same-silent; repeatable",
    ),
    "template": ("TEXT", "what they say, in Jinja2: `{{ task.name }}: {{ output }}`; docs/deliveries.md"),
    "template_file": ("FILE", "the same from a file; a first line `Subject: ...` is the subject"),
}
_FLAGS = {"params": "--param", "command": "a command after --"}
_REPEATED = ("exclude", "deliver")


def add_task_flags(parser: ArgumentParser) -> None:
    """Add every flag that states a part of a task. What is typed is read later, all of it at once."""
    _add(parser, "when (one of these)", _WHEN)
    _add(parser, "which events, and which ends of a run", _WHAT_COUNTS)
    bounds = _add(parser, "from when, until when, and when not", _BOUNDS)
    bounds.add_argument(
        "--after-completion", action="store_true", default=None, help="count an interval from the end of the last run"
    )
    what = parser.add_argument_group("what")
    what.add_argument("--handler", metavar="H", help="a handler; with a command after -- it is `command`")
    what.add_argument("--param", metavar="K=V", action="append", help="for the handler; V is JSON or text")
    what.add_argument("--cwd", metavar="DIR", help="the folder the command runs in")
    what.add_argument("--env", metavar="K=V", action="append", help="a variable for the command")
    what.add_argument("--stdin", metavar="TEXT", help="what the command reads")
    _add(parser, "how", _HOW)
    _add(parser, "where to", _WHERE)


def _add(parser: ArgumentParser, title: str, flags: dict[str, tuple[str, str]]) -> Any:
    group = parser.add_argument_group(title)
    for key, (metavar, text) in flags.items():
        action = "append" if key in _REPEATED else "store"
        kind = task_name if metavar == "TASK" else str
        group.add_argument(spelled(key), metavar=metavar, type=kind, action=action, help=text)
    return group


def spelled(key: str) -> str:
    """The flag that states a key."""
    return _FLAGS.get(key) or f"--{key.replace('_', '-')}"


def table_of(args: Namespace) -> dict[str, Any]:
    """What was typed, by the keys of a task's table."""
    from jarvis.tasks.spec import KEYS

    if args.command == []:
        raise UsageError("there is no command after --: such as `-- echo hi`")
    given = {key: getattr(args, key, None) for key in KEYS}
    given["params"] = _pairs("--param", args.param, json_or_text)
    given["env"] = _pairs("--env", args.env, str)
    return {key: value for key, value in given.items() if value is not None}


def _pairs(flag: str, texts: list[str] | None, read: Any) -> dict[str, Any] | None:
    return None if texts is None else dict(_pair(flag, text, read) for text in texts)


def _pair(flag: str, text: str, read: Any) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"{flag}: got {text!r}, use NAME=VALUE")
    return name, read(value)


# -- said back --------------------------------------------------------------------------------------------
def told(task: Task, session: Session, lines: list[str], *, as_json: bool) -> int:
    """Print what became of a task, with its next instants in its zone."""
    if as_json:
        shown = [iso(each, session.zone) for each in coming(task.schedule, next_run_at(task), INSTANTS_SHOWN)]
        emit(of_task(task, None, None, session.zone) | {"next": shown})
    else:
        _print(task, lines)
    if not session.store.instances.living(session.now):
        note(NO_DAEMON)
    return 0


def _print(task: Task, lines: list[str]) -> None:
    from jarvis.scheduler.zone import load_zone

    zone = load_zone(task.schedule.tz)
    instants = [instant(each, zone) for each in coming(task.schedule, next_run_at(task), INSTANTS_SHOWN)]
    print("\n".join(map(escaped, lines)))
    print("next: " + "\n      ".join(instants or [waits_for(task)]))
