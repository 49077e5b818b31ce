"""`jarvis task add`: from what was typed to a stored task, echoed as the exact schedule."""

from __future__ import annotations

from pathlib import Path

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.task_flags import add_task_flags, spelled, table_of, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the task is called")
    add_task_flags(parser)
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    """Nothing is opened, let alone stored, before all of it makes sense."""
    from functools import partial

    from jarvis.app import check_channel, check_template, handler_check
    from jarvis.tasks.spec import Reading, read_spec

    reading = Reading(
        now=session.now,
        tz=session.config.timezone,
        check_handler=handler_check(session.config),
        check_channel=partial(check_channel, config=session.config),
        check_template=check_template,
        folder=Path.cwd(),
        spelled=spelled,
    )
    spec, said = read_spec(args.name, table_of(args), reading)
    task = session.store.add_task(spec, session.now)
    return told(task, session, [f"added {task.name}: {said[0]}", *said[1:]], as_json=args.json)


USAGE = """jarvis task add NAME (--cron E | --every D | --at T | --when PHRASE | --rrule RULE |
                       --on SOURCE/TYPE | --after TASK) [flags] [-- COMMAND ARG ...]"""
ADD = Command(
    _run,
    flags=_flags,
    usage=USAGE,
    takes_command=True,
    about="Store a task. What it was understood as is echoed, with its next instants.",
    examples="""
jarvis task add hello --every 2s -- echo hi
jarvis task add report --cron "0 9 * * 1-5" --tz America/Denver --catch-up skip -- make report
jarvis task add backup --cron "@daily" --deliver me:failure --deliver me:recovery -- make backup
jarvis task add tea --when "in 4 minutes" -- say "tea is ready"
jarvis task add standup --when "every weekday at 9:45" --exclude holidays.ics --handler noop
jarvis task add deploy --on "github/push*" --debounce 30s -- ./deploy.sh
jarvis task add page-me --after backup --if failed -- ./page.sh
jarvis task add once --at 2026-12-24T18:00:00+01:00 --timeout 10s --cwd ~ -- ./ring.sh""",
)
