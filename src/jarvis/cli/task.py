"""`jarvis task list` and `jarvis task show`."""

from __future__ import annotations

from jarvis.cli import glance
from jarvis.cli.args import add_json, task_name
from jarvis.cli.coming import coming, waits_for
from jarvis.cli.command import Command
from jarvis.cli.output import emit, instant, iso, listing, note, table
from jarvis.cli.records import next_run_at, of_policy, of_row, of_run, of_task, plain
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import tzinfo
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.scheduler.model import Run, Task

HEADS = ("NAME", "SCHEDULE", "HANDLER", "NEXT", "LAST RUN", "LAST STATE")
NO_TASKS = "no tasks: `jarvis task add --help` shows how to add one"
NEXT_SHOWN = RUNS_SHOWN = 5


# -- list -------------------------------------------------------------------------------------------------
def _list_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--names", action="store_true", help="print the names alone, one a line")
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    if args.names:
        return _names(args, session)
    found, zone = glance.tasks(session.database), session.zone
    if args.json:
        return emit([{name: plain(value, zone) for name, value in each.items()} for each in found])
    table(HEADS, (_row(each, zone) for each in found), NO_TASKS)
    for each in found:
        if each["problem"]:
            note(f"task {each['name']}: {each['problem']}")
    return 0


def _names(args: Namespace, session: Session) -> int:
    """For other programs, and for shells that complete one: they look, and make no store."""
    if args.json:
        raise UsageError("--names and --json are two ways to print it: use one of them")
    path = session.config.database_path
    for each in glance.tasks(session.database) if path is None or path.exists() else ():
        print(each["name"])
    return 0


def _row(task: dict[str, Any], zone: tzinfo) -> Sequence[object]:
    due = instant(task["next_run_at"], zone) if task["enabled"] else "unreadable" if task["problem"] else "paused"
    return task["name"], task["schedule"], task["handler"], due, instant(task["last_run_at"], zone), task["last_state"]


# -- show -------------------------------------------------------------------------------------------------
def add_name(parser: ArgumentParser) -> None:
    """Add the task's name."""
    parser.add_argument("name", metavar="NAME", type=task_name, help="the task's name")


def _show_flags(parser: ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("--toml", action="store_true", help="print the task as the table that states it")
    add_json(parser)


def _show(args: Namespace, session: Session) -> int:
    if args.toml and args.json:
        raise UsageError("--toml and --json are two ways to print it: use one of them")
    task = session.store.tasks.get(args.name)
    if args.toml:
        return _print_toml(task)
    runs = session.store.runs.newest(task=task.name, limit=RUNS_SHOWN)
    chain = _chain(task, session)
    if args.json:
        return emit(_as_json(task, runs, session.zone) | chain)
    listing(
        [
            *_lines(task, runs, session.zone),
            *((name.replace("_", " "), value) for name, value in chain.items() if value),
        ]
    )
    return 0


def _chain(task: Task, session: Session) -> dict[str, Any]:
    """The task that it comes after, and those that come after it."""
    from jarvis.scheduler.schedule import After

    upstream = task.schedule.task if isinstance(task.schedule, After) else None
    return {"after": upstream, "followed_by": [each.name for each in session.store.causes.followers(task.name)]}


def _print_toml(task: Task) -> int:
    from jarvis.tasks.spec import to_toml

    print(to_toml(task), end="")
    return 0


def _as_json(task: Task, runs: Sequence[Run], zone: tzinfo) -> dict[str, Any]:
    at, state = next(((run.started_at, run.state) for run in runs if run.started_at), (None, None))
    return of_task(task, at, state, zone) | {
        "id": task.id,
        "timezone": task.schedule.tz,
        "params": task.params,
        "policy": of_policy(task),
        "deliver": [of_row(each, zone) for each in task.deliver],
        "origin": task.origin,
        "created_at": iso(task.created_at, zone),
        "revision": task.revision,
        "paused_at": iso(task.paused_at, zone),
        "pause_reason": task.pause_reason,
        "failures": task.failures,
        "next": [iso(each, zone) for each in coming(task.schedule, next_run_at(task), NEXT_SHOWN)],
        "runs": [of_run(run, zone) for run in runs],
    }


def _lines(task: Task, runs: Sequence[Run], zone: tzinfo) -> list[tuple[str, object]]:
    from jarvis.scheduler.delivery import told
    from jarvis.scheduler.schedule import Untimed

    due = [instant(each, zone) for each in coming(task.schedule, next_run_at(task), NEXT_SHOWN)]
    if task.enabled and isinstance(task.schedule, Untimed):
        due = [waits_for(task)]
    paused = f"paused since {instant(task.paused_at, zone)}: {task.pause_reason}"
    return [
        ("name", task.name),
        ("schedule", task.schedule.describe()),
        ("next", due or ["no more" if task.enabled else paused]),
        ("handler", task.handler),
        ("params", [f"{name} = {value!r}" for name, value in task.params.items()]),
        ("policy", [f"{name} = {NOT_SET if value is None else value}" for name, value in of_policy(task).items()]),
        ("deliver", [told(each) for each in task.deliver]),
        ("added", f"{instant(task.created_at, zone)} ({task.origin}), revision {task.revision}"),
        *([("comes from", task.source)] if task.source else []),
        ("failed", f"{task.failures} in a row" if task.failures else None),
        ("last runs", [_run_line(run, zone) for run in runs]),
    ]


NOT_SET = "the default"


def _run_line(run: Run, zone: tzinfo) -> str:
    return f"{run.id}: {instant(run.due_at, zone)} {run.state}{': ' + run.reason if run.reason else ''}"


LIST = Command(
    _list,
    flags=_list_flags,
    about="Show every task, when it is due next and how its last run that started went.",
    examples="""
jarvis task list
jarvis task list --json
jarvis task list --names""",
)
SHOW = Command(
    _show,
    flags=_show_flags,
    about="Show everything about one task: its schedule with the next instants, its policy, its last runs.",
    examples="""
jarvis task show hello
jarvis task show hello --json
jarvis task show hello --toml""",
)
