"""`jarvis next`: the instants to come, of a task or of a cron expression."""

from __future__ import annotations

from jarvis.cli.args import add_json, an_instant, checked, task_name, whole, zone_name
from jarvis.cli.command import Command
from jarvis.cli.output import emit, instant, iso, note
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from datetime import datetime, tzinfo
    from typing import Protocol

    from jarvis.cli.session import Session

    class Rule(Protocol):
        """What yields instants: a schedule, or a bare expression."""

        def next_after(self, t: datetime) -> datetime | None: ...


DEFAULT_COUNT, MOST = 5, 1000


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", type=task_name, help="the task")
    parser.add_argument("--cron", metavar="E", help="a cron expression, in place of a task")
    parser.add_argument("--tz", metavar="Z", type=checked("--tz", zone_name), help="the expression's time zone")
    parser.add_argument("--from", metavar="T", dest="start", help="instants after this one, in place of the present")
    parser.add_argument("-n", metavar="N", type=whole("-n", 1, MOST), default=DEFAULT_COUNT, help="how many (5)")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    rule, zone = _rule(args, session)
    found = instants_after(rule, _start(args, session, zone), args.n)
    if args.json:
        return emit([iso(each, zone) for each in found])
    for each in found:
        print(instant(each, zone))
    if len(found) < args.n:
        note("there are no more" if found else "there are none")
    return 0


def _rule(args: Namespace, session: Session) -> tuple[Rule, tzinfo]:
    """What to ask, and the zone to answer in: the schedule's own."""
    if (args.name is None) == (args.cron is None):
        raise UsageError("say either the name of a task or --cron and an expression\nsee `jarvis next --help`")
    if args.name is None:
        return _cron(args.cron, args.tz or session.config.timezone)
    if args.tz is not None:
        raise UsageError("--tz goes with --cron: a task has the zone of its schedule")
    return _of_task(args.name, session)


def _cron(text: str, tz: str) -> tuple[Rule, tzinfo]:
    from jarvis.scheduler.cron import CronExpression
    from jarvis.scheduler.zone import load_zone

    return checked("--cron", lambda expr: CronExpression(expr, tz))(text), load_zone(tz)


def _of_task(name: str, session: Session) -> tuple[Rule, tzinfo]:
    from jarvis.cli.coming import waits_for
    from jarvis.scheduler.schedule import Untimed
    from jarvis.scheduler.zone import load_zone

    task = session.store.tasks.get(name)
    if not task.enabled:
        note(f"{task.name} is paused: {task.pause_reason}")
    elif isinstance(task.schedule, Untimed):
        note(f"{task.name} waits: it is due {waits_for(task)}")
    return task.schedule, load_zone(task.schedule.tz)


def _start(args: Namespace, session: Session, zone: tzinfo) -> datetime:
    return session.now if args.start is None else an_instant("--from", args.start, zone)


def instants_after(rule: Rule, start: datetime, count: int) -> list[datetime]:
    """The next instants after a moment, as many as there are up to `count`."""
    found: list[datetime] = []
    try:
        while len(found) < count and (start := rule.next_after(start)) is not None:  # type: ignore[assignment]
            found.append(start)
    except OverflowError:
        pass  # the calendar has ended
    return found


NEXT = Command(
    _run,
    flags=_flags,
    about="Show the next instants of a task, or of a cron expression, in the zone of the schedule.",
    examples="""
jarvis next hello
jarvis next --cron "0 9 * * 1-5" --tz America/Denver -n 3
jarvis next --cron "30 2 * * *" --tz Europe/Berlin --from 2026-03-28T00:00:00+01:00 --json""",
)
