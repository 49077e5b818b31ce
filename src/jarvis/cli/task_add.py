"""`jarvis task add`: from what was typed to a stored task, echoed as the exact schedule."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from jarvis.cli.args import add_json, checked, json_or_text, length, one_of, whole, zone_name
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, instant, iso, note
from jarvis.cli.records import of_task
from jarvis.cli.status import NO_DAEMON
from jarvis.cli.task import coming
from jarvis.errors import UsageError
from jarvis.scheduler.duration import parse_duration
from jarvis.scheduler.model import Policy, TaskSpec
from jarvis.scheduler.schedule import Cron, Interval, Once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup
    from datetime import datetime
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.scheduler.model import Task
    from jarvis.scheduler.phrase import Phrase
    from jarvis.scheduler.schedule import Schedule

INSTANTS_SHOWN = 3
SCHEDULES = ("--cron", "--every", "--at", "--when")
ONLY_COMMAND = ("cwd", "env", "stdin")  # what only the handler `command` has a use for
SEE = "\nsee `jarvis task add --help`"
_PRIORITY = 1_000_000


# -- flags ------------------------------------------------------------------------------------------------
def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the task is called")
    _add_schedule(parser.add_argument_group("when (one of the first four)"))
    _add_handler(parser.add_argument_group("what"))
    _add_policy(parser.add_argument_group("how"))
    add_json(parser)


def _add_schedule(group: _ArgumentGroup) -> None:
    group.add_argument("--cron", metavar="E", help="a cron expression of 5 fields, or 6 with seconds first")
    group.add_argument("--every", metavar="D", help="a duration (90s, 5m, 2h, 1d), or words (weekday at 9)")
    group.add_argument("--at", metavar="T", help="one instant: ISO 8601 with an offset, or words (tomorrow 5pm)")
    group.add_argument("--when", metavar="PHRASE", help="any of these in words: every weekday at 9, in 20 minutes")
    group.add_argument("--tz", metavar="Z", type=checked("--tz", zone_name), help="time zone (JARVIS_TIMEZONE)")


def _add_handler(group: _ArgumentGroup) -> None:
    group.add_argument("--handler", metavar="H", help="a handler; with a command after -- it is `command`")
    group.add_argument("--param", metavar="K=V", action="append", default=[], help="for the handler; V is JSON or text")
    group.add_argument("--cwd", metavar="DIR", help="the folder the command runs in")
    group.add_argument("--env", metavar="K=V", action="append", default=[], help="a variable for the command")
    group.add_argument("--stdin", metavar="TEXT", help="what the command reads")


def _add_policy(group: _ArgumentGroup) -> None:
    def add(flag: str, metavar: str, read: Any, text: str) -> None:
        group.add_argument(flag, metavar=metavar, type=read, help=text)

    overlap = one_of("--overlap", ("skip", "queue", "allow", "cancel_running"))
    catch_up, interrupt = one_of("--catch-up", ("skip", "last", "all")), one_of("--on-interrupt", ("rerun", "fail"))
    priority = whole("--priority", -_PRIORITY, _PRIORITY)
    add("--grace", "D", checked("--grace", length), "how late is still on time (60s)")
    add("--catch-up", "HOW", catch_up, "of what was missed do: skip, last (default), all")
    add("--overlap", "HOW", overlap, "while the last run goes on: skip (default), queue, allow, cancel_running")
    add("--late-ok", "D", checked("--late-ok", length), "start no run that is later than this (it always may)")
    add("--timeout", "D", checked("--timeout", _timeout), "a run's deadline (SCHEDULER_HANDLER_TIMEOUT_SECONDS)")
    add("--on-interrupt", "HOW", interrupt, "if a crash cuts it off: rerun (default), fail")
    add("--priority", "N", priority, "of several that are due, the highest first (0)")


def _timeout(text: str) -> timedelta:
    if not (found := length(text)):
        raise ValueError("a deadline of 0 would end every run at once")
    return found


# -- carrying out -----------------------------------------------------------------------------------------
def _run(args: Namespace, session: Session) -> int:
    """Nothing is opened, let alone stored, before all of it makes sense."""
    policy = _policy(args)
    schedule, said = _schedule(args, session, policy)
    handler, params = _handler(args)
    spec = checked("NAME", lambda name: _spec(name, schedule, handler, params, policy))(args.name)
    task = session.store.add_task(spec, session.now)
    if args.json:
        emit(_as_json(task, session))
    else:
        _echo(task, said)
    if not session.store.instances.living(session.now):
        note(NO_DAEMON)
    return 0


def _spec(name: str, schedule: Schedule, handler: str, params: dict[str, Any], policy: Policy) -> TaskSpec:
    return TaskSpec(name=name, schedule=schedule, handler=handler, params=params, policy=policy)


def _policy(args: Namespace) -> Policy:
    """The policy: what no flag says stays as it is by default."""
    given = {name: getattr(args, name, None) for name in Policy.__struct_fields__}
    return Policy(**{name: value for name, value in given.items() if value is not None})


def _echo(task: Task, said: str) -> None:
    from jarvis.scheduler.zone import load_zone

    zone = load_zone(task.schedule.tz)
    instants = [instant(each, zone) for each in coming(task.schedule, task.next_run_at, INSTANTS_SHOWN)]
    print(f"added {escaped(task.name)}: {escaped(said)}")
    print("next: " + "\n      ".join(instants or ["never"]))


def _as_json(task: Task, session: Session) -> dict[str, Any]:
    instants = coming(task.schedule, task.next_run_at, INSTANTS_SHOWN)
    shown = {"next": [iso(each, session.zone) for each in instants]}
    return of_task(task, None, None, session.zone) | shown


# -- when -------------------------------------------------------------------------------------------------
def _schedule(args: Namespace, session: Session, policy: Policy) -> tuple[Schedule, str]:
    """The schedule that was asked for, and how it is told."""
    given = [flag for flag in SCHEDULES if getattr(args, flag[2:]) is not None]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        raise UsageError(f"say when with exactly one of {', '.join(SCHEDULES)}: got {got}{SEE}")
    (flag,) = given
    tz = args.tz or session.config.timezone
    read = {"--cron": _cron, "--every": _every, "--at": _at, "--when": _when}[flag]
    return checked(flag, lambda text: read(text, tz, session.now, policy))(getattr(args, flag[2:]))


def _cron(text: str, tz: str, _now: datetime, _policy: Policy) -> tuple[Schedule, str]:
    schedule = Cron(text, tz)
    return schedule, f"{schedule.describe()}: {schedule.expression.explain()}"


def _every(text: str, tz: str, _now: datetime, _policy: Policy) -> tuple[Schedule, str]:
    from jarvis.scheduler.phrase import parse_every

    try:
        schedule = Interval(parse_duration(text), tz=tz)
    except ValueError:
        return _of_phrase(parse_every(text, tz))  # whose refusal suggests, of durations too
    return schedule, f"{schedule.describe()}, counted from now"


def _at(text: str, tz: str, now: datetime, policy: Policy) -> tuple[Schedule, str]:
    from jarvis.scheduler.phrase import parse_at

    schedule = Once(parse_at(text, now, tz, past=policy.grace), tz)
    return schedule, schedule.describe()


def _when(text: str, tz: str, now: datetime, _policy: Policy) -> tuple[Schedule, str]:
    from jarvis.scheduler.phrase import parse_when

    return _of_phrase(parse_when(text, now, tz))


def _of_phrase(phrase: Phrase) -> tuple[Schedule, str]:
    if phrase.cron is not None:
        return Cron(phrase.cron, phrase.tz), phrase.text
    if phrase.every is not None:
        return Interval(phrase.every, tz=phrase.tz), phrase.text
    assert phrase.at is not None  # noqa: S101 - the one of the three that is left
    return Once(phrase.at, phrase.tz), phrase.text


# -- what -------------------------------------------------------------------------------------------------
def _handler(args: Namespace) -> tuple[str, dict[str, Any]]:
    """The handler's name and its parameters, which it can use."""
    from jarvis import app

    params = dict(_pair("--param", text, json_or_text) for text in args.param)
    handler = _handler_name(args)
    if handler == "command":
        params |= _command_params(args)
    elif wrong := [f"--{name}" for name in ONLY_COMMAND if getattr(args, name)]:
        raise UsageError(f"{', '.join(wrong)}: only with a command after --")
    app.check_handler(handler, params)
    return handler, params


