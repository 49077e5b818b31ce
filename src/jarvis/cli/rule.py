"""`jarvis rule list`, `show`, `test`, `enable`, `disable` and `delete`: what the assistant watches."""

from __future__ import annotations

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, instant, json_text, listing, note, table
from jarvis.cli.records import of_row, plain
from jarvis.errors import NotFound
from jarvis.scheduler.duration import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from datetime import tzinfo
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.memory.alert_rules import AlertRule
    from jarvis.scheduler.incident import Incident

HEADS = ("NAME", "TYPE", "CONDITION", "ENABLED", "DELIVER", "LAST TOLD")
DEFAULT = "as the task that evaluates it"


def _list(args: Namespace, session: Session) -> int:
    found = session.store.rules.list()
    if args.json:
        return emit([of_row(row, session.zone) for row in found])
    table(HEADS, (_row(row, session.zone) for row in found), "no rules")
    for row in found:
        if row.problem:
            note(f"rule {row.name}: {row.problem}")
    return 0


def _row(rule: AlertRule, zone: tzinfo) -> tuple[object, ...]:
    told = rule.last_triggered_at and instant(rule.last_triggered_at, zone)
    enabled = "yes" if rule.enabled else "no"
    return rule.name, rule.alert_type, json_text(rule.condition), enabled, ", ".join(rule.deliver) or None, told


def name_flag(parser: ArgumentParser) -> None:
    """Add NAME, the rule's."""
    parser.add_argument("name", metavar="NAME", help="the rule's name")


def _named(parser: ArgumentParser) -> None:
    name_flag(parser)
    add_json(parser)


def _show(args: Namespace, session: Session) -> int:
    rule = session.store.rules.get(args.name)
    recent = session.store.incidents.newest(rule=rule.name, limit=5)
    if args.json:
        return emit(of_row(rule, session.zone) | {"incidents": [of_row(each, session.zone) for each in recent]})
    listing(
        [
            ("name", rule.name),
            ("type", rule.alert_type),
            *((f"  {key}", value) for key, value in rule.condition.items()),
            ("enabled", "yes" if rule.enabled else "no"),
            ("deliver", ", ".join(rule.deliver) or DEFAULT),
            ("cool-down", format_duration(rule.cool_down)),
            ("last told", plain(rule.last_triggered_at, session.zone)),
            *([("problem", rule.problem)] if rule.problem else []),
            ("incidents", [in_a_line(each, session.zone) for each in recent] or None),
        ]
    )
    return 0


def in_a_line(incident: Incident, zone: tzinfo) -> str:
    """An incident among others."""
    return f"{incident.id} {incident.state} since {instant(incident.started_at, zone)}: {incident.text}"


def _test(args: Namespace, session: Session) -> int:
    from jarvis.handlers.alert_eval import held

    rule = session.store.rules.get(args.name)
    found = held(session.store, rule, session.now, session.zone)
    standing = [each for each in session.store.incidents.open() if each.rule == rule.name]
    if args.json:
        emit(_tested(rule, found.text, found.broken, standing, session.zone))
    elif found.broken:
        print(f"rule {escaped(rule.name)} is broken: {escaped(found.broken)}")
    else:
        print(f"rule {escaped(rule.name)} {f'alerts: {escaped(found.text)}' if found.text else 'does not hold now'}")
        for each in standing:
            print(f"incident {escaped(in_a_line(each, session.zone))}")
    return 1 if found.broken else 0


def _tested(rule: AlertRule, text: str, broken: str, standing: list[Incident], zone: tzinfo) -> dict[str, Any]:
    incidents = [of_row(each, zone) for each in standing]
    return {"rule": rule.name, "alert": text or None, "broken": broken or None, "incidents": incidents}


def _enable(args: Namespace, session: Session) -> int:
    changed = session.store.rules.enable(args.name)
    print(f"rule {escaped(args.name)} {'is' if changed else 'was already'} enabled")
    return 0


def _disable(args: Namespace, session: Session) -> int:
    changed = session.store.rules.disable(args.name)
    print(f"rule {escaped(args.name)} {'is' if changed else 'was already'} disabled")
    return 0


def _delete(args: Namespace, session: Session) -> int:
    rule = session.store.rules.get(args.name)
    if not session.store.rules.delete(rule.name):
        raise NotFound(f"no rule is named {rule.name!r} any more")
    print(f"rule {escaped(rule.name)} is deleted; `jarvis memory undo` brings it back")
    return 0


LIST = Command(
    _list, flags=add_json, about="Show what is watched.", examples="jarvis rule list\njarvis rule list --json"
)
SHOW = Command(
    _show,
    flags=_named,
    about="Show everything about one rule, and its last incidents.",
    examples="jarvis rule show late\njarvis rule show late --json",
)
TEST = Command(
    _test,
    flags=_named,
    about="Evaluate one rule now and say what it would alert about. Nothing is stored and nobody is told. "
    "A rule that cannot be evaluated exits with 1.",
    examples="jarvis rule test late\njarvis rule test late --json",
)
ENABLE = Command(_enable, flags=name_flag, about="Evaluate a rule again.", examples="jarvis rule enable late")
DISABLE = Command(
    _disable,
    flags=name_flag,
    about="Evaluate a rule no more. What is open of it is resolved by the next evaluation, and nobody is told.",
    examples="jarvis rule disable late",
)
DELETE = Command(
    _delete, flags=name_flag, about="Take a rule away; its incidents stay.", examples="jarvis rule delete late"
)
