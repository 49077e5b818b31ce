"""`jarvis inbox serve`: the process that receives events over HTTP. The daemon itself listens on nothing."""

from __future__ import annotations

import ipaddress

from jarvis.cli.command import Command
from jarvis.errors import ConfigError, JarvisError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from jarvis.cli.session import Session
    from jarvis.hooks.server import HookServer
    from jarvis.settings.sources import Source

DEFAULT = "127.0.0.1:8484"


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default=DEFAULT, help=f"where ({DEFAULT}); port 0: any free one"
    )
    parser.add_argument(
        "--public", action="store_true", help="allow an address that other machines can reach; signed sources only"
    )


def _run(args: Namespace, session: Session) -> int:
    from jarvis import app
    from jarvis.config import prepare_home
    from jarvis.log import setup_logging

    host, port = _address(args.listen)
    config = session.config
    _check(config.inbox_sources, host, args.public, str(config.file))
    prepare_home(config)
    setup_logging(config._replace(log_file=None))  # to stderr alone: the log's file is the daemon's
    try:
        server = app.hook_server(config, host, port)
    except OSError as error:
        raise JarvisError(f"cannot listen on {args.listen}: {error.strerror or error}") from error
    _serve(server, sorted(config.inbox_sources))
    return 0


def _serve(server: HookServer, names: list[str]) -> None:
    """Until SIGTERM or SIGINT; what is being received then may end.

    Which signal it was is read from the pipe: one that meets a thread other than this is there at once, while the
    interpreter may call its handler only after the last line was written.
    """
    import logging
    import os
    import signal

    log = logging.getLogger("jarvis.hooks")
    stop, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    log.info("listening on %s for %s", server.url, ", ".join(names))
    server.serve_until(stop)
    log.info("%s: stopping", signal.Signals(os.read(stop, 1)[0]).name)
    server.server_close()
    log.info("stopped")


def _address(text: str) -> tuple[str, int]:
    """Host and port. A host is an address or localhost: a name could lead elsewhere tomorrow."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    host = "127.0.0.1" if host == "localhost" else host
    try:
        ipaddress.ip_address(host)
        if not (port.isascii() and port.isdecimal() and int(port) < 65536):
            raise ValueError(port)
    except ValueError:
        raise UsageError(
            f"--listen: got {text!r}, use an address and a port, such as {DEFAULT} or [::1]:8484"
        ) from None
    return host, int(port)


def _check(sources: Mapping[str, Source], host: str, public: bool, file: str) -> None:
    if not sources:
        raise ConfigError(f"{file} names no source: a table [inbox.sources.NAME] says who sends (docs/inbox.md)")
    if ipaddress.ip_address(host).is_loopback:
        return
    if not public:
        raise UsageError(f"{host} can be reached by other machines: if that is meant, add --public")
    if not any(source.signed for source in sources.values()):
        raise ConfigError(f"no source in {file} is signed: nobody could tell who sends from another machine")


SERVE = Command(
    _run,
    flags=_flags,
    about=(
        "Receive events by POST to /hooks/SOURCE for the sources of jarvis.toml, check their signatures, and drop each "
        "into the inbox. A process of its own, which the daemon does not need. Runs until SIGTERM or SIGINT."
    ),
    examples="""
jarvis inbox serve
jarvis inbox serve --listen 127.0.0.1:9000
jarvis inbox serve --listen 0.0.0.0:8484 --public""",
)
