"""`jarvis event`: something has happened, said by a person or a script."""

from __future__ import annotations

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, note
from jarvis.cli.status import NO_DAEMON
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session

MOST_BYTES = 1 << 20  # as long as a payload may be that is typed or piped


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="where it happened: github")
    parser.add_argument("type", metavar="TYPE", help="what happened: push")
    parser.add_argument("--payload", metavar="JSON", help="what there is to say of it; - reads it from stdin (null)")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    """Judged as strictly as a file in the inbox, and nothing is stored before."""
    from msgspec import Raw
    from msgspec.json import encode

    from jarvis.handlers.inbox import Refused, parse

    payload = _payload(args.payload)
    try:
        event = parse(encode({"source": args.source, "event_type": args.type, "payload": Raw(payload)}))
    except (Refused, UnicodeEncodeError) as error:
        raise UsageError(f"this is no event: {error}") from None
    event_id = session.store.events.emit(event.source, event.event_type, event.payload, session.now)
    if args.json:
        emit({"id": event_id, "source": event.source, "event_type": event.event_type})
    else:
        print(f"event {event_id} is stored: {escaped(event.source)}/{escaped(event.event_type)}")
    if not session.store.instances.living(session.now):
        note(NO_DAEMON)
    return 0


def _payload(given: str | None) -> bytes:
    import sys

    if given is None:
        return b"null"
    data = sys.stdin.buffer.read(MOST_BYTES + 1) if given == "-" else given.encode(errors="surrogateescape")
    if len(data) > MOST_BYTES:
        raise UsageError(f"--payload: more than {MOST_BYTES} bytes: drop it into the inbox as a file")
    if not data.strip():
        raise UsageError('--payload: nothing came: write JSON, such as \'{"ref": "main"}\'')
    return data


EMIT = Command(
    _run,
    flags=_flags,
    about="Say that something has happened. Tasks that wait for it (`task add --on SOURCE/TYPE`) are started.",
    examples="""
jarvis event emit github push --payload '{"ref": "main"}'
jarvis event emit home door-opened
jarvis event emit mail arrived --payload -""",
)
