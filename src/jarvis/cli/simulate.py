"""`jarvis simulate`: the stored tasks over any span, on the real engine and a clock that jumps."""

from __future__ import annotations

from jarvis.cli.args import add_json, an_instant, checked, task_name, whole, zone_name
from jarvis.cli.command import Command
from jarvis.cli.output import emit, instant, note, table
from jarvis.cli.records import of_run
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections import Counter
    from collections.abc import Iterator
    from datetime import datetime, tzinfo

    from jarvis.cli.session import Session
    from jarvis.scheduler.model import Run, Task, TaskSpec
    from jarvis.scheduler.schedule import Schedule
    from jarvis.simulation import Disturbance

ROWS_SHOWN = 30


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("--from", metavar="T", dest="start", required=True, help="a date, or an instant with offset")
    parser.add_argument("--to", metavar="T", dest="end", required=True, help="the end, itself no longer in the span")
    parser.add_argument(
        "--sleep", metavar="A-B", action="append", default=[],
        help="the machine sleeps: every night (23:30-06:30), or once (INSTANT..INSTANT); repeatable",
    )  # fmt: skip
    parser.add_argument("--kill-at", metavar="T", action="append", default=[], help="the daemon is killed; repeatable")
    parser.add_argument(
        "--clock-at", metavar="T=T2", action="append", default=[], help="the clock is set from T to T2; repeatable"
    )
    parser.add_argument(
        "--zone-at", metavar="T=ZONE", action="append", default=[],
        help="the machine is in another time zone from T on; tasks that name none follow; repeatable",
    )  # fmt: skip
    parser.add_argument("--takes", metavar="D", default="0", help="how long each run takes (0)")
    text = "only this task; repeatable"
    parser.add_argument("--task", metavar="NAME", type=task_name, action="append", default=[], help=text)
    parser.add_argument("-n", metavar="N", type=whole("-n", 0, 1_000_000), default=ROWS_SHOWN, help="rows shown (30)")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    from jarvis.scheduler.duration import parse_duration
    from jarvis.simulation import simulate

    zone = session.zone
    start, end = _moment("--from", args.start, zone), _moment("--to", args.end, zone)
    if end <= start:
        raise UsageError(f"--to {args.end} is not after --from {args.start}")
    takes = checked("--takes", parse_duration)(args.takes)
    specs, disturbances = _specs(args.task, start, session), list(_disturbances(args, start, end, zone))
    runs = simulate(specs, start, end, disturbances, takes, zone.key)
    return emit([of_run(run, zone) for run in runs]) if args.json else _show(runs, args.n, zone)


def _specs(names: list[str], start: datetime, session: Session) -> list[TaskSpec]:
    """The stored tasks as they are now, without their past. What is paused stays out, and what is over."""
    from jarvis.scheduler.model import TaskSpec

    tasks = _with_upstream([session.store.tasks.get(name) for name in names or session.store.tasks.names()], session)
    known = _coming(tasks, start)
    if len(known) < len(tasks):
        left_out = ", ".join(task.name for task in tasks if task not in known)
        note(f"left out, as paused, over by then, or started by events: {left_out}")
    return [
        TaskSpec(
            name=task.name,
            schedule=_since(start, task.schedule),
            handler="noop",
            policy=task.policy,
            follows_zone=task.follows_zone,
        )
        for task in known
    ]


def _with_upstream(tasks: list[Task], session: Session) -> list[Task]:
    """The tasks, and those whose runs start them."""
    from jarvis.scheduler.schedule import After

    for task in tasks:  # which grows meanwhile
        schedule = task.schedule
        if isinstance(schedule, After) and schedule.task not in [each.name for each in tasks]:
            tasks.append(session.store.tasks.get(schedule.task))
    return tasks


def _coming(tasks: list[Task], start: datetime) -> list[Task]:
    """Those that anything may start in the span: no events are simulated, and what is left out starts nothing."""
    from jarvis.scheduler.schedule import After, Once, OnEvent

    known = [
        task
        for task in tasks
        if task.enabled
        and not isinstance(task.schedule, OnEvent)
        and not (isinstance(task.schedule, Once) and task.schedule.at < start)
    ]
    while True:
        names = {task.name for task in known}
        kept = [task for task in known if not isinstance(task.schedule, After) or task.schedule.task in names]
        if kept == known:
            return known
        known = kept


