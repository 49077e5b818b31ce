"""`jarvis task edit`: change a stored task by the flags that state it; what no flag names stays."""

from __future__ import annotations

from pathlib import Path

from jarvis.cli.args import add_json, near
from jarvis.cli.command import Command
from jarvis.cli.task import add_name
from jarvis.cli.task_change import refuse_of_file
from jarvis.cli.task_flags import add_task_flags, spelled, table_of, told
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.scheduler.model import Task

# What goes with the words before the colon, and is of no use once they are replaced by others.
_COUNTED_FROM = ("anchor", "dtstart")
_OF_A_RULE = ("after_completion", "dst_gap", "dst_repeat", "debounce", "rate", "filter", "if")
_MERGED = ("params", "env")


def _flags(parser: ArgumentParser) -> None:
    add_name(parser)
    add_task_flags(parser)
    parser.add_argument(
        "--unset", metavar="FLAG", action="append", default=[], help="back to the default: --unset ends-at; repeatable"
    )
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    """Nothing is changed before all of it makes sense."""
    from jarvis.tasks.schedule import described
    from jarvis.tasks.spec import read_spec, to_table

    task = session.store.tasks.get(args.name)
    refuse_of_file(args.name, session)
    given, unset = table_of(args), _unset(args.unset)
    if not given and not unset:
        raise UsageError("say what is to change: such as --grace 5m, or --unset ends-at")
    old = to_table(task)
    spec, said = read_spec(task.name, _merged(old, given, unset), _reading(task, given, unset, session))
    task = session.store.change_task(task.name, spec, session.now)
    lines = _lines(task.name, old, to_table(task), [described(task.schedule), *said[1:]])
    return told(task, session, lines, as_json=args.json)


def _unset(flags: list[str]) -> set[str]:
    """The keys to leave out."""
    from jarvis.tasks.spec import KEYS

    by_flag = {spelled(key).removeprefix("--"): key for key in KEYS if key != "command"}
    for flag in flags:
        if flag.removeprefix("--") not in by_flag:
            raise UsageError(f"--unset: there is no flag {flag!r} to unset.{near(flag, by_flag)}")
    return {by_flag[flag.removeprefix("--")] for flag in flags}


def _reading(task: Task, given: dict[str, Any], unset: set[str], session: Session) -> Any:
    """A schedule that is not touched is read as the stored one it is: it may have had its time."""
    from functools import partial

    from jarvis.app import check_channel, check_template, handler_check
    from jarvis.tasks.schedule import BOUNDS, RULES
    from jarvis.tasks.spec import Reading

    return Reading(
        now=session.now,
        tz=session.config.timezone if "tz" in unset else task.schedule.tz,
        check_handler=handler_check(session.config),
        check_channel=partial(check_channel, config=session.config),
        check_template=check_template,
        origin=task.origin,  # type: ignore[arg-type]  # it was stored as one of the three
        folder=Path.cwd(),
        exact=given.keys().isdisjoint((*RULES, *BOUNDS)),
        spelled=spelled,
    )


def _merged(old: dict[str, Any], given: dict[str, Any], unset: set[str]) -> dict[str, Any]:
    """The table that comes of it. What another rule, or another thing to do, has no use for goes."""
    from jarvis.tasks.schedule import RULES
    from jarvis.tasks.spec import WHAT

    gone = set(unset)
    if rules := {key for key in RULES if key in given}:
        gone |= {*RULES, *_COUNTED_FROM}
        gone |= set() if rules <= old.keys() else set(_OF_A_RULE)
    if "starts_at" in given:
        gone |= set(_COUNTED_FROM)
    if _does_another_thing(old, given):
        gone |= set(WHAT)
    kept = {key: value for key, value in old.items() if key not in gone}
    if {"template", "template_file"} & (given.keys() | unset) and "deliver" in kept:
        kept["deliver"] = [_untold(each) for each in kept["deliver"]]
    merged = {key: {**kept.get(key, {}), **given[key]} for key in _MERGED if key in given}
    return kept | given | merged


def _untold(entry: Any) -> Any:
    """An entry of deliver without a text of its own: another one takes its place, or none."""
    return {key: value for key, value in entry.items() if key != "template"} if isinstance(entry, dict) else entry


def _does_another_thing(old: dict[str, Any], given: dict[str, Any]) -> bool:
    was, becomes = old.get("handler", "command"), given.get("handler", "command")
    return was != becomes and bool({"handler", "command"} & given.keys())


def _lines(name: str, old: dict[str, Any], new: dict[str, Any], said: list[str]) -> list[str]:
    """What is different, key by key."""
    keys = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
    if not keys:
        return [f"{name} is as it was: {said[0]}"]
    changes = [f"  {key}: {_shown(old.get(key))} -> {_shown(new.get(key))}" for key in keys]
    return [f"changed {name}: {said[0]}", *said[1:], *changes]


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)


EDIT = Command(
    _run,
    flags=_flags,
    usage="jarvis task edit NAME [flags] [--unset FLAG] [-- COMMAND ARG ...]",
    takes_command=True,
    about="Change a stored task. Only what is given changes; its runs, and whether it is paused, stay.",
    examples="""
jarvis task edit report --cron "30 8 * * 1-5"
jarvis task edit report --grace 5m --exclude 2026-12-25 --exclude sat
jarvis task edit report --unset exclude -- make report""",
)
