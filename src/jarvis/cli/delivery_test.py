"""`jarvis delivery test`: one message by a channel, now, without the outbox."""

from __future__ import annotations

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped
from jarvis.errors import JarvisError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from datetime import datetime

    from jarvis.cli.session import Session
    from jarvis.config import Config

TEXT = "This is a test, sent by hand."


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("channel", metavar="CHANNEL", help="the channel's name: jarvis.toml has it as [channels.NAME]")
    parser.add_argument("--text", metavar="TEXT", default=TEXT, help="the message")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    from jarvis import app

    app.check_channel(args.channel, session.config)
    try:
        send_test(args.channel, args.text, session.config, session.now)
    except JarvisError as error:
        if not args.json:
            raise
        emit({"channel": args.channel, "sent": False, "error": str(error)})
        return error.exit_code
    if args.json:
        return emit({"channel": args.channel, "sent": True, "error": None})
    print(f"sent by {escaped(args.channel)}")
    return 0


def send_test(name: str, text: str, config: Config, now: datetime) -> None:
    """Send a message by a channel, past the outbox. A SendFailed and the like if it did not, or may not."""
    from jarvis import app
    from jarvis.scheduler.carrier import Deadline
    from jarvis.scheduler.clock import SystemClock
    from jarvis.scheduler.ports import Message

    channel, deadline = app.channel(name, config), Deadline(SystemClock())
    deadline.allow(channel.timeout)
    channel.send(
        Message(
            key=f"test:{now.isoformat()}",
            channel=name,
            kind="test",
            subject=f"Jarvis: a test of {name}",
            body=f"{text}\n",
            created_at=now,
            remaining=deadline.remaining,
        )
    )


TEST = Command(
    _run,
    flags=_flags,
    about="Send a message by a channel now, and say what came of it. The exit code is 1 if it could not be sent.",
    examples='jarvis delivery test me\njarvis delivery test me --text "Do you read me?"',
)
