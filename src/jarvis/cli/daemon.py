"""`jarvis daemon`: what the service manager starts."""

from __future__ import annotations

from jarvis.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session


def _flags(parser: ArgumentParser) -> None:
    """One flag for each setting: config.py names the flag it would have in its error."""
    from jarvis.config import SETTINGS

    for setting in SETTINGS:
        if setting.field != "home" and not setting.field.startswith("imessage_"):
            flag, metavar = f"--{setting.field.replace('_', '-')}", setting.field.rpartition("_")[2].upper()
            parser.add_argument(flag, metavar=metavar, help=f"{setting.doc} ({setting.env})".replace("%", "%%"))


def _run(args: Namespace, _session: Session) -> int:
    from jarvis import startup
    from jarvis.config import SETTINGS, load_config

    flags = {setting.field: getattr(args, setting.field, None) for setting in SETTINGS}
    return startup.run_daemon(load_config(flags=flags))


DAEMON = Command(
    _run,
    flags=_flags,
    about="Run the daemon in the foreground until SIGTERM or SIGINT; runs that have started may end first.",
    examples="""
jarvis daemon
jarvis daemon --log-file - --log-level DEBUG
jarvis --home /tmp/try daemon --tick-interval 10""",
)
