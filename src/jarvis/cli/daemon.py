"""`jarvis daemon`: what the service manager starts."""

from __future__ import annotations

from jarvis.cli.args import checked, length
from jarvis.cli.command import Command
from jarvis.cli.output import note
from jarvis.errors import ConfigError, JarvisError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from datetime import timedelta
    from typing import NoReturn

    from jarvis.cli.session import Session

REFUSED = ConfigError.exit_code
NO_FLAG = ("home", "service_label")  # the one is every verb's own flag, the other is nothing to a daemon


def _flags(parser: ArgumentParser) -> None:
    """One flag for each setting: config.py names the flag it would have in its error."""
    from jarvis.config import SETTINGS

    for setting in SETTINGS:
        if setting.field not in NO_FLAG and not setting.field.startswith("imessage_"):
            flag, metavar = f"--{setting.field.replace('_', '-')}", setting.field.rpartition("_")[2].upper()
            parser.add_argument(flag, metavar=metavar, help=f"{setting.doc} ({setting.env})".replace("%", "%%"))
    slowly = checked("--refuse-slowly", length)
    text = "if it cannot start as configured, say so at once and end only after D: for managers that start it again"
    parser.add_argument("--refuse-slowly", metavar="D", type=slowly, help=text)


def _run(args: Namespace, _session: Session) -> int:
    from jarvis import startup
    from jarvis.config import SETTINGS, load_config

    try:
        return startup.run_daemon(load_config(flags={each.field: getattr(args, each.field, None) for each in SETTINGS}))
    except JarvisError as error:
        if args.refuse_slowly is None or error.exit_code != REFUSED:
            raise
        _refuse(error, args.refuse_slowly)


def _refuse(error: JarvisError, wait: timedelta) -> NoReturn:
    """Tell what is wrong, and end later."""
    from jarvis.cli.start import complain
    from jarvis.service.refused import become

    complain(error)
    note(f"ends with {REFUSED} in {wait.total_seconds():.0f} s, so that whoever starts it again does not do so at once")
    become(wait.total_seconds())


DAEMON = Command(
    _run,
    flags=_flags,
    about="Run the daemon in the foreground until SIGTERM or SIGINT; runs that have started may end first.",
    examples="""
jarvis daemon
jarvis daemon --log-file - --log-level DEBUG
jarvis --home /tmp/try daemon --tick-interval 10""",
)