def _since(start: datetime, schedule: Schedule) -> Schedule:
    """An interval as if it had been there before `start`: the same instants, counted from an earlier one."""
    from msgspec.structs import replace

    from jarvis.scheduler.schedule import Interval

    if not isinstance(schedule, Interval) or schedule.anchor is None or schedule.anchor <= start:
        return schedule
    steps = -((schedule.anchor - start) // -schedule.every)
    return replace(schedule, anchor=schedule.anchor - steps * schedule.every)


def _disturbances(args: Namespace, start: datetime, end: datetime, zone: tzinfo) -> Iterator[Disturbance]:
    from jarvis import simulation

    for text in args.sleep:
        yield from _sleeps(text, start, end, zone)
    for text in args.kill_at:
        yield simulation.kill(_moment("--kill-at", text, zone))
    for text in args.clock_at:
        at, _, to = text.partition("=")
        yield simulation.step(_moment("--clock-at", at, zone), _moment("--clock-at", to, zone))
    for text in args.zone_at:
        at, _, to = text.partition("=")
        yield simulation.travel(_moment("--zone-at", at, zone), checked("--zone-at", zone_name)(to))


def _sleeps(text: str, start: datetime, end: datetime, zone: tzinfo) -> Iterator[Disturbance]:
    from jarvis import simulation

    since, dots, until = text.partition("..")
    if dots:
        window = simulation.sleep(_moment("--sleep", since, zone), _moment("--sleep", until, zone))
        if window.until <= window.at:
            raise UsageError(f"--sleep {text} ends before it begins")
        yield window
        return
    since, _, until = text.partition("-")
    lie_down, get_up = checked("--sleep", _time_of_day)(since), checked("--sleep", _time_of_day)(until)
    yield from simulation.nights(lie_down, get_up, start, end, zone)


def _time_of_day(text: str) -> tuple[int, int]:
    hour, colon, minute = text.partition(":")
    digits = hour + minute
    if not (colon and digits.isascii() and digits.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise ValueError(f"{text!r} is no time of day: use HH:MM-HH:MM for every night, or INSTANT..INSTANT for once")
    return int(hour), int(minute)


def _moment(flag: str, text: str, zone: tzinfo) -> datetime:
    """An instant; a date alone is its midnight in the zone, which is what a span of days means."""
    from datetime import UTC, date, datetime, time

    try:
        return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return an_instant(flag, text, zone).astimezone(UTC)


def _show(runs: list[Run], most: int, zone: tzinfo) -> int:
    from collections import Counter

    by_task: dict[str, Counter[str]] = {}
    for run in runs:
        by_task.setdefault(run.task, Counter())[run.state] += run.count
    states = sorted({state for counts in by_task.values() for state in counts})
    rows = [(name, sum(counts.values()), *(counts[state] for state in states)) for name, counts in by_task.items()]
    table(("TASK", "OCCURRENCES", *(state.upper() for state in states)), sorted(rows), "nothing comes due in that span")
    _show_odd([run for run in runs if run.reason], most, zone)
    return 0


def _show_odd(odd: list[Run], most: int, zone: tzinfo) -> None:
    """Whatever did not simply run: that is what a simulation is asked for."""
    if not odd or not most:
        return
    print()
    rows = ((instant(run.due_at, zone), run.task, run.state, run.reason) for run in odd[:most])
    table(("DUE AT", "TASK", "STATE", "REASON"), rows, "")
    if len(odd) > most:
        note(f"{len(odd) - most} more rows have a reason: -n {len(odd)} shows them, --json everything")


SIMULATE = Command(
    _run,
    flags=_flags,
    about="Show what the stored tasks would do over a span: the real engine, in memory, nothing is run or stored.",
    examples="""
jarvis simulate --from 2026-03-01 --to 2027-03-01
jarvis simulate --from 2026-03-01 --to 2026-04-01 --sleep 23:30-06:30
jarvis simulate --from 2026-03-07 --to 2026-03-09 --kill-at 2026-03-08T03:00:00-04:00 --json""",
)