def _handler_name(args: Namespace) -> str:
    if args.command is None and args.handler is None:
        raise UsageError(f"say what to do: a command after --, or --handler{SEE}")
    if args.command is not None and args.handler not in (None, "command"):
        raise UsageError(f"--handler {args.handler} and a command after -- are two things to do: use one of them")
    if args.command == []:
        raise UsageError("there is no command after --: such as `-- echo hi`")
    return "command" if args.handler is None else str(args.handler)


def _command_params(args: Namespace) -> dict[str, Any]:
    """Parameters of `command` that have flags of their own. A folder is told from here, not from the daemon's."""
    env = dict(_pair("--env", text, str) for text in args.env)
    cwd = None if args.cwd is None else str(Path(args.cwd).expanduser().absolute())
    found = {"command": args.command, "cwd": cwd, "env": env or None, "stdin": args.stdin}
    return {name: value for name, value in found.items() if value is not None}


def _pair(flag: str, text: str, read: Any) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"{flag}: got {text!r}, use NAME=VALUE")
    return name, read(value)


USAGE = """jarvis task add NAME (--cron E | --every D | --at T | --when PHRASE)
                       [flags] [-- COMMAND ARG ...]"""
ADD = Command(
    _run,
    flags=_flags,
    usage=USAGE,
    takes_command=True,
    about="Store a task. What it was understood as is echoed, with its next instants.",
    examples="""
jarvis task add hello --every 2s -- echo hi
jarvis task add report --cron "0 9 * * 1-5" --tz America/Denver --catch-up skip -- make report
jarvis task add tea --when "in 4 minutes" -- say "tea is ready"
jarvis task add standup --when "every weekday at 9:45" --handler noop
jarvis task add once --at 2026-12-24T18:00:00+01:00 --timeout 10s --cwd ~ -- ./ring.sh""",
)
