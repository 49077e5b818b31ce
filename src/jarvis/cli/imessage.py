"""`jarvis imessage`: the iMessage daemon, in the foreground."""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager

from jarvis.cli.command import Command
from jarvis.errors import ConfigError, JarvisError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from jarvis.cli.session import Session
    from jarvis.config import Config
    from jarvis.imessage.chatdb import ChatDatabase
    from jarvis.imessage.daemon import IMessageDaemon
    from jarvis.imessage.state import StateStore


def _flags(parser: ArgumentParser) -> None:
    from jarvis.config import SETTINGS

    parser.add_argument("--once", action="store_true", help="one pass, and no more")
    parser.add_argument("--check", action="store_true", help="say what would be read and whose commands count")
    parser.add_argument("--json", action="store_true", help="the same as JSON; with --check")
    for setting in SETTINGS:
        if setting.field.startswith("imessage_"):
            flag, metavar = f"--{setting.field.replace('_', '-')}", setting.field.rpartition("_")[2].upper()
            parser.add_argument(flag, metavar=metavar, help=f"{setting.doc} ({setting.env})".replace("%", "%%"))


def _run(args: Namespace, _session: Session) -> int:
    from jarvis.imessage.chatdb import ChatDatabase

    if args.json and not args.check:
        raise UsageError("--json goes with --check: what else there is to say is in the log")
    config = _config(args)
    _refuse(config)
    chats = ChatDatabase(config.imessage_chat_db)
    if args.check:
        return _check(args, config, chats)
    from jarvis.imessaging import imessage_state

    with _alone(config), closing(imessage_state(config)) as state:
        _serve(args, config, state, chats)
    return 0


def _config(args: Namespace) -> Config:
    from jarvis.config import SETTINGS, load_config

    fields = [setting.field for setting in SETTINGS if setting.field == "home" or "imessage_" in setting.field]
    return load_config(flags={field: getattr(args, field) for field in fields})


def _refuse(config: Config) -> None:
    """What cannot work is said before anything is opened."""
    if sys.platform != "darwin" and config.sources["IMESSAGE_CHAT_DB"] == "default":
        raise JarvisError(
            f"iMessage is a part of macOS, and this machine runs {sys.platform}: there are no messages to read here. "
            "To read a copy of a chat.db, name it in IMESSAGE_CHAT_DB"
        )
    problems = []
    if not config.imessage_senders:
        problems.append(
            "IMESSAGE_ALLOWED_SENDERS names nobody, and without it anybody could give commands: set it to your own "
            "telephone number or mail address, as in IMESSAGE_ALLOWED_SENDERS=+15551234567"
        )
    if config.database_path is None:
        problems.append("JARVIS_DATABASE_URL is a store in memory, which no other process can see: name a file")
    if problems:
        raise ConfigError(problems)


def _look(chats: ChatDatabase) -> int:
    """How far the messages go; ConfigError if they cannot be read."""
    from jarvis.imessage.chatdb import ChatError

    try:
        with chats.look() as look:
            last = look.last()
            look.after(last)
            return last
    except ChatError as error:
        raise ConfigError(f"IMESSAGE_CHAT_DB: {error}") from error


def _check(args: Namespace, config: Config, chats: ChatDatabase) -> int:
    from jarvis.cli.output import emit, listing
    from jarvis.imessaging import imessage_state

    last = _look(chats)
    with closing(imessage_state(config)) as state:
        found: dict[str, object] = {
            "messages": str(chats.path),
            "last_message": last,
            "last_read": state.watermark(),
            "senders": list(config.imessage_senders),
            "chats": list(config.imessage_chats),
            "notes_to_self": list(config.imessage_self),
            "prefix": config.imessage_prefix,
            "store": state.path,
            **{f"{name}_by_state": counts for name, counts in state.counts().items()},
        }
    if args.json:
        return emit(found)
    listing([(name.replace("_", " "), _shown(value)) for name, value in found.items()])
    return 0


def _shown(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{count} {state}" for state, count in value.items()) or None
    return value or None


def _serve(args: Namespace, config: Config, state: StateStore, chats: ChatDatabase) -> None:
    import logging

    from jarvis.cli.imessage_house import CommandLineHouse
    from jarvis.cli.session import Session
    from jarvis.imessaging import imessage_daemon
    from jarvis.log import setup_logging

    setup_logging(config._replace(log_file=config.imessage_log_file))
    log = logging.getLogger("jarvis.imessage")
    _look(chats)
    daemon = imessage_daemon(config, CommandLineHouse(lambda: Session(args.home)), state)
    log.info("reading %s every %g s, store %s", chats.path, config.imessage_poll, state.path)
    with _signals(daemon):
        if args.once:
            daemon.recover()
            daemon.tick()
        else:
            daemon.run(config.imessage_poll)
    log.info("stopped")


@contextmanager
def _signals(daemon: IMessageDaemon) -> Iterator[None]:
    """SIGTERM and SIGINT end it after what it is at, a second one at once; SIGHUP opens the log anew."""
    import signal

    from jarvis.log import reopen

    ends = (signal.SIGTERM, signal.SIGINT)

    def stop(_number: int, _frame: object) -> None:
        daemon.stop()
        for each in ends:
            signal.signal(each, signal.SIG_DFL)

    before = {each: signal.signal(each, stop) for each in ends}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda _number, _frame: reopen())
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Two of them on one store would each believe the other dead. The system lets go of it with the process."""
    import fcntl
    import os

    from jarvis.config import prepare_home

    prepare_home(config)
    path = config.data_dir / "imessage-worker.pid"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise JarvisError(f"another `jarvis imessage` works for this home: process {other}") from None
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


IMESSAGE = Command(
    _run,
    flags=_flags,
    about=(
        "Take commands that allowed senders send by iMessage, such as `jarvis: status`, and answer them. Runs in the "
        "foreground until SIGTERM or SIGINT, on a Mac whose Messages is signed in. docs/imessage.md says how to set "
        "it up."
    ),
    examples="""
jarvis imessage
jarvis imessage --check
jarvis imessage --once --imessage-log-file -""",
)
