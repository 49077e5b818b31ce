"""`jarvis rule add` and `edit`: what is watched, checked before it is stored."""

from __future__ import annotations

from jarvis.cli.args import add_json, checked, length, one_of
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, json_text, note
from jarvis.cli.records import of_row
from jarvis.cli.rule import name_flag
from jarvis.errors import UsageError
from jarvis.memory.rule_types import TYPES, typed
from jarvis.scheduler.duration import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.memory.alert_rules import AlertRule


def _add_flags(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the rule is called")
    kind = one_of("--type", tuple(TYPES))
    parser.add_argument("--type", metavar="T", required=True, type=kind, help=", ".join(TYPES))
    _stating_flags(parser)
    add_json(parser)


def _edit_flags(parser: ArgumentParser) -> None:
    name_flag(parser)
    _stating_flags(parser)
    parser.add_argument("--no-deliver", action="store_true", help="back to the channels of the task that evaluates it")
    add_json(parser)


def _stating_flags(parser: ArgumentParser) -> None:
    condition = checked("--condition", _condition)
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a key of its condition; repeatable")
    parser.add_argument("--condition", metavar="JSON", type=condition, help='all of it, such as {"days_overdue": 1}')
    parser.add_argument(
        "--deliver",
        metavar="CHANNEL[:urgent]",
        action="append",
        help="where it is told, urgent: at any hour; repeatable. None: the channels of the task that evaluates it",
    )
    cool = checked("--cool-down", length)
    parser.add_argument("--cool-down", metavar="D", type=cool, help="what goes on is told again no sooner (4h)")


def _condition(text: str) -> object:
    from msgspec.json import decode

    return decode(text)


def _add(args: Namespace, session: Session) -> int:
    """Nothing is opened, let alone stored, before all of it makes sense."""
    stated = _stated(args, args.type, session)
    condition = stated.pop("condition", {})
    row = session.store.rules.add(args.name, args.type, condition, session.now, **stated)
    return _told(args, session, row, "added")


def _edit(args: Namespace, session: Session) -> int:
    rule = session.store.rules.get(args.name)
    stated = _stated(args, rule.alert_type, session)
    if args.no_deliver:
        if args.deliver:
            raise UsageError("--deliver and --no-deliver exclude each other")
        stated["deliver"] = ()
    if not stated:
        raise UsageError("say what is to change: such as --set within=2d, or --cool-down 1h")
    return _told(args, session, session.store.rules.edit(rule.name, **stated), "changed")


def _stated(args: Namespace, alert_type: str, session: Session) -> dict[str, Any]:
    """What was given, and nothing else."""
    from jarvis.app import check_channel

    for text in args.deliver or ():
        check_channel(_channel(text), session.config)
    condition = _merged(args, alert_type)
    given = {"condition": condition, "deliver": args.deliver, "cool_down": args.cool_down}
    return {name: value for name, value in given.items() if value is not None}


def _channel(text: str) -> str:
    """The channel of `CHANNEL` or `CHANNEL:urgent`: an alert is told each time, whatever the run's result."""
    name, _, how = text.partition(":")
    if how not in ("", "urgent") or text.endswith(":"):
        raise UsageError(f"--deliver: got {text!r}, use CHANNEL or CHANNEL:urgent")
    return name


def _merged(args: Namespace, alert_type: str) -> object:
    """The condition as it was typed; None if nothing was."""
    pairs = dict(_pair(each, alert_type) for each in args.set)
    if not pairs or args.condition is None:
        return pairs or args.condition
    if not isinstance(args.condition, dict):
        raise UsageError(f"--condition: {json_text(args.condition)} is no object")
    return args.condition | pairs


def _pair(text: str, alert_type: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--set: got {text!r}, use KEY=VALUE. {alert_type} takes {', '.join(TYPES[alert_type].keys)}")
    return name, typed(alert_type, name, value)


def _told(args: Namespace, session: Session, rule: AlertRule, done: str) -> int:
    if args.json:
        emit(of_row(rule, session.zone))
    else:
        cool = f", again after {format_duration(rule.cool_down)}"
        where = f", told to {', '.join(map(escaped, rule.deliver))}" if rule.deliver else ""
        print(f"{done} rule {escaped(rule.name)}: {rule.alert_type} {json_text(rule.condition)}{where}{cool}")
    if rule.enabled:
        _note(rule, session)
    return 0


def _note(rule: AlertRule, session: Session) -> None:
    """Say so where nobody will evaluate it, or be told."""
    from jarvis.scheduler.model import Task

    tasks = [each for each in session.store.tasks.all() if isinstance(each, Task) and each.handler == "alert_eval"]
    if not any(task.enabled for task in tasks):
        note("no enabled task evaluates rules: jarvis task add alert_eval --every 2h --handler alert_eval")
    elif not rule.deliver and not any(task.deliver for task in tasks):
        note(
            f"nobody is told, it is in the results of runs alone: jarvis rule edit {rule.name} --deliver CHANNEL, "
            f"or for all rules jarvis task edit {tasks[0].name} --deliver CHANNEL"
        )


ADD = Command(
    _add,
    flags=_add_flags,
    about="Watch for something: the task alert_eval evaluates every rule and tells what is new, what goes on and what "
    "is over. What the condition leaves out is the default of its type. The types: "
    + "; ".join(f"{name}: {kind.says} ({', '.join(kind.keys)})" for name, kind in TYPES.items())
    + ".",
    examples="""
jarvis rule add late --type overdue_delegation --set days_overdue=2
jarvis rule add backup --type stale_backup --condition '{"max_age_hours": 48}'
jarvis rule add nightly --type task_stale --set task=backup --set within=26h --deliver me
jarvis rule add failing --type task_failing --set failures=3 --cool-down 1h
jarvis rule add outbox --type delivery_stuck --set longer_than=2h
jarvis rule add disk --type disk_low --set below=10%
jarvis rule add big --type expression --set expression='get(facts, "work/queue", 0) >= 100'""",
)
EDIT = Command(
    _edit,
    flags=_edit_flags,
    about="Change a rule: only what is given changes. Its type stays.",
    examples="""
jarvis rule edit nightly --set within=2d
jarvis rule edit nightly --deliver me --cool-down 1h
jarvis rule edit nightly --no-deliver""",
)
