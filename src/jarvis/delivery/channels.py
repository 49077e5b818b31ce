"""From a channel's name to the channel, as the configuration has it at that moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jarvis.delivery.discreet import DiscreetChannel
from jarvis.errors import ConfigError, SendFailed, SendRefused
from jarvis.scheduler.care import USUAL_CARE, Care
from jarvis.scheduler.ports import Channel
from jarvis.settings.channels import (
    AppriseSpec,
    ChannelSpec,
    CommandSpec,
    DesktopSpec,
    FileSpec,
    IMessageSpec,
    Means,
    SmtpSpec,
    WebhookSpec,
    filled,
)
from jarvis.settings.secretref import SecretError, Secrets

Environ = Callable[[], Mapping[str, str]]
Load = Callable[[], Mapping[str, ChannelSpec]]

_SHORTEST_TOKEN = 8  # characters of a part of a URL that may be a secret


def channel(name: str, load: Load, environ: Environ, now: Callable[[], datetime], folder: Path = Path()) -> Channel:
    """The channel of that name, of those `load` reads now: an edited file counts at once.

    `environ` gives what a command inherits and secrets are looked up in, `folder` is where their relative paths start.

    Raises SendRefused if there is none, SendFailed while the configuration cannot be read or a secret cannot be had.
    """
    try:
        specs = load()
    except ConfigError as error:
        raise SendFailed(f"the configuration cannot be read: {error.problems[0]}") from error
    if name not in specs:
        known = ", ".join(sorted(specs)) or "none"
        raise SendRefused(f"jarvis.toml has no channel named {name!r} any more (it has {known})")
    secrets = Secrets(environ, folder)
    try:
        means = filled(specs[name], secrets)
    except SecretError as error:
        raise SendFailed(str(error)) from None
    except ValueError as error:
        raise SendFailed(secrets.scrub(str(error))) from None
    if isinstance(means, FileSpec):
        return made(means, environ, now)
    _hide(means, secrets)
    return DiscreetChannel(made(means, environ, now, secrets.scrub), secrets)


def made(means: Means, environ: Environ, now: Callable[[], datetime], scrub: Callable[[str], str] = str) -> Channel:
    """The channel that a spec states. Each is loaded when there is one: mail alone brings half of a library."""
    if isinstance(means, SmtpSpec):
        from jarvis.delivery.smtp import SmtpChannel

        return SmtpChannel(means)
    if isinstance(means, WebhookSpec):
        from jarvis.delivery.webhook import WebhookChannel

        return WebhookChannel(means, now, scrub)
    return _simple(means, environ, scrub)


def _simple(means: Means, environ: Environ, scrub: Callable[[str], str]) -> Channel:
    """Those that have a program or a file do it."""
    if isinstance(means, AppriseSpec):
        from jarvis.delivery.apprise import AppriseChannel

        return AppriseChannel(means, environ, scrub)
    if isinstance(means, IMessageSpec):
        from jarvis.delivery.imessage import IMessageChannel

        return IMessageChannel(means, environ)
    if isinstance(means, DesktopSpec):
        from jarvis.delivery.desktop import DesktopChannel

        return DesktopChannel(means, environ)
    if isinstance(means, CommandSpec):
        from jarvis.delivery.command import CommandChannel

        return CommandChannel(means, environ, scrub)
    assert isinstance(means, FileSpec)  # noqa: S101 - nothing else is left
    from jarvis.delivery.file import FileChannel

    return FileChannel(means)


def _hide(means: Means, secrets: Secrets) -> None:
    """Keep from being shown what the configuration holds as it is."""
    if isinstance(means, SmtpSpec):
        secrets.hide(means.password)
    if isinstance(means, WebhookSpec):
        for _, text in means.headers:
            secrets.hide(text)
            secrets.hide(text.partition(" ")[2])  # what follows Bearer
    if isinstance(means, WebhookSpec | AppriseSpec):
        _hide_url(means.url, secrets)


def _hide_url(url: str, secrets: Secrets) -> None:
    """The whole of it, and of its parts those that may be a secret: all but the host."""
    secrets.hide(url)
    try:
        parts = urlsplit(url)
    except ValueError:  # Apprise may understand it all the same
        return
    named, _, host = parts.netloc.rpartition("@")
    pieces = re.split(r"[/?&=;:@,]", "/".join((named, parts.path, parts.query, parts.fragment)))
    if not parts.path.strip("/"):
        pieces.append(host)  # tgram://TOKEN has nothing else
    for piece in pieces:
        if len(piece) >= _SHORTEST_TOKEN:
            secrets.hide(piece)
            secrets.hide(unquote(piece))


class Cares:
    """What is done with what each channel cannot deliver, as jarvis.toml says it now.

    A file that cannot be read, or was left half edited, changes nothing until it can be.
    """

    def __init__(self, file: Path, load: Load) -> None:
        self._file = file
        self._load = load
        self._seen: tuple[int, ...] | None = None
        self._cares: dict[str, Care] = {}

    def __call__(self, name: str) -> Care:
        """That of one channel; the usual one for a channel there is not."""
        if (seen := self._stamp()) != self._seen:
            self._seen = seen
            with suppress(ConfigError):
                self._cares = {each: spec.care for each, spec in self._load().items()}
        return self._cares.get(name, USUAL_CARE)

    def _stamp(self) -> tuple[int, ...]:
        try:
            facts = self._file.stat()
        except OSError:
            return ()
        return facts.st_mtime_ns, facts.st_size, facts.st_ino
